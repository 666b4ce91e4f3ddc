//! The shipped clock-change scenario: every provider resets in its own zone, across a day of 25 hours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reflexarc::engine::{self, Observer, Sample};
use reflexarc::scenario;
use reflexarc::units::SimTime;

/// Tokens used of every model's quota in the last instant of each hour.
#[derive(Default)]
struct Hourly(Vec<Vec<u64>>);

impl Observer for Hourly {
    fn sample_due(&self) -> SimTime {
        SimTime((self.0.len() as u64 + 1) * 3_600_000_000_000 - 1)
    }

    fn sample(&mut self, _: SimTime, sample: Sample) {
        self.0.push(sample.quotas.iter().map(|quota| quota.used).collect());
    }
}

#[test]
fn the_shipped_scenario_resets_every_provider_in_its_own_zone() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/clock-change.toml");
    let resolved = scenario::read(Path::new(path), false).unwrap_or_else(|r| panic!("{r}"));
    let cell = resolved.cell(&resolved.blocks[0], &resolved.variants[0].stack);
    let mut falls: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for seed in 1..=5 {
        let mut hourly = Hourly::default();
        engine::run(&cell, seed, &mut hourly);
        assert_eq!(hourly.0.len(), 73);
        for (hour, pair) in (1..).zip(hourly.0.windows(2)) {
            for (model, (before, after)) in
                resolved.registry.models.iter().zip(pair[0].iter().zip(&pair[1]))
            {
                if after < before {
                    falls.entry(&model.name).or_default().insert(hour);
                }
            }
        }
    }
    // The run starts at 22:00Z.
    for (models, hours) in [
        (&["Claude", "Groq", "Groq-Extended"][..], &[2, 26, 50][..]),
        (&["Gemini", "OpenAI"], &[9, 33, 57]),
        (&["DeepSeek"], &[17, 41, 65]),
        (&["Mistral", "SambaNova", "Cerebras", "OpenRouter"], &[24, 49]),
    ] {
        for model in models {
            assert_eq!(falls[model], hours.iter().copied().collect(), "{model}, seeds 1..5");
        }
    }
}
