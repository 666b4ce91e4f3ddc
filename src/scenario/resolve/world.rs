//! The world of a block: truth, task types and faults.

use super::pace::pace;
use super::registry::{LATENCY_CURE, latency};
use super::{Clock, Models, Recorded, Resolver};
use crate::engine::End;
use crate::registry::Registry;
use crate::scenario::decode::Dropped;
use crate::scenario::problem::Problems;
use crate::scenario::source::Span;
use crate::scenario::tree::{Node, Path as TreePath};
use crate::scenario::values::Level;
use crate::scenario::written::{
    Effect as WrittenEffect, Fault, ModelTruth, Name, Study, TaskType as WrittenTaskType,
    TokenDistribution,
};
use crate::sim::sample::LogNormal;
use crate::units::{ModelId, SimDuration, SimTime};
use crate::world::conditions::{Down, Rejection};
use crate::world::fault::{Effect, FaultSpec, Target};
use crate::world::limits::Limits;
use crate::world::random_fault::RandomFaultSpec;
use crate::world::{AccountSpec, ModelSpec, Spread, TaskType, Tokens, WorldSpec};

impl Resolver<'_> {
    pub(super) fn world(
        &mut self,
        study: &Study,
        (tree, dropped): (&Node, &Dropped),
        clock: Option<&Clock>,
        registry: &Registry,
        models: &Models,
        recorded: Option<&Recorded>,
    ) -> Option<WorldSpec> {
        let world = &study.world;
        let mut accounts: Vec<AccountSpec> = registry
            .accounts
            .iter()
            .map(|account| AccountSpec {
                daily_tokens: account.daily_tokens,
                reset_zone: account.reset_zone.clone(),
            })
            .collect();
        for (name, truth) in &world.models.entries {
            if let Some(id) = models.id(name, self.problems())
                && let Some(tokens) = truth.daily_tokens
            {
                accounts[registry.models[id.index()].account].daily_tokens = Some(tokens.get());
            }
        }
        let none = ModelTruth::default();
        let specs = registry
            .models
            .iter()
            .map(|model| {
                let written =
                    world.models.entries.iter().find(|(name, _)| name.value == model.name);
                let truth = written.map_or(&none, |(_, truth)| truth);
                let own = latency(truth.response_ms, truth.ttft_ms, truth.ms_per_output_token);
                let own = own.unwrap_or_else(|reason| {
                    let span = written.map_or(Span::default(), |(name, _)| name.span);
                    self.problems().add(span, format!("`{}`: {reason}", model.name), LATENCY_CURE);
                    None
                });
                let own_pace = pace(truth, world).unwrap_or_else(|(reason, cure)| {
                    let span = written.map_or(Span::default(), |(name, _)| name.span);
                    self.problems().add(span, format!("`{}`: {reason}", model.name), cure);
                    None
                });
                ModelSpec {
                    success: truth.success.map_or(model.success, |v| v.0.map(|p| p.get())),
                    quality: truth.quality.map_or(model.quality, |v| v.0.map(|q| q.get())),
                    latency: own.unwrap_or(model.latency),
                    pace: own_pace,
                    usd_per_mtok_input: truth
                        .usd_per_mtok_input
                        .map_or(model.usd_per_mtok_input, |v| v.get()),
                    usd_per_mtok_output: truth
                        .usd_per_mtok_output
                        .map_or(model.usd_per_mtok_output, |v| v.get()),
                    output_tokens_factor: truth.output_tokens_factor.map_or(1.0, |v| v.get()),
                    key: model.key,
                    account: model.account,
                    limits: limits(truth, study),
                }
            })
            .collect();
        let task_types = study
            .task_types
            .iter()
            .zip(dropped.kept("task_types", study.task_types.len()))
            .map(|(task_type, at)| {
                let was_wrong = |key: &str| dropped.touches(&format!("task_types[{at}].{key}"));
                let correlation = world.difficulty_correlation.get();
                self.task_type(task_type, was_wrong, correlation, recorded.is_some())
            })
            .collect();
        let (task_types, recorded) = match recorded {
            Some(recorded) => self.recorded_tasks(recorded, &study.task_types, task_types),
            None => (task_types, None),
        };
        let faults: Vec<Option<FaultSpec>> = study
            .faults
            .iter()
            .zip(dropped.kept("faults", study.faults.len()))
            .map(|(fault, at)| self.fault(at, fault, (tree, dropped), clock, registry, models))
            .collect();
        let random_faults: Vec<Option<RandomFaultSpec>> = study
            .random_faults
            .iter()
            .zip(dropped.kept("random_faults", study.random_faults.len()))
            .map(|(fault, at)| {
                self.random_fault(at, fault, (tree, dropped), clock, registry, models)
            })
            .collect();
        Some(WorldSpec {
            price_lists: std::mem::take(&mut self.price_lists),
            start: clock?.start,
            models: specs,
            accounts,
            task_types,
            spread: Spread {
                success: world.spread.success.get(),
                quality: world.spread.quality.get(),
                latency: world.spread.latency.get(),
            },
            service: world.service,
            latency_sigma: world.latency_sigma.get(),
            quality_sd: world.quality_sd.get(),
            partial_share: world.partial_share.get(),
            api_error_share: world.api_error_share.get(),
            error_time: SimDuration::from_millis_f64(world.error_ms.get()),
            refusal_time: SimDuration::from_millis_f64(world.refusal_ms.get()),
            recorded,
            faults: faults.into_iter().collect::<Option<_>>()?,
            random_faults: random_faults.into_iter().collect::<Option<_>>()?,
        })
    }

    /// What `was_wrong` names has been reported.
    fn task_type(
        &mut self,
        written: &WrittenTaskType,
        was_wrong: impl Fn(&str) -> bool,
        correlation: f64,
        is_recorded: bool,
    ) -> TaskType {
        let span = written.name.span;
        let name = &written.name.value;
        for (missing, key, cure) in [
            (written.share.is_none(), "share", "write its weight, such as `share = 1`"),
            (
                written.input_tokens.is_none(),
                "input_tokens",
                "write them, such as `input_tokens = 300`",
            ),
            (
                written.output_tokens.is_none(),
                "output_tokens",
                "write them, such as `output_tokens = 200`",
            ),
        ] {
            if missing && !is_recorded && !was_wrong(key) {
                self.problems().add(span, format!("the task type `{name}` has no `{key}`"), cure);
            }
        }
        if written.domains.is_some() && !is_recorded {
            let message =
                format!("the task type `{name}` has `domains`, and no prompts are recorded");
            self.problems().add(span, message, "leave them out, or write `[world.outcomes]`");
        }
        if is_recorded && written.steps.as_ref().is_some_and(|steps| steps.len() > 1) {
            let message =
                format!("the task type `{name}` has steps, and a recorded prompt has one");
            self.problems().add(span, message, "write `level` in the place of `steps`");
        }
        let steps: Vec<Level> = match (&written.level, &written.steps) {
            (Some(level), None) => vec![*level],
            (None, Some(steps)) if !steps.is_empty() && steps.len() <= 255 => steps.clone(),
            _ if was_wrong("level") || was_wrong("steps") => vec![Level::L1],
            _ => {
                let message = format!(
                    "the task type `{}` needs exactly one of `level` and `steps`",
                    written.name.value
                );
                self.problems().add(
                    span,
                    message,
                    "write `level = \"L1\"` or `steps = [\"L3\", \"L4\"]`",
                );
                vec![Level::L1]
            }
        };
        let problems = self.problems();
        TaskType {
            name: written.name.value.clone(),
            share: written.share.map_or(1.0, |share| share.get()),
            steps,
            priority: written.priority,
            input_tokens: tokens(written.input_tokens.as_ref(), span, problems),
            output_tokens: tokens(written.output_tokens.as_ref(), span, problems),
            deadline: written.deadline.map(|d| SimDuration(d.nanos())),
            difficulty_correlation: written
                .difficulty_correlation
                .map_or(correlation, |rho| rho.get()),
        }
    }

    fn fault(
        &mut self,
        at: usize,
        written: &Fault,
        (tree, dropped): (&Node, &Dropped),
        clock: Option<&Clock>,
        registry: &Registry,
        models: &Models,
    ) -> Option<FaultSpec> {
        let span = |key: &str| tree.span_at(&TreePath::of(&format!("faults[{at}].{key}")));
        let whole = item_span(tree, "faults", at);
        let touched = |key: &str| dropped.touches(&format!("faults[{at}].{key}"));
        // What is left of a part that was wrong says nothing.
        for (missing, key, cure) in [
            (written.effect.is_none(), "effect", "write one, such as `effect = \"outage\"`"),
            (written.start.is_none(), "start", "write when it starts, such as `start = \"10:00\"`"),
        ] {
            if missing && !touched(key) {
                self.problems().add(whole, format!("the fault has no `{key}`"), cure);
            }
        }
        let keys = ["models", "provider", "draw", "every_choice_of", "everything"];
        let target = match keys.into_iter().any(touched) {
            true => None,
            false => self.target(written, whole, registry, models),
        };
        if let (Some(n), Some(_)) = (written.every_choice_of, &target) {
            self.note_choice(at, n.get(), span("every_choice_of"), registry);
        }
        let effect = match &written.effect {
            Some(written) if !touched("effect") => {
                self.effect(written, span("effect"), target.as_ref(), registry)
            }
            _ => None,
        };
        if matches!(effect, Some(Effect::PriceList { .. })) && written.ramp.is_some() {
            let message = "a price list takes the place of another at once, and `ramp` is written";
            self.problems().add(span("ramp"), message, "leave `ramp` out, or write a `factor`");
        }
        let start =
            written.start.as_ref().and_then(|start| self.instant(clock, start, span("start")));
        let end = match &written.end {
            Some(end) => self.instant(clock, end, span("end")),
            None => Some(SimTime::NEVER),
        };
        let (start, end) = (start?, end?);
        self.fault_times(clock, (start, span("start")), (end, span("end")));
        let effect = effect?;
        if written.first_calls.is_some() && !effect.is_countable() {
            let message =
                format!("a fault of kind `{}` is no matter of single calls", effect.name());
            self.problems().add(span("first_calls"), message, "leave `first_calls` out");
        }
        let name = written.name.as_ref().map_or(effect.name(), |name| &name.value).to_owned();
        Some(FaultSpec {
            name,
            effect,
            target: target?,
            start,
            end,
            ramp: written.ramp.map_or(SimDuration::ZERO, |ramp| SimDuration(ramp.nanos())),
            kills_in_flight: written.kills_in_flight,
            first_calls: written.first_calls.map(|n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        })
    }

    /// Reports a fault that could never come.
    pub(super) fn fault_times(
        &mut self,
        clock: Option<&Clock>,
        (start, start_span): (SimTime, Span),
        (end, end_span): (SimTime, Span),
    ) {
        if let Some(End::At(over)) = clock.map(|clock| clock.end)
            && start >= over
        {
            let message = "the fault starts after the end of the run";
            self.problems().add(start_span, message, "start it earlier, or run longer");
        }
        if end <= start {
            let message = "the fault ends before it starts";
            self.problems().add(end_span, message, "write an end after its start");
        }
    }

    fn target(
        &mut self,
        written: &Fault,
        whole: Span,
        registry: &Registry,
        models: &Models,
    ) -> Option<Target> {
        let everything = written.everything == Some(true);
        // Until the choices are made, a choice is a draw of so many.
        let (draw, choice) = (&written.draw, &written.every_choice_of);
        let (draw, is_twice) = (draw.or(*choice), draw.is_some() && choice.is_some());
        match (&written.models, &written.provider, &draw, everything) {
            _ if is_twice => self.no_target(whole),
            (Some(names), None, None, false) if !names.is_empty() => {
                Some(Target::Models(models.ids(names, self.problems())))
            }
            (None, Some(provider), None, false) => {
                self.of_provider(provider, registry).map(Target::Models)
            }
            (None, None, Some(n), false) => {
                let n = n.get() as usize;
                if n > registry.models.len() {
                    let message =
                        format!("the fault takes {n} of {} models", registry.models.len());
                    self.problems().add(whole, message, "take no more models than there are");
                }
                Some(Target::Draw(n))
            }
            (None, None, None, true) => Some(Target::Models(registry.ids().collect())),
            _ => self.no_target(whole),
        }
    }

    fn no_target(&mut self, whole: Span) -> Option<Target> {
        let message = "the fault does not say whom it hits, or says it twice";
        let cure =
            "write exactly one of `models`, `provider`, `draw`, `every_choice_of` and `everything`";
        self.problems().add(whole, message, cure);
        None
    }

    /// The models of a provider.
    pub(super) fn of_provider(
        &mut self,
        provider: &Name,
        registry: &Registry,
    ) -> Option<Vec<ModelId>> {
        let hit: Vec<ModelId> = registry
            .ids()
            .filter(|m| registry.models[m.index()].provider == provider.value)
            .collect();
        if hit.is_empty() {
            let mut known: Vec<&str> =
                registry.models.iter().map(|m| m.provider.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            self.problems().add_unknown(provider.span, "provider", &provider.value, known);
            return None;
        }
        Some(hit)
    }
}

fn limits(truth: &ModelTruth, study: &Study) -> Limits {
    let written = truth.limits(&study.world.limits);
    Limits {
        slots: written.slots.map(|n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        requests_per_minute: written.requests_per_minute.map(|n| n.get() as f64),
        tokens_per_minute: written.tokens_per_minute.map(|n| n.get() as f64),
        window: written.window.unwrap_or_default(),
        quota_charged: written.quota_charged.unwrap_or_default(),
        retry_after: written.retry_after.unwrap_or(true),
    }
}

/// What is not written is reported elsewhere, or follows from what is recorded.
fn tokens(written: Option<&TokenDistribution>, span: Span, problems: &mut Problems) -> Tokens {
    let Some(written) = written else { return Tokens::Constant(1.0) };
    match written {
        TokenDistribution::Constant(n) => Tokens::Constant(n.get() as f64),
        TokenDistribution::Lognormal { mean, sigma } => {
            Tokens::LogNormal(LogNormal::with_mean(mean.get(), sigma.get()))
        }
        TokenDistribution::Uniform { low, high } => {
            if low > high {
                let message = format!("tokens from {low} to {high} are none");
                problems.add(span, message, "write `low` no larger than `high`");
            }
            Tokens::Uniform(low.get() as f64, high.get() as f64)
        }
    }
}

/// Where an item of a list is written.
pub(super) fn item_span(tree: &Node, list: &str, at: usize) -> Span {
    let item = tree.child(list).and_then(|list| list.items().get(at));
    item.map_or(Span::default(), |item| item.span)
}

impl Resolver<'_> {
    /// What a fault does; prices of another snapshot need to know whom it hits.
    pub(super) fn effect(
        &mut self,
        written: &WrittenEffect,
        span: Span,
        target: Option<&Target>,
        registry: &Registry,
    ) -> Option<Effect> {
        Some(match written {
            WrittenEffect::Outage { hang, closes_after, reset } => {
                let form = match (hang, reset) {
                    (true, false) => Down::Hang {
                        closes_after: closes_after.map(|after| SimDuration(after.nanos())),
                    },
                    (false, true) => Down::Reset,
                    (false, false) => Down::Error,
                    (true, true) => {
                        let message = "an outage in which calls hang resets no connection at once";
                        let cure = "write one of `hang` and `reset`; `closes_after` ends a hang";
                        self.problems().add(span, message, cure);
                        return None;
                    }
                };
                if closes_after.is_some() && !hang {
                    let message = "`closes_after` ends calls that hang, and these do not";
                    self.problems().add(span, message, "write `hang = true` with it");
                }
                Effect::Outage { form }
            }
            WrittenEffect::BrownOut { error_rate } => {
                Effect::BrownOut { error_rate: error_rate.get() }
            }
            WrittenEffect::SlowDown { factor } => Effect::SlowDown { factor: factor.get() },
            WrittenEffect::Quota { used_share: Some(share), limit_factor: None } => {
                Effect::QuotaUsed { share: share.get() }
            }
            WrittenEffect::Quota { used_share: None, limit_factor: Some(factor) } => {
                Effect::QuotaCut { factor: factor.get() }
            }
            WrittenEffect::Quota { .. } => {
                let cure = "write exactly one of `used_share` and `limit_factor`";
                self.problems().add(
                    span,
                    "a quota fault sets or cuts the quota, not both or neither",
                    cure,
                );
                return None;
            }
            WrittenEffect::RateLimitStorm { refused_share, retry_after } => Effect::Reject {
                rejection: Rejection::RateLimited,
                share: refused_share.get(),
                retry_after: retry_after.map(|wait| SimDuration(wait.nanos())),
            },
            WrittenEffect::Reject { outcome, share, retry_after } => Effect::Reject {
                rejection: *outcome,
                share: share.get(),
                retry_after: retry_after.map(|wait| SimDuration(wait.nanos())),
            },
            WrittenEffect::Stall { first_token } => {
                Effect::Stall { first_token: SimDuration(first_token.nanos()) }
            }
            WrittenEffect::QualityDrift { quality_points, success_factor } => {
                Effect::QualityDrift {
                    quality_points: quality_points.get(),
                    success_factor: success_factor.get(),
                }
            }
            WrittenEffect::PriceChange { factor: Some(factor), to_snapshot: None } => {
                Effect::PriceChange { factor: factor.get() }
            }
            WrittenEffect::PriceChange { factor: None, to_snapshot: Some(snapshot) } => {
                return self.price_list(snapshot, target?, registry);
            }
            WrittenEffect::PriceChange { .. } => {
                let message =
                    "a price change has one of `factor` and `to_snapshot`, not both or neither";
                self.problems().add(span, message, "write exactly one of them");
                return None;
            }
            WrittenEffect::KeyRevoked {} => Effect::KeyRevoked,
        })
    }
}
