//! A variant's stack: preset under base under variant, with names resolved.

use super::convert::span;
use super::{
    Models, Resolver, admission, breaker, daily, fitted, load_order, outlier, recovery, trial,
};
use crate::learners::LearnerConfig;
use crate::learners::stage4::{executor_rule, router_rule};
use crate::learners::wrappers::Wrapped;
use crate::reward::Reward;
use crate::routing::StackRule;
use crate::routing::budget::BudgetRule;
use crate::routing::load::LoadRule;
use crate::routing::order::{CheapestRule, OrderRule};
use crate::routing::outlier::OutlierRule;
use crate::routing::roster::Presence;
use crate::routing::throttle::ThrottleRule;
use crate::routing::trial::TrialRule;
use crate::scenario::problem::{Problems, name_cure};
use crate::scenario::shipped::{PRESETS, names_of, text_of};
use crate::scenario::source::Spanned;
use crate::scenario::tree::{Node, Path, Value};
use crate::scenario::values::{Duration, Seeds};
use crate::scenario::written::{
    Order, PlainOrder, PricesRead, RouterVariant, Stack, WeightedOrder,
};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

impl Resolver<'_> {
    /// The preset that the variant names, or else the base stack.
    pub(super) fn preset(&mut self, base: Option<&Node>, over: Option<&Node>) -> Option<Node> {
        let node = over
            .and_then(|node| node.child("preset"))
            .or_else(|| base.and_then(|node| node.child("preset")))?;
        // A preset that is not text is reported when the stack is read.
        let Value::Text(name) = &node.value else { return None };
        match text_of(&PRESETS, name) {
            Some(text) => self.loaded.add_text::<Stack>(&format!("preset {name}"), None, text),
            None => {
                let name = Spanned { value: name.clone(), span: node.span };
                let message = format!("there is no preset `{}`", name.value);
                let cure = name_cure(&name.value, &names_of(&PRESETS));
                self.problems().add(name.span, message, cure);
                None
            }
        }
    }
}

/// Longer than any run waits for an answer; beyond it virtual time could overflow.
const LONGEST_TIMEOUT: SimDuration = SimDuration(365 * 86_400 * NANOS_PER_SECOND);

/// Resolves a stack, which was read from `tree`; the seeds are those on which a best fixed model is still to be chosen.
pub(super) fn resolve(
    written: &Stack,
    tree: &Node,
    models: &Models,
    partial_counts: bool,
    reward: Option<Reward>,
    problems: &mut Problems,
) -> Option<(StackRule, Option<Seeds>)> {
    let order = written.order.as_ref().map(|order| orders(order, written, tree, models, problems));
    if written.call_timeout.nanos() > LONGEST_TIMEOUT.0 {
        let cure = "write at most \"365d\"";
        let at = tree.span_at(&Path::of("call_timeout"));
        problems.add(at, "a `call_timeout` is longer than a year", cure);
    }
    let last_resort = written.last_resort.as_ref().map(|name| models.id(name, problems));
    let present = present(written, tree, models, problems);
    let fallback = recovery::fallback(written, models, problems);
    recovery::bounds(written, tree, problems);
    let groups = recovery::groups(&written.groups, models, problems);
    let ledger = recovery::ledger(written, models, problems);
    let breaker = breaker::resolve(written.breaker.as_ref(), tree, problems);
    let allocator = daily::allocator(written, tree, models, problems);
    let reward = written.reward.as_ref().map(|r| r.resolved()).or(reward).unwrap_or_default();
    let reweighting = daily::reweighting(written, tree, reward, problems);
    let outliers = written
        .outliers
        .as_ref()
        .map_or(OutlierRule::None, |own| outlier::outlier(own, tree, problems));
    let retry_budget = written
        .retry_budget
        .as_ref()
        .map_or(BudgetRule::None, |own| admission::budget(own, "retry_budget", tree, problems));
    let throttle = written
        .throttle
        .as_ref()
        .map_or(ThrottleRule::None, |own| admission::throttle(own, tree, problems));
    let ramp = written.ramp.as_ref().map(admission::ramp);
    let Orders { order, trial, selection } = order??;
    Some((
        StackRule {
            order,
            trial,
            learning: written.learning,
            reward,
            reweighting,
            refusal_reward: written.refusal_reward.map(|r| r.get()),
            partial_counts,
            order_sees_breaker: written.order_sees_breaker,
            call_timeout: span(written.call_timeout),
            present,
            last_resort: last_resort.flatten(),
            first_token_timeout: optional(written.first_token_timeout),
            deadline: recovery::deadline(written.deadline.as_ref()),
            wait_for_model: written.wait_for_model.map(span),
            reads_429: written.reads_429,
            on: recovery::on_failures(&written.on),
            groups,
            ledger,
            retry: recovery::retry(&written.retry),
            fallback,
            hedge: written.hedge.as_ref().map(recovery::hedge),
            replicas: recovery::replicas(&written.replicas, tree, problems),
            breaker,
            outliers,
            retry_budget,
            throttle,
            admission: admission::admission(&written.admission, tree, problems),
            ramp,
            allocator,
            monitor: daily::monitor(&written.monitor),
        },
        selection,
    ))
}

/// The models that are there only for a part of the run.
fn present(
    written: &Stack,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Vec<Presence> {
    let mut present = Vec::new();
    for (at, own) in written.present.iter().enumerate() {
        let from = SimTime(own.from.nanos());
        let until = own.until.map_or(SimTime::NEVER, |until| SimTime(until.nanos()));
        if from >= until {
            let span = tree.span_at(&Path::of(&format!("present[{at}].until")));
            let message = format!("`{}` is never there", own.model.value);
            problems.add(span, message, "let `until` come after `from`");
        }
        present.extend(models.id(&own.model, problems).map(|model| Presence {
            model,
            from,
            until,
        }));
    }
    present
}

/// A time that need not be given.
fn optional(time: Option<Duration>) -> SimDuration {
    time.map_or(SimDuration::MAX, span)
}

/// The orders of a stack.
struct Orders {
    order: OrderRule,
    trial: Option<TrialRule>,
    selection: Option<Seeds>,
}

fn orders(
    written: &Order,
    stack: &Stack,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Option<Orders> {
    let (own, other, kind) = match written {
        Order::Adaptive(own) => (&own.baseline, &own.candidate, trial::adaptive(own)),
        Order::AbTest(own) => (&own.a, &own.b, trial::ab_test(own, tree, problems)),
        Order::BestFixed(best) => {
            let selection = Some(best.selection_seeds.clone());
            return Some(Orders { order: OrderRule::Static(Vec::new()), trial: None, selection });
        }
        plain => {
            let order = order_rule(&plain.plain()?, stack, tree, models, problems)?;
            return Some(Orders { order, trial: None, selection: None });
        }
    };
    let order = order_rule(own, stack, tree, models, problems);
    let challenger = order_rule(other, stack, tree, models, problems);
    let trial = Some(TrialRule { challenger: challenger?, kind });
    Some(Orders { order: order?, trial, selection: None })
}

fn order_rule(
    written: &PlainOrder,
    stack: &Stack,
    tree: &Node,
    models: &Models,
    problems: &mut Problems,
) -> Option<OrderRule> {
    let learner = |config: LearnerConfig, keeps_short| OrderRule::Learner {
        config,
        wrappers: Box::new(stack.wrappers.clone()),
        scope: stack.learner_scope,
        keeps_short,
    };
    let rule = match written {
        PlainOrder::Stage4(stage4) => match stage4.variant {
            RouterVariant::Router => {
                learner(LearnerConfig::Stage4RouterRule(router_rule::Config {}), false)
            }
            RouterVariant::Executor => {
                learner(LearnerConfig::Stage4ExecutorRule(executor_rule::Config {}), true)
            }
        },
        PlainOrder::StaticOrder(list) => OrderRule::Static(models.ids(&list.models, problems)),
        PlainOrder::LevelTable(table) => {
            let lists = [&table.L1, &table.L2, &table.L3, &table.L4];
            OrderRule::LevelTable(lists.map(|names| models.ids(names, problems)))
        }
        PlainOrder::Always(one) => OrderRule::Static(vec![models.id(&one.model, problems)?]),
        PlainOrder::Random(_) => OrderRule::Random,
        PlainOrder::RoundRobin(_) => OrderRule::RoundRobin,
        PlainOrder::Weighted(WeightedOrder { weights }) => {
            let mut all = vec![0.0; models.names.len()];
            for (name, weight) in &weights.entries {
                if let Some(id) = models.id(name, problems) {
                    all[id.index()] = weight.get();
                }
            }
            if let Some((first, _)) = weights.entries.first()
                && all.iter().all(|w| *w == 0.0)
            {
                problems.add(first.span, "all weights are 0", "give a model a weight above 0");
            }
            OrderRule::Weighted(all)
        }
        PlainOrder::Cheapest(own) => OrderRule::Cheapest(CheapestRule {
            follows: own.prices == PricesRead::Current,
            compares: own.compares,
            unpriced: models.ids(&own.unpriced, problems).into_iter().collect(),
            unknown_price: own.unknown_price.get(),
        }),
        PlainOrder::Fastest(_) => OrderRule::Fastest,
        PlainOrder::LeastBusy(own) => OrderRule::Load(load_order::least_busy(own)),
        PlainOrder::LatencyWindow(own) => OrderRule::Load(load_order::latency_window(own)),
        PlainOrder::PeakEwma(own) => OrderRule::Load(load_order::peak_ewma(own, tree, problems)),
        PlainOrder::LeastUsed(_) => OrderRule::Load(LoadRule::LeastUsed),
        PlainOrder::Predicted(own) => fitted::predicted(own, tree, models, problems)?,
        PlainOrder::Threshold(own) => fitted::threshold(own, models, problems)?,
        PlainOrder::Cascade(own) => fitted::cascade(own, tree, models, problems)?,
        PlainOrder::Learner(config) => learner(config.clone(), false),
        PlainOrder::InformedGreedy(_) => OrderRule::InformedGreedy,
    };
    let objection = match &rule {
        OrderRule::Learner { config, wrappers, .. } => {
            let reason = Wrapped::objection(wrappers, &config.card());
            reason.map(|(key, needs)| (format!("wrappers.{key}"), needs, config.name()))
        }
        _ => None,
    };
    if let Some((path, needs, name)) = objection {
        let message = format!("`{path}` needs {needs}, which `{name}` is not");
        let cure =
            format!("leave `{path}` out, or take another learner (`reflexarc list learners`)");
        problems.add(tree.span_at(&Path::of(&path)), message, cure);
    }
    Some(rule)
}
