//! What each variant got out of recorded prompts, with intervals over prompts, and the cost-quality curve of each family.
//!
//! All orderings ask the same prompts, so seeds are no independent samples of them. A resample takes the same prompts in
//! every ordering and for every variant; what differs from ordering to ordering stands beside as a standard deviation.

use std::collections::BTreeMap;
use std::path::Path;

use crate::analysis::bootstrap::Bootstrap;
use crate::analysis::frontier::{
    Columns, Measured, Point, average_quality, cost_at, hull, measured, pareto_distance,
};
use crate::analysis::moments::Moments;
use crate::report::charts::{self, Axis, FrontierChart, Line, NamedDot};
use crate::report::document::{Document, Report};
use crate::report::number::{count, counted, percent, rounded, usd, with_sign};
use crate::report::table::TextTable;
use crate::results::ResultsError;
use crate::results::column::Table;
use crate::results::manifest::{BlockEntry, Manifest, RecordedEntry};
use crate::results::parquet::Rows;
use crate::results::schema::Tasks;

/// Where the report stands within the folder of results.
pub(super) const PATH: &str = "reports/recorded-outcomes.md";
/// Resamples of prompts: the limits move by some 2 % of the half width from key to key.
const RESAMPLES: u32 = 4_000;
/// Figures of a variant in the columns that are resampled.
const WIDTH: usize = 3;

/// Statistics of a variant.
const OF_VARIANT: usize = 6;

/// What a variant got of the prompts.
#[derive(Clone, Debug, Default)]
struct Gathered {
    /// By prompt: tasks, quality, cost, reward.
    sums: Vec<[f64; 4]>,
    /// By seed: tasks and reward.
    orderings: BTreeMap<u64, (f64, f64)>,
}

/// One variant's figures.
struct Standing {
    variant: usize,
    quality: Measured,
    cost: Measured,
    reward: Measured,
    /// Reward less that of the best single model.
    earned: Measured,
    /// Quality less that of the best single model.
    gain: Measured,
    /// The share of the way from the best single model's quality to that of the oracle.
    gap_closed: Option<Measured>,
    /// Standard deviation of the mean reward over orderings.
    over_orderings: f64,
}

/// The settings of one router.
struct Family {
    name: String,
    members: Vec<usize>,
    /// Average height of its hull over the range of costs.
    average: Measured,
    /// Its cost at the quality of the best single model, as a share of that model's cost; NaN where it is never as good.
    cost_share: Measured,
    distance: Measured,
}

/// All that is said of one block.
struct OfBlock<'a> {
    block: &'a BlockEntry,
    n_prompts: usize,
    /// The best single model: chosen apart, or the baseline.
    single: usize,
    oracle: Option<usize>,
    standings: Vec<Standing>,
    families: Vec<Family>,
    costs: (f64, f64),
}

/// What recorded outcomes say of a study.
pub(super) struct RecordedReport<'a> {
    manifest: &'a Manifest,
    about: &'a RecordedEntry,
    blocks: Vec<OfBlock<'a>>,
}

impl<'a> RecordedReport<'a> {
    /// `None` where no outcomes are recorded or no table of tasks was kept.
    ///
    /// # Errors
    /// If the table of tasks cannot be read.
    pub(super) fn read(
        folder: &Path,
        manifest: &'a Manifest,
    ) -> Result<Option<Self>, ResultsError> {
        let Some(about) = &manifest.recorded else { return Ok(None) };
        let gathered = gather(folder, manifest)?;
        let blocks = manifest.blocks.iter().zip(gathered);
        let blocks = blocks.filter_map(|(block, own)| OfBlock::of(manifest, block, &own)).collect();
        Ok(Some(Self { manifest, about, blocks }))
    }

    /// The document.
    pub(super) fn report(&self) -> Report {
        Report { group: "Recorded outcomes".to_owned(), path: PATH.to_owned(), text: self.text() }
    }

    fn name(&self, variant: usize) -> &str {
        &self.manifest.variants[variant]
    }

    fn text(&self) -> String {
        let mut document = Document::new("Recorded outcomes");
        document.paragraph(&self.source());
        for own in &self.blocks {
            document.block(self.manifest, own.block);
            document.section_of_block(self.manifest, "Routers");
            document.paragraph(&self.sentence(own));
            document.table(&self.standings(own));
            document.paragraph(&format!(
                "Brackets are 95 % intervals over {}: {} resamples, each with the same prompts in every ordering and for \
                 every variant, so that gains are paired. The last column is the standard deviation of the mean reward \
                 from ordering to ordering ({}).",
                counted(own.n_prompts as f64, "prompt"),
                count(f64::from(RESAMPLES)),
                counted(self.manifest.seeds.len() as f64, "seed"),
            ));
            document.section_of_block(self.manifest, "Cost-quality curves");
            document.table(&self.families(own, 1));
            let (from, to) = own.costs;
            document.paragraph(&format!(
                "A family's curve is the non-decreasing convex hull of its settings: what random mixtures of them reach. \
                 AIQ is its mean height between {} and {} per prompt, 0 where no setting is cheap enough (RouterBench, Hu \
                 et al. 2024); one setting alone has none. What is saved is the cost at the quality of `{}`, the best single model. The distance is \
                 that to the best settings of all deployable variants, in shares of both ranges (LLMRouterBench).",
                usd(from),
                usd(to),
                self.name(own.single),
            ));
        }
        document.finish()
    }

    /// Where the answers come from.
    fn source(&self) -> String {
        let about = self.about;
        let mut text = format!(
            "Answers are those of `{}`: {}, of which {} that all models answered are used, {} set apart to fit and to \
             choose on and {} asked here.",
            about.file,
            counted(about.rows as f64, "row"),
            counted((about.train + about.asked) as f64, "prompt"),
            count(about.train as f64),
            count(about.asked as f64),
        );
        for (n, why) in [
            (about.incomplete, "that some model did not answer or whose cost is missing"),
            (about.featureless, "without features"),
        ] {
            if n > 0 {
                text += &format!(" {} {why} left out.", counted(n as f64, "prompt"));
            }
        }
        if !about.unpriced.is_empty() {
            let names = about.unpriced.join("`, `");
            text += &format!(" Left out for want of any cost: `{names}`.");
        }
        text
    }

    /// What is worth a look on the console: who won, and what its curve saves.
    pub(super) fn console(&self) -> String {
        let of = |own: &OfBlock<'_>| {
            let sentence = self.sentence(own).replace('`', "");
            format!("{sentence}\n\n{}\n", self.families(own, 2).console())
        };
        let text: String = self.blocks.iter().map(of).collect();
        format!("over prompts\n\n{text}")
    }

    /// Who won where it was chosen, and what that is worth here.
    fn sentence(&self, own: &OfBlock<'_>) -> String {
        let winner = self.manifest.winners.iter().find(|w| w.block == own.block.name);
        let chosen = winner.and_then(|winner| winner.chosen.as_ref());
        let Some(name) = chosen else { return String::new() };
        let standing = own.standings.iter().find(|s| self.name(s.variant) == name);
        let Some(standing) = standing else { return String::new() };
        let best = own.standings.iter().find(|s| !self.is_told(s.variant));
        let besides = match best.filter(|best| best.variant != standing.variant) {
            Some(best) => format!(
                " On the prompts asked here `{}` earns most, {}.",
                self.name(best.variant),
                with_interval(&best.reward, |v| rounded(v, 4))
            ),
            None => " It earns most on the prompts asked here as well.".to_owned(),
        };
        format!(
            "`{name}` was best on the prompts set apart. Asked here it earns {} of reward a prompt, {} over the best single \
             model: quality {} at {}.{besides}",
            with_interval(&standing.reward, |v| rounded(v, 4)),
            with_interval(&standing.earned, |v| with_sign(&format!("{v:.4}"))),
            with_interval(&standing.quality, |v| percent(v, 2)),
            with_interval(&standing.cost, usd),
        )
    }

    fn is_told(&self, variant: usize) -> bool {
        self.manifest.orders[variant] == "informed_greedy"
    }

    fn standings(&self, own: &OfBlock<'_>) -> TextTable {
        let mut table = TextTable::new([
            "variant",
            "reward",
            "over the best single",
            "quality, %",
            "over the best single, points",
            "cost per prompt, USD",
            "gap to the oracle closed, %",
            "sd over orderings",
        ]);
        for s in &own.standings {
            let points = |v: f64| format!("{:.2}", 100.0 * v);
            let over = |gain: &Measured, show: &dyn Fn(f64) -> String| match s.variant == own.single
            {
                true => "-".to_owned(),
                false => with_interval(gain, |v| with_sign(&show(v))),
            };
            let gap = s
                .gap_closed
                .as_ref()
                .map(|gap| with_interval(gap, |v| format!("{:.1}", 100.0 * v)));
            let mark = match s.variant {
                v if v == own.single => "best single",
                v if Some(v) == own.oracle => "realised oracle",
                _ => "",
            };
            let name = self.name(s.variant);
            let marked = match mark {
                "" => name.to_owned(),
                mark if mark == name => name.to_owned(),
                mark => format!("{name} ({mark})"),
            };
            table.push(vec![
                marked,
                with_interval(&s.reward, |v| rounded(v, 4)),
                over(&s.earned, &|v| format!("{v:.4}")),
                with_interval(&s.quality, points),
                over(&s.gain, &points),
                with_interval(&s.cost, |v| rounded(v, 3)),
                gap.unwrap_or_else(|| "-".to_owned()),
                rounded(s.over_orderings, 2),
            ]);
        }
        table
    }

    /// The families with so many settings or more.
    fn families(&self, own: &OfBlock<'_>, settings: usize) -> TextTable {
        let mut table = TextTable::new([
            "family",
            "settings",
            "AIQ",
            "cost saved at equal quality, %",
            "Pareto distance",
        ]);
        for family in own.families.iter().filter(|own| own.members.len() >= settings) {
            let share = family.cost_share;
            let saved = match share.value.is_nan() {
                true => "never as good".to_owned(),
                false => {
                    let saved = Measured {
                        value: 1.0 - share.value,
                        low: 1.0 - share.high,
                        high: 1.0 - share.low,
                    };
                    with_interval(&saved, |v| with_sign(&format!("{:.1}", 100.0 * v)))
                }
            };
            // One setting has no curve.
            let average = match family.members.len() {
                1 => "-".to_owned(),
                _ => with_interval(&family.average, |v| format!("{v:.4}")),
            };
            table.push(vec![
                family.name.clone(),
                family.members.len().to_string(),
                average,
                saved,
                with_interval(&family.distance, |v| format!("{v:.4}")),
            ]);
        }
        table
    }
}

impl RecordedReport<'_> {
    /// Charts by name: curves of families with several settings, and dots of the other variants, block by block.
    pub(super) fn charts(&self) -> Vec<(String, FrontierChart)> {
        let several = self.blocks.len() > 1;
        let blocks = self.blocks.iter().filter(|own| own.costs.1 > own.costs.0);
        blocks
            .map(|own| {
                let name = match several {
                    true => format!("{}-frontier", own.block.name),
                    false => "frontier".to_owned(),
                };
                (name, self.chart(own))
            })
            .collect()
    }

    fn chart(&self, own: &OfBlock<'_>) -> FrontierChart {
        let of = |variant: usize| own.standings.iter().find(|s| s.variant == variant);
        let curves = own.families.iter().filter(|family| family.members.len() > 1);
        let lines = curves.clone().enumerate().map(|(colour, family)| {
            let settings = family
                .members
                .iter()
                .filter_map(|v| of(*v))
                .map(|s| Point { cost_usd: s.cost.value, quality: s.quality.value });
            let points = FrontierChart::curve(&hull(&settings.collect::<Vec<_>>()));
            Line { name: family.name.clone(), colour, points }
        });
        let in_curve: Vec<usize> = curves.flat_map(|family| family.members.clone()).collect();
        let dots = own.standings.iter().filter(|s| !in_curve.contains(&s.variant));
        let dots = dots.filter(|s| s.cost.value > 0.0).map(|s| NamedDot {
            name: self.name(s.variant).to_owned(),
            point: charts::Point {
                x: s.cost.value,
                y: s.quality.value,
                low: s.quality.low,
                high: s.quality.high,
            },
            is_reference: self.is_told(s.variant),
        });
        FrontierChart {
            title: "Cost and quality of routers".to_owned(),
            subtitle: format!(
                "{}: {} prompts in {}; lines: convex hulls of settings; bars: 95 % intervals over prompts",
                self.manifest.scenario,
                count(own.n_prompts as f64),
                counted(self.manifest.seeds.len() as f64, "ordering"),
            ),
            x_axis: Axis::new("Mean cost of a prompt", "USD").logarithmic(),
            y_axis: Axis::new("Mean quality", ""),
            lines: lines.collect(),
            dots: dots.collect(),
            dots_name: "one setting".to_owned(),
        }
    }
}

/// A figure with its interval.
fn with_interval(measured: &Measured, show: impl Fn(f64) -> String) -> String {
    let end = |v: f64| if v.is_finite() { show(v) } else { "never".to_owned() };
    format!("{} [{}, {}]", show(measured.value), end(measured.low), end(measured.high))
}

impl<'a> OfBlock<'a> {
    /// `None` where no prompt was asked under all variants.
    fn of(manifest: &Manifest, block: &'a BlockEntry, gathered: &[Gathered]) -> Option<Self> {
        let n = gathered.iter().map(|own| own.sums.len()).max()?;
        let asked =
            |own: &Gathered, prompt: usize| own.sums.get(prompt).is_some_and(|s| s[0] > 0.0);
        let prompts: Vec<usize> =
            (0..n).filter(|p| gathered.iter().all(|own| asked(own, *p))).collect();
        if prompts.is_empty() {
            return None;
        }
        let mut columns: Vec<Vec<f32>> = Vec::with_capacity(WIDTH * gathered.len());
        for own in gathered {
            for of in 1..=WIDTH {
                let mean = |p: &usize| (own.sums[*p][of] / own.sums[*p][0]) as f32;
                columns.push(prompts.iter().map(mean).collect());
            }
        }
        let place = |name: &str| manifest.variants.iter().position(|own| own == name);
        let chosen = manifest.selections.iter().find(|own| own.block == block.name);
        let single = chosen
            .and_then(|own| place(&own.variant))
            .or_else(|| place(&manifest.compare.baseline))
            .unwrap_or(0);
        let oracle = manifest.orders.iter().position(|order| order == "informed_greedy");
        let columns = Columns::new(&columns);
        let point = |means: &[f64], variant: usize| Point {
            quality: means[WIDTH * variant],
            cost_usd: means[WIDTH * variant + 1],
        };
        let means = columns.means();
        let deployable: Vec<usize> = (0..gathered.len()).filter(|v| Some(*v) != oracle).collect();
        let cost = |v: &usize| point(&means, *v).cost_usd;
        let costs = (
            deployable.iter().map(cost).fold(f64::INFINITY, f64::min),
            deployable.iter().map(cost).fold(0.0, f64::max),
        );
        let mut families: Vec<(String, Vec<usize>)> = Vec::new();
        for &variant in &deployable {
            let name = &manifest.families[variant];
            match families.iter_mut().find(|(own, _)| own == name) {
                Some((_, members)) => members.push(variant),
                None => families.push((name.clone(), vec![variant])),
            }
        }
        let bootstrap = Bootstrap { resamples: RESAMPLES, ..Bootstrap::default() };
        let statistics = |means: &[f64]| {
            let best = point(means, single);
            let mut all = Vec::new();
            for variant in 0..gathered.len() {
                let own = point(means, variant);
                let gap = oracle.map_or(f64::NAN, |oracle| {
                    let oracle = point(means, oracle).quality;
                    (own.quality - best.quality) / (oracle - best.quality)
                });
                let reward = means[WIDTH * variant + 2];
                let earned = reward - means[WIDTH * single + 2];
                let gain = own.quality - best.quality;
                all.extend([own.quality, own.cost_usd, reward, earned, gain, gap]);
            }
            let others: Vec<Point> = deployable.iter().map(|v| point(means, *v)).collect();
            for (_, members) in &families {
                let settings: Vec<Point> = members.iter().map(|v| point(means, *v)).collect();
                let curve = hull(&settings);
                let average =
                    if costs.1 > costs.0 { average_quality(&curve, costs) } else { f64::NAN };
                let share = cost_at(&curve, best.quality).map_or(f64::NAN, |c| c / best.cost_usd);
                all.extend([average, share, pareto_distance(&settings, &others)]);
            }
            all
        };
        let figures = measured(&columns, &bootstrap, statistics);
        let (of_variants, of_families) = figures.split_at(OF_VARIANT * gathered.len());
        let mut standings: Vec<Standing> = of_variants
            .chunks_exact(OF_VARIANT)
            .enumerate()
            .map(|(variant, own)| {
                let mut over = Moments::default();
                gathered[variant].orderings.values().for_each(|(n, sum)| over.push(sum / n));
                Standing {
                    variant,
                    quality: own[0],
                    cost: own[1],
                    reward: own[2],
                    earned: own[3],
                    gain: own[4],
                    gap_closed: oracle.map(|_| own[5]),
                    over_orderings: over.variance().max(0.0).sqrt(),
                }
            })
            .collect();
        standings.sort_by(|a, b| b.reward.value.total_cmp(&a.reward.value));
        let families = families
            .into_iter()
            .zip(of_families.chunks_exact(3))
            .map(|((name, members), own)| Family {
                name,
                members,
                average: own[0],
                cost_share: own[1],
                distance: own[2],
            })
            .collect();
        Some(Self { block, n_prompts: prompts.len(), single, oracle, standings, families, costs })
    }
}

/// Sums by block, variant and prompt; a task that was not served has no quality.
fn gather(folder: &Path, manifest: &Manifest) -> Result<Vec<Vec<Gathered>>, ResultsError> {
    let names = ["block", "variant", "seed", "prompt", "served", "in_warm_up"];
    let columns: Vec<&str> = names.into_iter().chain(["quality", "cost_usd", "reward"]).collect();
    let mut place_of: BTreeMap<String, usize> = BTreeMap::new();
    let n = manifest.variants.len();
    let mut all = vec![vec![Gathered::default(); n]; manifest.blocks.len()];
    for rows in Rows::by_part(folder, &Tasks::DOC, &columns)? {
        let rows = rows?;
        let [blocks, variants, prompts] =
            ["block", "variant", "prompt"].map(|name| rows.coded(name));
        let (blocks, variants, prompts) = (blocks?, variants?, prompts?);
        let seeds = rows.wholes("seed")?;
        let mut numbers = Vec::new();
        for name in ["served", "in_warm_up", "quality", "cost_usd", "reward"] {
            numbers.push(rows.numbers(name)?);
        }
        let of = |dictionary: &[String], known: &mut dyn Iterator<Item = &String>| -> Vec<usize> {
            let known: Vec<&String> = known.collect();
            let place = |name: &String| known.iter().position(|own| *own == name).unwrap_or(0);
            dictionary.iter().map(place).collect()
        };
        let block_of = of(&blocks.dictionary, &mut manifest.blocks.iter().map(|b| &b.name));
        let variant_of = of(&variants.dictionary, &mut manifest.variants.iter());
        let mut prompt_of = Vec::with_capacity(prompts.dictionary.len());
        for name in &prompts.dictionary {
            let next = place_of.len();
            prompt_of.push(*place_of.entry(name.clone()).or_insert(next));
        }
        for (at, &seed) in seeds.iter().enumerate() {
            let number = |column: usize| numbers[column][at].unwrap_or(0.0);
            if number(1) > 0.0 {
                continue;
            }
            let block = block_of[blocks.codes[at] as usize];
            let own = &mut all[block][variant_of[variants.codes[at] as usize]];
            let prompt = prompt_of[prompts.codes[at] as usize];
            if own.sums.len() <= prompt {
                own.sums.resize(prompt + 1, [0.0; 4]);
            }
            let quality = if number(0) > 0.0 { number(2) / 100.0 } else { 0.0 };
            let values = [1.0, quality, number(3), number(4)];
            own.sums[prompt].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            let ordering = own.orderings.entry(seed).or_default();
            *ordering = (ordering.0 + 1.0, ordering.1 + number(4));
        }
    }
    Ok(all)
}
