//! Which policy is evaluated, as it is written on the command line.

use std::path::PathBuf;
use std::str::FromStr;

/// The policy that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRule {
    /// Every action with the same probability.
    Uniform,
    /// One action.
    Always(String),
    /// The frequencies of actions in each context of another log.
    Frequencies(PathBuf),
    /// A table of `action`, `probability`, the columns of the context and, if there is one, `predicted_reward`.
    Probabilities(PathBuf),
    /// A column of the log with the target's probability of the action taken.
    Column(String),
    /// The frequencies of models in each context of another variant of the study.
    Variant(String),
}

const FORMS: &str =
    "uniform, always:ACTION, frequencies:FILE, probabilities:FILE, column:NAME or variant:NAME";

impl FromStr for TargetRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no target; write {FORMS}");
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            Some((_, "")) | None => Err(unknown()),
            Some(("always", action)) => Ok(Self::Always(action.to_owned())),
            Some(("frequencies", file)) => Ok(Self::Frequencies(file.into())),
            Some(("probabilities", file)) => Ok(Self::Probabilities(file.into())),
            Some(("column", name)) => Ok(Self::Column(name.to_owned())),
            Some(("variant", name)) => Ok(Self::Variant(name.to_owned())),
            Some(_) => Err(unknown()),
        }
    }
}

impl std::fmt::Display for TargetRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => write!(f, "uniform"),
            Self::Always(action) => write!(f, "always:{action}"),
            Self::Frequencies(file) => write!(f, "frequencies:{}", file.display()),
            Self::Probabilities(file) => write!(f, "probabilities:{}", file.display()),
            Self::Column(name) => write!(f, "column:{name}"),
            Self::Variant(name) => write!(f, "variant:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for text in ["uniform", "always:a:b", "frequencies:x.csv", "column:p", "variant:exp3"] {
            assert_eq!(text.parse::<TargetRule>().expect("a target").to_string(), text);
        }
        for text in ["", "always", "always:", "sometimes:x"] {
            assert!(text.parse::<TargetRule>().expect_err("none").contains("always:ACTION"));
        }
    }
}
