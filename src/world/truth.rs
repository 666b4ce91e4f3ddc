//! A seed's truth, drawn once around the declared figures.

use crate::math::{exp, logistic, logit};
use crate::registry::Latency;
use crate::sim::sample::standard_normal;
use crate::sim::stream::{Purpose, Streams};
use crate::units::{Level, PerLevel};
use crate::world::WorldSpec;

/// What is true of one model in one seed, before any fault.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Success probability per level.
    pub success: PerLevel<f64>,
    /// Mean quality per level.
    pub quality: PerLevel<f64>,
    /// Response time.
    pub latency: Latency,
}

/// Moves a probability by `shift` on the logit scale; 0 and 1 stay.
fn moved(p: f64, shift: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 || shift == 0.0 { p } else { logistic(logit(p) + shift) }
}

/// Draws the truth of every model. Figures are medians; a spread of 0 leaves them exactly as declared.
#[must_use]
pub fn draw(spec: &WorldSpec, streams: &Streams) -> Vec<Truth> {
    let levels = Level::ALL.len();
    spec.models
        .iter()
        .enumerate()
        .map(|(i, model)| {
            let (mut success, mut quality) = (model.success, model.quality);
            let mut slower = [1.0; 4];
            for level in 0..levels {
                let mut stream = streams.nth(Purpose::Truth, (i * levels + level) as u64);
                let z: [f64; 3] = std::array::from_fn(|_| standard_normal(&mut stream));
                success[level] = moved(success[level], spec.spread.success * z[0]);
                quality[level] = 100.0 * moved(quality[level] / 100.0, spec.spread.quality * z[1]);
                slower[level] = exp(spec.spread.latency * z[2]);
            }
            let latency = match model.latency {
                Latency::Response(ms) => {
                    Latency::Response(std::array::from_fn(|l| ms[l] * slower[l]))
                }
                Latency::PerToken { ttft_ms, ms_per_output_token } => Latency::PerToken {
                    ttft_ms: ttft_ms * slower[0],
                    ms_per_output_token: ms_per_output_token * slower[0],
                },
            };
            Truth { success, quality, latency }
        })
        .collect()
}
