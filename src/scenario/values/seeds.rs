//! The seeds of the replications, such as "1..20".

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::text_value;
use crate::scenario::problem::{Refusal, quoted};

/// No study needs more replications than this; a longer range is a slip of the finger.
const MOST: u64 = 1_000_000;

/// Seeds in the order in which they are written, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds {
    ranges: Vec<RangeInclusive<u64>>,
}

impl Seeds {
    /// Every seed, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges.iter().cloned().flatten()
    }

    /// How many seeds there are; never none.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(length).fold(0, u64::saturating_add)
    }

    /// Whether a seed is among them.
    pub fn contains(&self, seed: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(&seed))
    }
}

fn length(range: &RangeInclusive<u64>) -> u64 {
    (range.end() - range.start()).saturating_add(1)
}

impl FromStr for Seeds {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for part in text.split(',') {
            let range = range(part.trim())?;
            let clash = |other: &&RangeInclusive<u64>| {
                other.start() <= range.end() && range.start() <= other.end()
            };
            if let Some(other) = ranges.iter().find(clash) {
                let twice = other.start().max(range.start());
                let reason = format!("the seed {twice} is there twice");
                return Err(Refusal::new(reason, "write each seed once"));
            }
            ranges.push(range);
        }
        let seeds = Self { ranges };
        if seeds.count() > MOST {
            let reason = format!("these are {} seeds", seeds.count());
            return Err(Refusal::new(reason, format!("write at most {MOST}")));
        }
        Ok(seeds)
    }
}

fn range(part: &str) -> Result<RangeInclusive<u64>, Refusal> {
    let unclear = || {
        let reason = match part {
            "" => "a seed is missing".to_owned(),
            _ => format!("{} is neither a seed nor a range", quoted(part)),
        };
        Refusal::new(
            reason,
            "write whole numbers and ranges, such as \"1..20\", \"7\" or \"1..5, 9\"",
        )
    };
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| unclear());
    let (first, last) = match part.split_once("..") {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(part)?, number(part)?),
    };
    if first > last {
        let cure = format!("write \"{last}..{first}\"");
        return Err(Refusal::new(format!("{} runs backwards", quoted(part)), cure));
    }
    Ok(first..=last)
}

impl Display for Seeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, range) in self.ranges.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(formatter, "{comma}{first}")?,
                (first, last) => write!(formatter, "{comma}{first}..{last}")?,
            }
        }
        Ok(())
    }
}

text_value!(Seeds, "seeds as numbers and ranges", ["1..20", "7", "1..5, 9"], |number| format!(
    "write it in quotes: \"{number}\" for this one seed, \"1..{number}\" for as many seeds"
));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_keep_their_order() {
        let seeds: Seeds = "9, 1..3".parse().unwrap();
        assert_eq!(seeds.iter().collect::<Vec<_>>(), [9, 1, 2, 3]);
        assert_eq!((seeds.count(), seeds.to_string().as_str()), (4, "9, 1..3"));
        assert!(seeds.contains(2) && !seeds.contains(4));
    }

    #[test]
    fn what_are_no_seeds_is_refused() {
        let bad = [
            ("", "missing"),
            ("1,", "missing"),
            ("1..", "neither"),
            ("1..=5", "neither"),
            ("-1", "neither"),
            ("1.5", "neither"),
            ("5..1", "\"1..5\""),
            ("1..5, 3", "the seed 3 is there twice"),
            ("0..18446744073709551615", "at most"),
            ("0..1000000", "these are 1000001 seeds"),
            ("99999999999999999999", "neither"),
        ];
        for (text, wanted) in bad {
            let refusal = text.parse::<Seeds>().unwrap_err().to_string();
            assert!(refusal.contains(wanted), "{text}: {refusal}");
        }
    }
}
