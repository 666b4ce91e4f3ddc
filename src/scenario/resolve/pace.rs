//! A model's own law of response times.

use crate::scenario::written::{ModelTruth, World};
use crate::world::{ModelService, Pace};

/// A model's own law of response times, or what is wrong with it and what to do.
pub(super) fn pace(
    truth: &ModelTruth,
    world: &World,
) -> Result<Option<Pace>, (&'static str, &'static str)> {
    let (sigma, shape) = (truth.latency_sigma, truth.latency_shape);
    let service = match (truth.service, sigma, shape) {
        (Some(service), _, _) => service,
        (None, None, None) => return Ok(None),
        (None, Some(_), None) => ModelService::Lognormal,
        (None, _, Some(_)) => {
            return Err((
                "`latency_shape` is the shape of a gamma or Weibull law",
                "write `service = \"gamma\"` or `service = \"weibull\"` beside it",
            ));
        }
    };
    let takes = match service {
        ModelService::Lognormal => (true, false),
        ModelService::Exponential | ModelService::Constant => (false, false),
        ModelService::Gamma | ModelService::Weibull => (false, true),
    };
    if sigma.is_some() && !takes.0 {
        return Err(("`latency_sigma` belongs to `service = \"lognormal\"` alone", "leave it out"));
    }
    if shape.is_some() && !takes.1 {
        let reason = "`latency_shape` belongs to `service = \"gamma\"` and \"weibull\" alone";
        return Err((reason, "leave it out"));
    }
    let shape = match (takes.1, shape) {
        (true, None) => {
            let reason = "a gamma or Weibull time of a response has no `latency_shape`";
            return Err((reason, "write it, such as `latency_shape = 4.0`"));
        }
        (_, shape) => shape.map_or(1.0, |shape| shape.get()),
    };
    Ok(Some(match service {
        ModelService::Lognormal => Pace::Lognormal(sigma.unwrap_or(world.latency_sigma).get()),
        ModelService::Exponential => Pace::Exponential,
        ModelService::Constant => Pace::Constant,
        ModelService::Gamma => Pace::Gamma(shape),
        ModelService::Weibull => Pace::weibull(shape),
    }))
}
