//! How the rate of arrivals follows the wall clock: weights within the day, and of the days of the week.

use std::f64::consts::TAU;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calendar::LocalClock;
use crate::math;
use crate::units::SimTime;

const SECONDS_A_DAY: u32 = 86_400;
/// Steps of a smooth curve within a day, of five minutes each.
const SMOOTH_STEPS: u32 = 288;

/// Factors of the rate by local time, constant over steps of the wall clock; their mean over a week of 168 hours is 1.
///
/// A day of 25 hours has its repeated hour twice at that hour's rate, one of 23 hours lacks it.
#[derive(Clone, Debug, PartialEq)]
pub struct RateProfile {
    start: Timestamp,
    zone: TimeZone,
    daily: Vec<f64>,
    weekly: [f64; 7],
}

impl RateProfile {
    /// A profile of a run that starts at `start`: the weights of equal parts of a local day of `zone`, and of the days from
    /// Monday on.
    ///
    /// # Panics
    /// If a day cannot be cut into so many parts of whole seconds, a weight is negative, or all of them are 0.
    #[must_use]
    pub fn new(start: Timestamp, zone: TimeZone, daily: Vec<f64>, weekly: [f64; 7]) -> Self {
        assert!(!daily.is_empty() && SECONDS_A_DAY.is_multiple_of(daily.len() as u32));
        let mean_one = |weights: &[f64]| -> Vec<f64> {
            let mean = weights.iter().sum::<f64>() / weights.len() as f64;
            assert!(mean > 0.0 && weights.iter().all(|w| *w >= 0.0), "weights {weights:?}");
            weights.iter().map(|weight| weight / mean).collect()
        };
        let days = mean_one(&weekly);
        Self { start, zone, daily: mean_one(&daily), weekly: std::array::from_fn(|day| days[day]) }
    }

    /// Weights of the parts of a day that follow 1 + `amplitude` cos(2 pi (t - `peak_s`) / 24 h), each the mean over its five
    /// minutes; `amplitude` from 0 to 1, `peak_s` in seconds after local midnight.
    #[must_use]
    pub fn sinusoid(peak_s: u32, amplitude: f64) -> Vec<f64> {
        let sine = |step: u32| {
            let second = f64::from(step) * f64::from(SECONDS_A_DAY / SMOOTH_STEPS);
            math::sin(TAU * (second - f64::from(peak_s)) / f64::from(SECONDS_A_DAY))
        };
        let width = TAU / f64::from(SMOOTH_STEPS);
        (0..SMOOTH_STEPS)
            .map(|step| (1.0 + amplitude * (sine(step + 1) - sine(step)) / width).max(0.0))
            .collect()
    }

    pub(super) fn clock(&self) -> LocalClock {
        LocalClock::new(self.start, self.zone.clone())
    }

    /// The factor at `now`, and until when it holds.
    pub(super) fn at(&self, clock: &mut LocalClock, now: SimTime) -> (f64, SimTime) {
        let local = clock.at(now);
        let step_s = SECONDS_A_DAY / self.daily.len() as u32;
        let weekday = clock.date(local.day).weekday().to_monday_zero_offset();
        let factor = self.daily[(local.second_of_day / step_s) as usize]
            * self.weekly[weekday.unsigned_abs() as usize];
        (factor, clock.next_step(now, step_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sinusoid_peaks_where_it_should_and_has_mean_1() {
        let weights = RateProfile::sinusoid(15 * 3600, 0.6);
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        assert!((mean - 1.0).abs() < 1e-14, "{mean}");
        let largest = weights.iter().copied().fold(0.0, f64::max);
        // The steps on either side of 15:00; cos is within 1e-4 of 1 there.
        assert!(weights[15 * 12] == largest || weights[15 * 12 - 1] == largest);
        assert!((largest - 1.6).abs() < 1e-4, "{largest}");
        assert!((weights[3 * 12] - 0.4).abs() < 1e-4);
        assert!(RateProfile::sinusoid(0, 1.0).iter().all(|w| *w >= 0.0));
    }

    #[test]
    fn steps_follow_the_wall_clock_through_its_changes() {
        // Clocks go from 02:00 to 03:00 on 29 March 2026 and from 03:00 back to 02:00 on 25 October 2026.
        let zone = TimeZone::get("Europe/Berlin").expect("bundled zone");
        let hours: Vec<f64> = (0..24).map(|hour| f64::from(hour) + 1.0).collect();
        for (start, n, first_hours) in
            [("2026-03-28T23:00:00Z", 23, [0, 1, 3, 4]), ("2026-10-24T22:00:00Z", 25, [0, 1, 2, 2])]
        {
            let start: Timestamp = start.parse().expect("an instant");
            let profile = RateProfile::new(start, zone.clone(), hours.clone(), [1.0; 7]);
            let mut clock = profile.clock();
            let mut now = SimTime::ZERO;
            let mut seen = Vec::new();
            while clock.at(now).day == 0 {
                let (factor, until) = profile.at(&mut clock, now);
                seen.push((factor * 12.5).round() as i32 - 1);
                assert_eq!(until.since(now).as_secs_f64(), 3600.0);
                now = until;
            }
            assert_eq!((seen.len(), &seen[..4]), (n, &first_hours[..]));
        }
    }

    #[test]
    fn days_of_the_week_count_from_monday_and_begin_at_local_midnight() {
        // 2026-03-02 is a Monday; 09:30 there leaves 14 h 30 min of it.
        let zone = TimeZone::get("Asia/Seoul").expect("bundled zone");
        let start: Timestamp = "2026-03-02T00:30:00Z".parse().expect("an instant");
        let week = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let profile = RateProfile::new(start, zone, vec![3.0], week);
        let mut clock = profile.clock();
        let mut now = SimTime::ZERO;
        for (n, weight) in week.iter().chain(&week).enumerate() {
            let (factor, until) = profile.at(&mut clock, now);
            assert!((factor - weight / 4.0).abs() < 1e-15, "day {n}");
            let hours = if n == 0 { 14.5 } else { 24.0 };
            assert_eq!(until.since(now).as_secs_f64(), hours * 3600.0);
            now = until;
        }
    }
}
