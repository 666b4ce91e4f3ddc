//! How often one variant beats another, and how many of its runs come above a score.
//!
//! Scores stand by block, then by seed; a higher one is better. Source: Agarwal, Schwarzer, Castro, Courville and
//! Bellemare, "Deep reinforcement learning at the edge of the statistical precipice" (2021).

use crate::analysis::aggregate::are_scores;
use crate::analysis::design::{Design, Units};
use crate::analysis::interval::{Estimate, share_over_strata, share_within};

/// Probability of improvement P(X > Y): that a run of X has a higher score than a run of Y of the same block, whatever their
/// seeds, ties counting half; averaged over blocks.
///
/// Of each block it is Mann and Whitney's U / (n(x) n(y)) (1947). Its 95 % interval is that of a share with the jackknife's
/// variance over seeds (Arvesen, "Jackknifing U-statistics", 1969; [`share_within`]). The bootstrap's is shorter than it says
/// near 0 and 1, and wrong for pairs that hardly differ: in a resample a run meets its own pair again and again.
///
/// `None` where a block has no runs or a score is not a finite number. Panics where X and Y have unequal numbers of blocks.
#[must_use]
pub fn probability_of_improvement(
    x: &[Vec<f64>],
    y: &[Vec<f64>],
    design: Design,
) -> Option<Estimate> {
    assert_eq!(x.len(), y.len(), "the variants' blocks");
    if !are_scores(x) || !are_scores(y) {
        return None;
    }
    let contests = contests(x, y);
    let of = |weights: &[u32]| {
        contests.iter().map(|contest| contest.won(weights)).sum::<f64>() / contests.len() as f64
    };
    let n_runs: usize = x.iter().chain(y).map(Vec::len).sum();
    let units = Units::new(&[x, y], design);
    let jackknife = units.jackknife(of)?;
    let won = of(&vec![1; n_runs]);
    Some(share_within(units.n_seeds(), won, jackknife.variance, jackknife.df))
}

/// The runs of X and of Y in one block.
struct Contest {
    /// Score, whether it is of X, and the number of the run, in rising order of scores.
    runs: Vec<(f64, bool, usize)>,
}

fn contests(x: &[Vec<f64>], y: &[Vec<f64>]) -> Vec<Contest> {
    let (mut next_x, mut next_y) = (0, x.iter().map(Vec::len).sum());
    let of_block = |(x, y): (&Vec<f64>, &Vec<f64>)| {
        let own = |of: &[f64], is_x, next: &mut usize| -> Vec<(f64, bool, usize)> {
            let begin = *next;
            *next += of.len();
            of.iter().zip(begin..).map(|(score, run)| (*score, is_x, run)).collect()
        };
        let mut runs = own(x, true, &mut next_x);
        runs.extend(own(y, false, &mut next_y));
        // 0 and -0 are the same score.
        runs.sort_by(|a, b| a.0.partial_cmp(&b.0).expect("scores are finite"));
        Contest { runs }
    };
    x.iter().zip(y).map(of_block).collect()
}

impl Contest {
    /// The share of pairs that X wins, in whole numbers up to the last division.
    fn won(&self, weights: &[u32]) -> f64 {
        let (mut twice_won, mut n_x, mut n_y) = (0_u64, 0_u64, 0_u64);
        for same in self.runs.chunk_by(|a, b| a.0 == b.0) {
            let (mut x, mut y) = (0_u64, 0_u64);
            for (_, is_x, run) in same {
                let weight = u64::from(weights[*run]);
                if *is_x { x += weight } else { y += weight }
            }
            twice_won += x * (2 * n_y + y);
            n_x += x;
            n_y += y;
        }
        twice_won as f64 / (2 * n_x * n_y) as f64
    }
}

/// P(D > 0): the share of seeds on which X has a higher score than Y on the same seed, ties counting half; with the 95 %
/// interval of [`share_over_strata`]. Every run counts once.
///
/// It tells how sure one is to gain by the exchange on a given day, where [`probability_of_improvement`] compares days at
/// random. `None` without runs or where a score is not a finite number. Panics where the variants have no common seeds.
#[must_use]
pub fn paired_probability_of_improvement(
    x: &[Vec<f64>],
    y: &[Vec<f64>],
    design: Design,
) -> Option<Estimate> {
    assert!(design.variants_share_seeds, "pairs need common seeds");
    assert_eq!(x.len(), y.len(), "the variants' blocks");
    if !are_scores(x) || !are_scores(y) {
        return None;
    }
    let won = |(x, y): (&f64, &f64)| if x == y { 0.5 } else { f64::from(u8::from(x > y)) };
    let of_block = |(x, y): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
        assert_eq!(x.len(), y.len(), "runs that share their seeds");
        x.iter().zip(y).map(won).collect()
    };
    share_of_runs(&x.iter().zip(y).map(of_block).collect::<Vec<_>>(), design)
}

/// Performance profile (Dolan and Moré 2002, as in Agarwal et al.): for each of `taus` the share of runs whose score is above
/// it, every run counting once, with a pointwise 95 % interval ([`share_over_strata`]; the bootstrap's is too short where
/// the share is near 0 or 1: of 50 seeds it covers a share of 0.05 in 91 %, one of 0.02 in 64 %).
///
/// `None` without runs in a block or where a score is not a finite number.
#[must_use]
pub fn performance_profile(
    blocks: &[Vec<f64>],
    taus: &[f64],
    design: Design,
) -> Option<Vec<Estimate>> {
    if !are_scores(blocks) {
        return None;
    }
    let above = |tau: &f64| {
        let of_block = |block: &Vec<f64>| -> Vec<f64> {
            block.iter().map(|score| f64::from(u8::from(score > tau))).collect()
        };
        share_of_runs(&blocks.iter().map(of_block).collect::<Vec<_>>(), design)
    };
    taus.iter().map(above).collect()
}

/// Mean of the shares of runs, by block, then by seed.
fn share_of_runs(blocks: &[Vec<f64>], design: Design) -> Option<Estimate> {
    let runs: Vec<f64> = blocks.iter().flatten().copied().collect();
    share_over_strata(&Units::new(&[blocks], design).by_seed(&runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(x: &[Vec<f64>], y: &[Vec<f64>]) -> Estimate {
        probability_of_improvement(x, y, Design::default()).expect("scores")
    }

    #[test]
    fn runs_are_compared_within_their_block_whatever_their_seed() {
        // First block: 3 beats 1 and 2, 2 beats 1 and ties with 2, 1 ties with 1 (the second 1 as well): pairs won are
        // 3: 3, 2: 2.5, 1: 1 of 9. Second block: none.
        let x = vec![vec![3.0, 1.0, 2.0], vec![0.0, 0.0, 0.0]];
        let y = vec![vec![1.0, 2.0, 1.0], vec![5.0, 5.0, 5.0]];
        assert!((chance(&x, &y).mean - 0.5 * 6.5 / 9.0).abs() < 1e-15);
        assert!((chance(&y, &x).mean - (1.0 - 0.5 * 6.5 / 9.0)).abs() < 1e-15);
        // On the same seeds: won, lost, won in the first block, none in the second.
        let paired = paired_probability_of_improvement(&x, &y, Design::default()).expect("scores");
        assert!((paired.mean - 2.0 / 6.0).abs() < 1e-15 && paired.n == 3, "{paired:?}");
        let ties = paired_probability_of_improvement(&x, &x, Design::default()).expect("scores");
        assert_eq!(ties.mean, 0.5);
        assert!(ties.low < 0.2 && ties.high > 0.8, "three ties prove nothing: {ties:?}");
    }

    #[test]
    fn a_small_gain_on_every_seed_is_sure_though_days_at_random_hardly_tell() {
        let y = vec![(0..40).map(f64::from).collect::<Vec<_>>()];
        let x = vec![y[0].iter().map(|v| v + 0.5).collect::<Vec<_>>()];
        let paired = paired_probability_of_improvement(&x, &y, Design::default()).expect("scores");
        assert!(paired.mean == 1.0 && paired.high == 1.0 && paired.low > 0.9, "{paired:?}");
        let found = chance(&x, &y);
        assert!((found.mean - (0.5 + 20.0 / 1600.0)).abs() < 1e-12, "{found:?}");
        // Paired, it varies by much less than two independent samples of 40 would make it (standard deviation 0.065).
        assert!(found.high - found.low < 0.1, "{found:?}");
        let design = Design { variants_share_seeds: false, ..Design::default() };
        let apart = probability_of_improvement(&x, &y, design).expect("scores");
        assert!(apart.high - apart.low > 0.2, "{apart:?}");
    }

    #[test]
    fn winning_every_comparison_is_no_certainty() {
        let (x, y) = (vec![vec![2.0; 20]; 2], vec![vec![1.0; 20]; 2]);
        let found = chance(&x, &y);
        // Clopper-Pearson for 20 of 20: 0.8316.
        assert!(found.mean == 1.0 && (found.low - 0.831_57).abs() < 1e-4, "{found:?}");
        assert_eq!(chance(&y, &x).mean, 0.0);
        assert_eq!(probability_of_improvement(&[vec![]], &[vec![]], Design::default()), None);
    }

    #[test]
    fn a_profile_of_one_block_has_clopper_and_pearsons_intervals() {
        let runs = vec![(1..=10).map(f64::from).collect::<Vec<_>>()];
        let found = performance_profile(&runs, &[0.0, 2.0, 2.5, 10.0], Design::default());
        let found = found.expect("scores");
        assert_eq!(found.iter().map(|e| e.mean).collect::<Vec<_>>(), [1.0, 0.8, 0.8, 0.0]);
        // 8 of 10: (0.44390, 0.97479).
        assert!((found[1].low - 0.443_90).abs() < 1e-4 && (found[1].high - 0.974_79).abs() < 1e-4);
        assert!(found[0].low < 1.0 && found[3].high > 0.0);
    }
}
