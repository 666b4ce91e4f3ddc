//! What the error of a logged call counts as.

use crate::domain::Outcome;

/// Words of error classes, first match first, in lower case without separators.
const WORDS: [(&[&str], Outcome); 10] = [
    (&["quota", "budgetexceeded"], Outcome::QuotaExhausted),
    (&["ratelimit", "toomanyrequests", "resourceexhausted", "throttl"], Outcome::RateLimited),
    (&["timeout", "timedout", "deadline"], Outcome::Timeout),
    (
        &["authentication", "unauthorized", "unauthenticated", "permission", "forbidden", "apikey"],
        Outcome::Auth,
    ),
    (&["contextwindow", "contextlength"], Outcome::ContextLength),
    (&["contentpolicy", "contentfilter"], Outcome::ContentPolicy),
    (&["connection", "connecterror", "unknownhost"], Outcome::ConnectionError),
    (&["internal", "unavailable", "overloaded"], Outcome::ApiError),
    (&["cancel", "abort"], Outcome::Interrupted),
    (
        &[
            "badrequest",
            "invalidrequest",
            "invalidargument",
            "notfound",
            "unprocessable",
            "unsupported",
        ],
        Outcome::Failure,
    ),
];

/// What an error counts as, by its class (`RateLimitError`, `timeout`, ...) or HTTP status.
///
/// A mistake of the caller (400, 404, ...) is a `failure`: no fault of the provider; a prompt that is too long or against a
/// content policy has an outcome of its own. A call that the
/// caller gave up is `interrupted`. What cannot be told is an `api_error`.
#[must_use]
pub fn outcome_of_error(class: &str, status: Option<u16>) -> Outcome {
    let status = status.or_else(|| class.trim().parse().ok());
    let plain: String =
        class.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    let named = WORDS.iter().find(|(words, _)| words.iter().any(|word| plain.contains(word)));
    named
        .map(|(_, outcome)| *outcome)
        .or_else(|| status.and_then(of_status))
        .unwrap_or(Outcome::ApiError)
}

fn of_status(status: u16) -> Option<Outcome> {
    match status {
        401 | 403 => Some(Outcome::Auth),
        402 => Some(Outcome::QuotaExhausted),
        408 | 504 => Some(Outcome::Timeout),
        429 => Some(Outcome::RateLimited),
        499 => Some(Outcome::Interrupted),
        400..=498 => Some(Outcome::Failure),
        500..=599 => Some(Outcome::ApiError),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_class_and_status() {
        for (class, status, outcome) in [
            ("RateLimitError", Some(429), Outcome::RateLimited),
            ("", Some(429), Outcome::RateLimited),
            ("429", None, Outcome::RateLimited),
            ("insufficient_quota", Some(429), Outcome::QuotaExhausted),
            ("BudgetExceededError", Some(400), Outcome::QuotaExhausted),
            ("litellm.Timeout", Some(408), Outcome::Timeout),
            ("timeout", None, Outcome::Timeout),
            ("DEADLINE_EXCEEDED", None, Outcome::Timeout),
            ("AuthenticationError", Some(401), Outcome::Auth),
            ("InternalServerError", Some(500), Outcome::ApiError),
            ("APIConnectionError", None, Outcome::ConnectionError),
            ("java.net.UnknownHostException", None, Outcome::ConnectionError),
            ("_OTHER", None, Outcome::ApiError),
            ("529", None, Outcome::ApiError),
            ("ContextWindowExceededError", Some(400), Outcome::ContextLength),
            ("litellm.ContentPolicyViolationError", Some(400), Outcome::ContentPolicy),
            ("404", None, Outcome::Failure),
            ("499", None, Outcome::Interrupted),
        ] {
            assert_eq!(outcome_of_error(class, status), outcome, "{class} {status:?}");
        }
    }
}
