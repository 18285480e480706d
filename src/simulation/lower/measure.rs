//! Makes the settings of the observers.

use crate::ids::ModelId;
use crate::measure::{AccountInfo, CacheRules, ConditionInfo, EscapeGate, Groups, Price, Settings};
use crate::scenario::{Account, Followed, Scenario, Transport};
use crate::units::Time;
use crate::upstream::config::{Condition, Course, Effect};

/// How a scenario's run is measured.
pub fn settings(scenario: &Scenario) -> Settings {
    let start = scenario.epoch.0;
    let escape = &scenario.gateway.openai_scheduler;
    let scheduler = super::gateway::scheduler(scenario);
    Settings {
        start,
        warmup_end: start + scenario.warmup.0,
        horizon: scenario.duration.map_or(Time::NEVER, |duration| start + duration.0),
        may_end_early: may_end_early(scenario),
        whole_sessions: scenario.measure.sessions == Followed::Whole,
        slo_ttft: scenario.measure.slo_ttft.0,
        slow_ttft: scenario.measure.slow_ttft.0,
        stuck_turns: scenario.measure.stuck_turns,
        websocket: scenario.transport == Transport::Websocket,
        replicas: scenario.replicas.count,
        revision: scheduler.revision,
        mode: scheduler.mode,
        gate: EscapeGate {
            enabled: escape.sticky_escape_enabled && scheduler.mode.has_gate(),
            ttft_ms: escape.sticky_escape_ttft_ms,
            error_rate: escape.sticky_escape_error_rate,
            ewma_alpha: scenario.what_if.ewma_alpha,
            ewma_error_rate_alpha: scenario.what_if.ewma_error_rate_alpha.unwrap_or(scenario.what_if.ewma_alpha),
        },
        groups: Groups::ALL,
        check: false,
    }
}

/// Whether the workload may end early: it is a trace, or its number of requests or sessions is limited.
const fn may_end_early(scenario: &Scenario) -> bool {
    let workload = &scenario.workload;
    workload.replay.is_some() || workload.max_sessions.is_some() || workload.max_requests.is_some()
}

/// What the observers know of the accounts.
pub(super) fn accounts(scenario: &Scenario) -> Vec<AccountInfo> {
    let info = |account: &Account| AccountInfo {
        id: account.id.unwrap_or_default(),
        concurrency: account.concurrency,
        cache: account.prompt_cache.as_ref().map(|cache| CacheRules { ttl: cache.ttl.0, min_tokens: cache.min_tokens }),
        price: account.price.as_ref().map(|price| Price {
            input: price.input,
            cached_input: price.cached_input,
            output: price.output,
        }),
    };
    scenario.accounts.iter().map(info).collect()
}

/// What the observers know of the conditions.
pub(super) fn conditions(conditions: &[Condition]) -> Vec<ConditionInfo> {
    let info = |condition: &Condition| ConditionInfo {
        name: condition.name.clone(),
        accounts: condition.accounts.clone(),
        models: models(&condition.course),
    };
    conditions.iter().map(info).collect()
}

/// The models that a course degrades; an empty list means all.
fn models(course: &Course) -> Vec<ModelId> {
    let effects: Vec<&Effect> = match course {
        Course::Scheduled { effect, .. }
        | Course::Flapping { effect, .. }
        | Course::Replayed { effect, .. }
        | Course::Triggered { effect, .. } => vec![effect],
        Course::Markov { states } => states.iter().map(|state| &state.effect).filter(|effect| harms(effect)).collect(),
    };
    if effects.iter().any(|effect| effect.only_models.is_empty()) {
        return Vec::new();
    }
    let mut models: Vec<ModelId> = effects.iter().flat_map(|effect| effect.only_models.iter().copied()).collect();
    models.sort_unstable();
    models.dedup();
    models
}

/// Whether an effect does anything. A healthy state degrades no model, and this must not be mistaken for "all".
fn harms(effect: &Effect) -> bool {
    effect.ttft_factor != 1.0
        || !effect.ttft_add.is_zero()
        || effect.decode_factor != 1.0
        || effect.error_rate > 0.0
        || effect.capacity.is_some()
}
