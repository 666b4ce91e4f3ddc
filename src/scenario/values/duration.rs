//! Durations with their units, such as "1h 30min".

use std::fmt::{self, Display};
use std::str::FromStr;

use super::text_value;
use crate::scenario::problem::{Refusal, ticked};

/// The units from large to small, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// A length of time in whole nanoseconds, never negative and at most about 292 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration for constants of the program.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis as u64 * 1_000_000)
    }

    /// A duration for messages.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds, which fit an `i64` as well.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The seconds.
    #[expect(clippy::cast_precision_loss, reason = "a float of seconds cannot be exact anyway")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl FromStr for Duration {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(Refusal::new("it is empty", "write a duration, such as \"30s\""));
        }
        if rest.starts_with('-') {
            let cure = "write it without the sign, such as \"30s\"";
            return Err(Refusal::new("a duration is not negative", cure));
        }
        let mut total = 0_u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let (nanos, unit, behind) = part(rest)?;
            if unit >= last {
                let cure = "write the large units first, each once, such as \"1h 30min\"";
                return Err(Refusal::new("its units are not in order", cure));
            }
            last = unit;
            total = total.checked_add(nanos).filter(fits).ok_or_else(too_long)?;
            rest = behind;
        }
        Ok(Self(total))
    }
}

/// Reads one number with its unit: the nanoseconds, those of the unit, and the text behind.
fn part(text: &str) -> Result<(u64, u64, &str), Refusal> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, behind) = text.split_at(end);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || number.ends_with('.') || decimals.contains('.') {
        let cure = "write numbers with their units, such as \"30s\" or \"1h 30min\"";
        return Err(Refusal::new("it is not a duration", cure));
    }
    let behind = behind.trim_start();
    let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
    let (name, behind) = behind.split_at(end);
    if name.is_empty() {
        let cure = format!("write it with its unit, such as \"{number}s\"");
        return Err(Refusal::new("it has no unit", cure));
    }
    let Some((_, unit)) = UNITS.iter().find(|(known, _)| *known == name) else {
        let cure = "the units are d, h, min, s, ms, us and ns";
        return Err(Refusal::new(format!("{} is not a unit", ticked(name)), cure));
    };
    let whole: u64 = whole.parse().map_err(|_| too_long())?;
    let nanos = whole.checked_mul(*unit).ok_or_else(too_long)?;
    let nanos = nanos.checked_add(fraction(decimals, *unit)?).filter(fits);
    Ok((nanos.ok_or_else(too_long)?, *unit, behind.trim_start()))
}

/// The nanoseconds of the digits behind the point, which must come out whole.
fn fraction(decimals: &str, unit: u64) -> Result<u64, Refusal> {
    let inexact = || Refusal::new("it is not a whole number of nanoseconds", "use fewer decimals");
    let mut scale = 1_u128;
    let mut digits = 0_u128;
    for digit in decimals.trim_end_matches('0').bytes() {
        scale = scale.checked_mul(10).filter(|s| *s < 1 << 60).ok_or_else(inexact)?;
        digits = digits * 10 + u128::from(digit - b'0');
    }
    let nanos = digits * u128::from(unit);
    if !nanos.is_multiple_of(scale) {
        return Err(inexact());
    }
    u64::try_from(nanos / scale).map_err(|_| too_long())
}

fn fits(nanos: &u64) -> bool {
    i64::try_from(*nanos).is_ok()
}

fn too_long() -> Refusal {
    Refusal::new("it is too long", "write at most 106751d, which are 292 years")
}

impl Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("0s");
        }
        let mut rest = self.0;
        let mut gap = "";
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(formatter, "{gap}{}{name}", rest / unit)?;
                gap = " ";
                rest %= unit;
            }
        }
        Ok(())
    }
}

text_value!(
    Duration,
    "a duration with its unit",
    ["30s", "500ms", "1h 30min", "7d"],
    |number| format!("write it with its unit, such as \"{}s\"", number.trim_start_matches('-'))
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        let good = [
            ("30s", 30_000_000_000, "30s"),
            ("500ms", 500_000_000, "500ms"),
            ("250us", 250_000, "250us"),
            ("7d", 604_800_000_000_000, "7d"),
            ("24h", 86_400_000_000_000, "1d"),
            ("1h 30min", 5_400_000_000_000, "1h 30min"),
            ("1h30min", 5_400_000_000_000, "1h 30min"),
            ("1.5 s", 1_500_000_000, "1s 500ms"),
            ("0s", 0, "0s"),
        ];
        for (text, nanos, shown) in good {
            let read: Duration = text.parse().unwrap();
            assert_eq!((read.nanos(), read.to_string().as_str()), (nanos, shown), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_cure() {
        let bad = [
            ("", "it is empty"),
            ("-5s", "not negative"),
            ("30", "such as \"30s\""),
            ("5m", "`m` is not a unit"),
            ("1s 1s", "not in order"),
            ("1min 1h", "not in order"),
            ("1..5s", "not a duration"),
            (".5s", "not a duration"),
            ("soon", "not a duration"),
            ("0.5ns", "nanoseconds"),
            ("0.00000000000000000000000000000000001s", "nanoseconds"),
            ("999999999999d", "too long"),
            ("106751d 24h", "too long"),
            ("99999999999999999999s", "too long"),
        ];
        for (text, wanted) in bad {
            let refusal = text.parse::<Duration>().unwrap_err().to_string();
            assert!(refusal.contains(wanted), "{text}: {refusal}");
        }
    }
}
