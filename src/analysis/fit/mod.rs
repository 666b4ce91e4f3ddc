//! Laws fitted to positive values by maximum likelihood, with standard errors, and tests of whether they fit.
//!
//! ```
//! use reflexarc::analysis::fit::{Family, fit};
//! let fitted = fit(Family::Exponential, &[1.0, 2.0, 3.0]).expect("positive values");
//! assert_eq!(fitted.law.mean(), Some(2.0));
//! ```

mod estimate;
mod goodness;
mod law;
mod two_samples;

pub use estimate::{Fit, FitError, best, fit, fit_all};
pub use goodness::{Goodness, anderson_darling, kolmogorov_smirnov, test_fit};
pub use law::{Family, Law};
pub use two_samples::{TwoSample, anderson_darling_two_samples, kolmogorov_smirnov_two_samples};
