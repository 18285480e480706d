//! The scheduler answers like the original: every expectation in the golden vectors, floats to the last bit.
//!
//! `unit.jsonl` asks single parts, `sequences.jsonl` plays random scripts (spec scheduler.md, The vectors).

mod common;

use std::collections::BTreeMap;

use common::golden_files::{Failures, read};
use serde::Deserialize;
use serde_json::{Value, json};
use stickysim::ids::{AccountIx, ModelId};
use stickysim::scheduler::balance::{Candidate, Order, Ranking};
use stickysim::scheduler::gate::escape_reason;
use stickysim::scheduler::seed::{Generator, SeedTexts, selection_seed};
use stickysim::scheduler::{
    Account, AnyScheduler, Config, Decision, Health, Learnt, Metrics, Outcome, Pool, Query, ResponseKey, RuntimeStats,
    SessionKey, SlotToken, Snapshot, Weights,
};
use stickysim::units::{Span, Time};

const ALPHA: f64 = 0.2;

#[test]
fn every_unit_vector_is_answered_bit_for_bit() {
    let mut failures = Failures::default();
    let lines = read("unit.jsonl");
    for (line, number) in lines.iter().zip(1..) {
        let vector = UnitVector::deserialize(line).expect("a unit vector as the spec has it");
        let (expected, got) = vector.run();
        failures.compare(&line["kind"], &format!("line {number}"), line, &expected, &got);
    }
    println!("unit.jsonl: {} cases compared", lines.len());
    assert!(!lines.is_empty());
    failures.check();
}

#[test]
fn every_step_of_the_sequences_is_answered_bit_for_bit() {
    let mut failures = Failures::default();
    let (mut played, mut compared) = (0, 0);
    let scripts = read("sequences.jsonl");
    for line in &scripts {
        let script = Script::deserialize(line).expect("a script as the spec has it");
        let mut stage = Stage::new(&script);
        for (step, input) in script.steps.iter().zip(line["steps"].as_array().into_iter().flatten()) {
            played += 1;
            if let Some((expected, got)) = stage.play(step) {
                compared += 1;
                failures.compare(&line["name"], &format!("step {}", step.i), input, &expected, &got);
            }
        }
        failures.compare(&line["name"], "final", &line["config"], &line["final"], &stage.final_state());
    }
    let scripts = scripts.len();
    println!("sequences.jsonl: {scripts} scripts, {played} steps played, {compared} steps and {scripts} ends compared");
    assert!(compared > 0);
    failures.check();
}

// ---- unit.jsonl

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum UnitVector {
    SelectionSeed {
        session_hash: String,
        previous_response_id: String,
        model: String,
        group_id: Option<i64>,
        now_ns: u64,
        seed: Value,
        next_u64: Value,
        next_f64: Value,
    },
    RuntimeStats {
        reports: Vec<ReportLine>,
        snapshots: Vec<Value>,
    },
    SelectionOrder {
        session_hash: String,
        model: String,
        candidates: Vec<CandidateLine>,
        top_k: usize,
        ranked: Value,
        order: Value,
    },
    EscapeGate {
        sticky_escape_enabled: bool,
        sticky_escape_ttft_ms: u64,
        sticky_escape_error_rate: f64,
        reports: Vec<ReportLine>,
        expect: Value,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportLine {
    success: bool,
    first_token_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateLine {
    account: i64,
    score: f64,
    priority: i64,
    load_rate: i64,
    waiting: u32,
}

impl UnitVector {
    /// What it expects, and what we answer.
    fn run(self) -> (Value, Value) {
        match self {
            Self::SelectionSeed {
                session_hash,
                previous_response_id,
                model,
                group_id,
                now_ns,
                seed,
                next_u64,
                next_f64,
            } => {
                let texts = SeedTexts {
                    session: session_hash.trim().as_bytes(),
                    previous: previous_response_id.trim().as_bytes(),
                    model: model.trim().as_bytes(),
                    group: group_id,
                };
                let got = selection_seed(&texts, Time::from_unix_nanos(now_ns));
                let (mut integers, mut floats) = (Generator::new(got), Generator::new(got));
                let integers: Vec<_> = (0..4).map(|_| integers.next_u64().to_string()).collect();
                let floats: Vec<_> = (0..4).map(|_| floats.next_f64()).collect();
                (
                    json!({ "seed": seed, "next_u64": next_u64, "next_f64": next_f64 }),
                    json!({ "seed": got.to_string(), "next_u64": integers, "next_f64": floats }),
                )
            }
            Self::RuntimeStats { reports, snapshots } => {
                let mut stats = RuntimeStats::new(1);
                let got = reports.iter().map(|line| {
                    stats.report(ALPHA, AccountIx(0), line.success, positive(line.first_token_ms));
                    snapshot_json(stats.snapshot(AccountIx(0)))
                });
                (Value::Array(snapshots), Value::Array(got.collect()))
            }
            Self::SelectionOrder { session_hash, model, candidates, top_k, ranked, order } => {
                let mut ids: Vec<i64> = candidates.iter().map(|line| line.account).collect();
                ids.sort_unstable();
                let mut ranking = Ranking::new(top_k.min(ids.len()));
                for line in &candidates {
                    let ix = ids.partition_point(|&id| id < line.account) as u32;
                    ranking.offer(Candidate {
                        account: AccountIx(ix),
                        score: line.score,
                        priority: line.priority,
                        load_rate: line.load_rate,
                        waiting: line.waiting,
                    });
                }
                let texts = SeedTexts {
                    session: session_hash.trim().as_bytes(),
                    model: model.trim().as_bytes(),
                    ..SeedTexts::default()
                };
                let got_ranked: Vec<i64> = ranking.best().iter().map(|best| ids[best.account.at()]).collect();
                let drawn = Order::new(ranking.best(), selection_seed(&texts, Time::ZERO));
                let got_order: Vec<i64> = drawn.map(|account| ids[account.at()]).collect();
                (json!({ "ranked": ranked, "order": order }), json!({ "ranked": got_ranked, "order": got_order }))
            }
            Self::EscapeGate {
                sticky_escape_enabled,
                sticky_escape_ttft_ms,
                sticky_escape_error_rate,
                reports,
                expect,
            } => {
                let config = Config {
                    sticky_escape_enabled,
                    sticky_escape_ttft_ms,
                    sticky_escape_error_rate,
                    ..Config::default()
                };
                let mut stats = RuntimeStats::new(1);
                for line in &reports {
                    stats.report(ALPHA, AccountIx(0), line.success, positive(line.first_token_ms));
                }
                // Switched off, the gate looks at nothing, and the vectors show 0 for what it saw.
                let health = if sticky_escape_enabled { stats.snapshot(AccountIx(0)) } else { Snapshot::default() };
                let reason = escape_reason(&config, health);
                let got = json!({
                    "escape": reason.is_some(),
                    "reason": reason.map_or("", |reason| reason.name()),
                    "error_rate": health.error_rate,
                    "ttft_ms": health.ttft_ms,
                });
                (expect, got)
            }
        }
    }
}

// ---- sequences.jsonl

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[expect(dead_code, reason = "read from the line")]
    name: String,
    group_id: Option<i64>,
    config: ScriptConfig,
    accounts: Vec<AccountLine>,
    steps: Vec<Step>,
    #[expect(dead_code, reason = "compared as it stands in the line")]
    r#final: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptConfig {
    sticky_escape_enabled: bool,
    sticky_escape_ttft_ms: u64,
    sticky_escape_error_rate: f64,
    lb_top_k: usize,
    scheduler_score_weights: WeightLine,
    sticky_session_ttl_seconds: u64,
    sticky_response_id_ttl_seconds: u64,
    sticky_session_max_waiting: u32,
    sticky_session_wait_timeout_ms: u64,
    fallback_max_waiting: u32,
    fallback_wait_timeout_ms: u64,
    load_batch_cache_ttl_ms: u64,
    slot_ttl_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightLine {
    priority: f64,
    load: f64,
    queue: f64,
    error_rate: f64,
    ttft: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountLine {
    id: i64,
    priority: i64,
    concurrency: i64,
    load_factor: Option<i64>,
    models: Option<Vec<String>>,
    websocket_v2: bool,
}

#[derive(Deserialize)]
struct Step {
    i: u64,
    at_ns: u64,
    #[serde(flatten)]
    action: Action,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Action {
    Select { session_hash: String, previous_response_id: String, model: String, excluded: Vec<i64>, expect: Value },
    Report { account: i64, success: bool, first_token_ms: Option<i64> },
    Release { acquired_at_step: u64 },
    WaitEnter { account: i64, max_waiting: u32, expect: Value },
    WaitLeave { account: i64 },
    RuntimeBlock { account: i64, until_ns: u64 },
    RateLimitUntil { account: i64, until_ns: u64 },
    SetSchedulable { account: i64, value: bool },
    BindSession { session_hash: String, account: i64 },
    BindResponse { response_id: String, account: i64 },
    ReportSwitch {},
    Snapshot { account: i64, expect: Value },
}

/// The scheduler with one script's configuration, and the names of things in it.
struct Stage {
    scheduler: AnyScheduler,
    pool: Pool,
    /// Ids of the pool's accounts, then those that only steps name: accounts that are gone.
    ids: Vec<i64>,
    models: Names,
    sessions: Names,
    responses: Names,
    slots: BTreeMap<u64, (AccountIx, SlotToken)>,
}

/// Dense numbers for texts, from 1; 0 is the blank text.
#[derive(Default)]
struct Names(BTreeMap<String, u64>);

impl Names {
    fn number(&mut self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        let next = self.0.len() as u64 + 1;
        *self.0.entry(text.to_owned()).or_insert(next)
    }
}

impl Stage {
    fn new(script: &Script) -> Self {
        let c = &script.config;
        let w = &c.scheduler_score_weights;
        let config = Config {
            sticky_escape_enabled: c.sticky_escape_enabled,
            sticky_escape_ttft_ms: c.sticky_escape_ttft_ms,
            sticky_escape_error_rate: c.sticky_escape_error_rate,
            lb_top_k: c.lb_top_k,
            weights: Weights {
                priority: w.priority,
                load: w.load,
                queue: w.queue,
                error_rate: w.error_rate,
                ttft: w.ttft,
                ..Weights::default()
            },
            session_ttl: Span::from_secs(c.sticky_session_ttl_seconds),
            response_ttl: Span::from_secs(c.sticky_response_id_ttl_seconds),
            sticky_max_waiting: c.sticky_session_max_waiting,
            sticky_wait_timeout: Span::from_millis(c.sticky_session_wait_timeout_ms),
            fallback_max_waiting: c.fallback_max_waiting,
            fallback_wait_timeout: Span::from_millis(c.fallback_wait_timeout_ms),
            slot_ttl: Span::from_secs(c.slot_ttl_seconds),
            load_cache_ttl: Span::from_millis(c.load_batch_cache_ttl_ms),
            ewma_alpha: ALPHA,
            group_id: script.group_id,
            ..Config::default()
        };
        let mut models = Names::default();
        let accounts: Vec<Account> = script
            .accounts
            .iter()
            .map(|line| Account {
                priority: line.priority,
                load_factor: line.load_factor,
                models: line.models.iter().flatten().map(|name| ModelId(models.number(name.trim()) as u16)).collect(),
                websocket_v2: line.websocket_v2,
                ..Account::new(line.id, line.concurrency)
            })
            .collect();
        let pool = Pool::new(accounts);
        let mut ids: Vec<i64> = pool.accounts().iter().map(|account| account.id).collect();
        for id in script.steps.iter().filter_map(|step| step.action.account()) {
            if id > 0 && !ids.contains(&id) {
                ids.push(id);
            }
        }
        Self {
            scheduler: AnyScheduler::new(config, ids.len()),
            pool,
            ids,
            models,
            sessions: Names::default(),
            responses: Names::default(),
            slots: BTreeMap::new(),
        }
    }

    fn ix(&self, id: i64) -> AccountIx {
        AccountIx(self.ids.iter().position(|&known| known == id).map_or(u32::MAX, |at| at as u32))
    }

    fn id(&self, account: AccountIx) -> i64 {
        self.ids[account.at()]
    }

    /// Plays one step; if it expects something: that, and what we answered.
    fn play(&mut self, step: &Step) -> Option<(Value, Value)> {
        let now = Time::from_unix_nanos(step.at_ns);
        match &step.action {
            Action::Select { session_hash, previous_response_id, model, excluded, expect } => {
                let (session_hash, previous) = (session_hash.trim(), previous_response_id.trim());
                let session = self.sessions.number(session_hash);
                let response = self.responses.number(previous);
                let excluded: Vec<AccountIx> = excluded.iter().map(|&id| self.ix(id)).collect();
                let query = Query {
                    session: (session > 0).then_some(SessionKey { key: session, hash: session_hash.as_bytes() }),
                    previous: (response > 0).then_some(ResponseKey { key: response, text: previous.as_bytes() }),
                    model: ModelId(self.models.number(model.trim()) as u16),
                    model_name: model.trim().as_bytes(),
                    excluded: &excluded,
                    ..Query::default()
                };
                let decision = self.scheduler.select(&mut self.pool, &query, now);
                if let Outcome::Acquired(account, slot) = decision.outcome {
                    self.slots.insert(step.i, (account, slot));
                }
                return Some((expect.clone(), self.decision_json(&decision, session, response, now)));
            }
            Action::Report { account, success, first_token_ms } => {
                let account = self.ix(*account);
                let (success, first_token_ms) = (*success, positive(*first_token_ms));
                self.scheduler.learn(&Learnt { account, model: ModelId::BLANK, success, first_token_ms }, now);
            }
            Action::Release { acquired_at_step } => {
                if let Some((account, slot)) = self.slots.remove(acquired_at_step) {
                    self.pool.release(account, slot);
                }
            }
            Action::WaitEnter { account, max_waiting, expect } => {
                let entered = self.pool.enter(self.ix(*account), *max_waiting);
                return Some((expect.clone(), entered.into()));
            }
            Action::WaitLeave { account } => self.pool.leave(self.ix(*account)),
            Action::RuntimeBlock { account, until_ns } => {
                self.scheduler.block(self.ix(*account), Time::from_unix_nanos(*until_ns));
            }
            Action::RateLimitUntil { account, until_ns } => {
                self.pool.account_mut(self.ix(*account)).rate_limited_until = Time::from_unix_nanos(*until_ns);
            }
            Action::SetSchedulable { account, value } => {
                self.pool.account_mut(self.ix(*account)).switched_off = !value;
            }
            Action::BindSession { session_hash, account } => {
                let key = self.sessions.number(session_hash.trim());
                let account = self.ix(*account);
                self.scheduler.bind_session(&mut self.pool, key, account, now);
            }
            Action::BindResponse { response_id, account } => {
                let key = self.responses.number(response_id.trim());
                let account = self.ix(*account);
                self.scheduler.bind_response(&mut self.pool, key, account, now);
            }
            Action::ReportSwitch {} => self.scheduler.switched(),
            Action::Snapshot { account, expect } => {
                return Some((expect.clone(), health_json(self.scheduler.health(self.ix(*account), now))));
            }
        }
        None
    }

    fn decision_json(&self, decision: &Decision, session: u64, response: u64, now: Time) -> Value {
        let wait_plan = match decision.outcome {
            Outcome::Wait(_, plan) => json!({
                "max_concurrency": plan.max_concurrency,
                "timeout_ms": plan.timeout.whole_millis(),
                "max_waiting": plan.max_waiting,
            }),
            Outcome::Acquired(..) | Outcome::NoAvailableAccounts => Value::Null,
        };
        let escape = decision.escape.map(|escape| {
            json!({
                "account": self.id(escape.account),
                "reason": escape.reason.name(),
                "error_rate": escape.error_rate,
                "ttft_ms": escape.ttft_ms,
            })
        });
        json!({
            "account": decision.account().map(|account| self.id(account)),
            "acquired": matches!(decision.outcome, Outcome::Acquired(..)),
            "error": matches!(decision.outcome, Outcome::NoAvailableAccounts).then_some("no_available_accounts"),
            "layer": decision.layer.name(),
            "sticky_previous_hit": decision.sticky_previous_hit,
            "sticky_session_hit": decision.sticky_session_hit,
            "candidate_count": decision.candidate_count,
            "top_k": decision.top_k,
            "load_skew": decision.load_skew,
            "wait_plan": wait_plan,
            "escape": escape,
            "session_binding": self.pool.sessions.get(session, now).map(|account| self.id(account)),
            "response_binding": self.pool.responses.get(response, now).map(|account| self.id(account)),
        })
    }

    fn final_state(&self) -> Value {
        let stats = self.pool.accounts().iter().zip(0..).map(|(account, ix)| {
            let mut line = health_json(self.scheduler.health(AccountIx(ix), Time::ZERO));
            line["account"] = account.id.into();
            line
        });
        json!({ "metrics": metrics_json(self.scheduler.metrics()), "runtime_stats": stats.collect::<Vec<_>>() })
    }
}

impl Action {
    /// The id of the account that it names, if any.
    const fn account(&self) -> Option<i64> {
        match self {
            Self::Select { .. } | Self::Release { .. } | Self::ReportSwitch {} => None,
            Self::Report { account, .. }
            | Self::WaitEnter { account, .. }
            | Self::WaitLeave { account }
            | Self::RuntimeBlock { account, .. }
            | Self::RateLimitUntil { account, .. }
            | Self::SetSchedulable { account, .. }
            | Self::BindSession { account, .. }
            | Self::BindResponse { account, .. }
            | Self::Snapshot { account, .. } => Some(*account),
        }
    }
}

fn metrics_json(metrics: &Metrics) -> Value {
    json!({
        "select_total": metrics.select_total,
        "sticky_previous_hit_total": metrics.sticky_previous_hit_total,
        "sticky_session_hit_total": metrics.sticky_session_hit_total,
        "load_balance_select_total": metrics.load_balance_select_total,
        "account_switch_total": metrics.account_switch_total,
        "sticky_hit_ratio": metrics.sticky_hit_ratio(),
        "account_switch_rate": metrics.account_switch_rate(),
        "load_skew_avg": metrics.load_skew_avg(),
        "runtime_stats_account_count": metrics.runtime_stats_account_count,
    })
}

fn health_json(health: Health) -> Value {
    json!({ "error_rate": health.error_rate, "ttft_ms": health.ttft_ms })
}

fn snapshot_json(health: Snapshot) -> Value {
    json!({ "error_rate": health.error_rate, "ttft_ms": health.has_ttft.then_some(health.ttft_ms) })
}

/// The original ignores samples of 0 or less.
fn positive(ms: Option<i64>) -> Option<u64> {
    ms.and_then(|ms| u64::try_from(ms).ok()).filter(|&ms| ms > 0)
}
