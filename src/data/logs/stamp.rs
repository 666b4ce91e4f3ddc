//! Time stamps of logs: ISO 8601 with or without an offset, or seconds since the Unix epoch.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Reads a time stamp as nanoseconds since the Unix epoch. One without an offset is in UTC; a `T` or a space stands
/// before the time; a plain number is seconds.
pub(super) fn parse(text: &str) -> Option<i64> {
    let stamp = match text.parse::<Timestamp>() {
        Ok(stamp) => stamp,
        Err(_) => match text.parse::<DateTime>() {
            Ok(local) => Offset::UTC.to_timestamp(local).ok()?,
            Err(_) => return of_seconds(text.parse().ok()?),
        },
    };
    i64::try_from(stamp.as_nanosecond()).ok()
}

/// Seconds as nanoseconds, if they are within reach (292 years).
pub(super) fn of_seconds(seconds: f64) -> Option<i64> {
    // Whole seconds apart: the product of both would lose the last digits of a time since the epoch.
    let whole = seconds.floor();
    let rest = ((seconds - whole) * 1e9).round() as i64;
    (whole.abs() < 9.2e9).then(|| whole as i64 * 1_000_000_000 + rest)
}

/// From one instant to a later one, in seconds.
pub(super) fn seconds_between(from_ns: i64, to_ns: i64) -> f64 {
    to_ns.abs_diff(from_ns) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_all_logs_are_read() {
        // 2023-11-16 18:15:46 UTC, by `date -u -d @1700158546`.
        let whole = 1_700_158_546_000_000_000;
        for (text, nanos) in [
            ("2023-11-16 18:15:46.6805900", 680_590_000),
            ("2023-11-16 18:15:46.680590+00:00", 680_590_000),
            ("2023-11-16 18:15:46.680590+00", 680_590_000),
            ("2023-11-16T18:15:46.68059Z", 680_590_000),
            ("2023-11-16T19:15:46+01:00", 0),
            ("2023-11-16 18:15:46", 0),
            ("1700158546.25", 250_000_000),
        ] {
            assert_eq!(parse(text), Some(whole + nanos), "{text}");
        }
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("NaN"), None);
        assert_eq!(of_seconds(1e12), None);
    }
}
