//! Local times and time zones.

use std::fmt::{self, Display};
use std::str::FromStr;

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::duration::Duration;
use super::text_value;
use crate::scenario::problem::{Refusal, closest};

/// A date and time of day in the scenario's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalDateTime(pub civil::DateTime);

impl FromStr for LocalDateTime {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let cure = "write a local date and time, such as \"2026-03-02T00:00\"";
        let (date, time) = text
            .split_once(['T', ' '])
            .ok_or_else(|| Refusal::new("it is not a date and time", cure))?;
        if time.contains(|c: char| !c.is_ascii_digit() && c != ':' && c != '.') {
            let reason = "it is not a local time";
            let cure =
                "write it without an offset, such as \"2026-03-02T00:00\": the zone is `time.zone`";
            return Err(Refusal::new(reason, cure));
        }
        let impossible = |error: jiff::Error| {
            let reason = error.to_string().replace(char::is_control, " ");
            Refusal::new(reason, cure)
        };
        let date = date.parse::<civil::Date>().map_err(impossible)?;
        Ok(Self(date.to_datetime(
            time_of_day(time).ok_or_else(|| Refusal::new("it has no such time of day", cure))?,
        )))
    }
}

fn time_of_day(text: &str) -> Option<civil::Time> {
    let shape = text.split_once(':')?;
    let two = |part: &str| part.len() >= 2 && part.as_bytes()[..2].iter().all(u8::is_ascii_digit);
    if !two(shape.0) || !two(shape.1) {
        return None;
    }
    text.parse().ok()
}

impl Display for LocalDateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

text_value!(LocalDateTime, "a local date and time", ["2026-03-02T00:00"], |_| {
    "write a local date and time, such as \"2026-03-02T00:00\"".to_owned()
});

/// A local time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub civil::Time);

impl TimeOfDay {
    /// A constant's time of day.
    ///
    /// # Panics
    /// If there is no such hour or minute.
    pub const fn of(hour: i8, minute: i8) -> Self {
        Self(civil::Time::constant(hour, minute, 0, 0))
    }
}

impl FromStr for TimeOfDay {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let cure = "write a local time of day, such as \"08:00\"";
        // Minutes are as fine as a time of day is named in tables.
        let time = time_of_day(text).filter(|_| text.len() == 5);
        time.map(Self).ok_or_else(|| Refusal::new("it is no hour and minute of a day", cure))
    }
}

impl Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.strftime("%H:%M").to_string())
    }
}

text_value!(TimeOfDay, "a local time of day", ["08:00"], |_| {
    "write a local time of day, such as \"08:00\"".to_owned()
});

/// When a fault starts or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultTime {
    /// A local time of day on the first day: "10:00".
    OnFirstDay(civil::Time),
    /// A local date and time: "2026-03-03T10:00".
    At(civil::DateTime),
    /// A time after the start of the run: "+2h".
    After(Duration),
}

impl FromStr for FaultTime {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Some(after) = text.strip_prefix('+') {
            return after.parse().map(Self::After).map_err(|refusal: Refusal| {
                let cure = "write the time after the start of the run, such as \"+2h\"";
                Refusal::new(refusal.reason, cure)
            });
        }
        if text.contains('-') {
            return text.parse().map(|LocalDateTime(moment)| Self::At(moment));
        }
        if let Some(time) = time_of_day(text) {
            return Ok(Self::OnFirstDay(time));
        }
        let cure = match text.parse::<Duration>() {
            Ok(_) => format!("for a time after the start write \"+{text}\""),
            Err(_) => {
                "write a time of day such as \"10:00\", a date and time such as \"2026-03-03T10:00\", \
                 or a time after the start such as \"+2h\""
                    .to_owned()
            }
        };
        Err(Refusal::new("", cure))
    }
}

impl Display for FaultTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnFirstDay(time) => time.fmt(formatter),
            Self::At(moment) => moment.fmt(formatter),
            Self::After(duration) => write!(formatter, "+{duration}"),
        }
    }
}

text_value!(
    FaultTime,
    "a time of day, a date and time, or a time after the start",
    ["10:00", "2026-03-03T10:00", "+2h"],
    |number| format!("for a time after the start write \"+{}s\"", number.trim_start_matches('-'))
);

/// A time zone of the IANA database that is part of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The name, such as "Asia/Seoul".
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules of the zone.
    pub fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let database = TimeZoneDatabase::bundled();
        let known = database.get(text).ok();
        if let Some(zone) = known.filter(|zone| zone.iana_name() == Some(text)) {
            let name = text.to_owned();
            return Ok(Self { name, zone });
        }
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let cure = match closest(text, &names) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a name such as \"Asia/Seoul\" or \"UTC\"".to_owned(),
        };
        Err(Refusal::new("there is no such time zone", cure))
    }
}

impl Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

text_value!(Zone, "the name of an IANA time zone", ["Asia/Seoul", "UTC"], |_| {
    "write a name such as \"Asia/Seoul\" or \"UTC\"".to_owned()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: FromStr<Err = Refusal> + fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn local_times_are_read() {
        let read: LocalDateTime = "2026-03-02T00:00".parse().unwrap();
        assert_eq!(read.0, civil::date(2026, 3, 2).at(0, 0, 0, 0));
        assert!("2026-03-02 10:30:15".parse::<LocalDateTime>().is_ok());
        for text in ["2026-03-02", "2026-02-30T00:00", "2026-03-02T25:00", "T", "2026-03-02T"] {
            assert!(refusal::<LocalDateTime>(text).contains("such as"), "{text}");
        }
        assert!(refusal::<LocalDateTime>("2026-03-02T00:00+09:00").contains("without an offset"));
        assert!(refusal::<LocalDateTime>("2026-03-02T00:00Z").contains("time.zone"));
    }

    #[test]
    fn fault_times_have_three_forms() {
        assert_eq!("10:00".parse(), Ok(FaultTime::OnFirstDay(civil::time(10, 0, 0, 0))));
        assert_eq!(
            "2026-03-03T10:00".parse(),
            Ok(FaultTime::At(civil::date(2026, 3, 3).at(10, 0, 0, 0)))
        );
        assert_eq!("+2h".parse::<FaultTime>().unwrap().to_string(), "+2h");
        assert!(refusal::<FaultTime>("2h").contains("\"+2h\""));
        assert!(refusal::<FaultTime>("noon").contains("10:00"));
        assert!(refusal::<FaultTime>("+soon").contains("+2h"));
        assert!(refusal::<FaultTime>("25:00").contains("10:00"));
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert_eq!("Asia/Seoul".parse::<Zone>().unwrap().name(), "Asia/Seoul");
        assert!("UTC".parse::<Zone>().is_ok());
        assert!(refusal::<Zone>("Asia/Soul").contains("did you mean \"Asia/Seoul\"?"));
        assert!(refusal::<Zone>("asia/seoul").contains("did you mean \"Asia/Seoul\"?"));
        assert!(refusal::<Zone>("Mars").contains("no such time zone"));
    }
}
