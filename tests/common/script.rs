//! Plays the scripts of the golden vectors on a scheduler (spec scheduler.md, The vectors, and scheduler-modes.md,
//! section 9).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use stickysim::ids::{AccountIx, ModelId};
use stickysim::scheduler::{
    Account, AnyScheduler, Config, Credential, Decision, Health, Learnt, Metrics, Mode, Outcome, Pool, Query,
    ResponseKey, Revision, SessionKey, SlotToken, Transport, UpstreamRate, Usage, Weights, admin,
};
use stickysim::units::{Span, Time};

const ALPHA: f64 = 0.2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[expect(dead_code, reason = "read from the line")]
    name: String,
    #[serde(default)]
    mode: Option<ModeName>,
    group_id: Option<i64>,
    config: ScriptConfig,
    accounts: Vec<AccountLine>,
    pub steps: Vec<Step>,
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
    #[serde(default = "yes")]
    load_batch_enabled: bool,
    #[serde(default)]
    subscription_priority: bool,
    #[serde(default)]
    db_settings: BTreeMap<String, String>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeName {
    Legacy,
    Advanced,
    Weighted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightLine {
    priority: f64,
    load: f64,
    queue: f64,
    error_rate: f64,
    ttft: f64,
    #[serde(default)]
    reset: f64,
    #[serde(default)]
    quota_headroom: f64,
    #[serde(default)]
    upstream_cost: f64,
    #[serde(default)]
    previous_response: f64,
    #[serde(default)]
    session_sticky: f64,
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
    #[serde(default)]
    r#type: TypeName,
    #[serde(default)]
    subscription: bool,
    #[serde(default = "yes")]
    in_group: bool,
    last_used_ns: Option<u64>,
    session_window_end_ns: Option<u64>,
    codex: Option<CodexLine>,
    upstream_rate: Option<RateLine>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TypeName {
    #[default]
    Apikey,
    Oauth,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodexLine {
    updated_at_ns: Option<u64>,
    primary_used_percent: Option<f64>,
    primary_reset_at_ns: Option<u64>,
    secondary_used_percent: Option<f64>,
    secondary_reset_at_ns: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLine {
    rate: f64,
    received_at_ns: u64,
    fresh_until_ns: u64,
}

#[derive(Deserialize)]
pub struct Step {
    pub i: u64,
    at_ns: u64,
    #[serde(flatten)]
    action: Action,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Action {
    Select(Box<SelectLine>),
    Report {
        account: i64,
        #[serde(default)]
        model: String,
        success: bool,
        first_token_ms: Option<i64>,
    },
    ModelFailure {
        account: i64,
        model: String,
    },
    ModelLimitUntil {
        account: i64,
        model: String,
        until_ns: u64,
    },
    LastUsed {
        account: i64,
        used_ns: u64,
    },
    Release {
        acquired_at_step: u64,
    },
    WaitEnter {
        account: i64,
        max_waiting: u32,
        expect: Value,
    },
    WaitLeave {
        account: i64,
    },
    RuntimeBlock {
        account: i64,
        until_ns: u64,
    },
    RateLimitUntil {
        account: i64,
        until_ns: u64,
    },
    SetSchedulable {
        account: i64,
        value: bool,
    },
    BindSession {
        session_hash: String,
        account: i64,
    },
    BindResponse {
        response_id: String,
        account: i64,
    },
    ReportSwitch {},
    Snapshot {
        account: i64,
        expect: Value,
    },
}

#[derive(Deserialize)]
struct SelectLine {
    session_hash: String,
    previous_response_id: String,
    model: String,
    excluded: Vec<i64>,
    #[serde(default)]
    transport: TransportName,
    #[serde(default)]
    previous_response_can_move: bool,
    shuffle_seed: Option<String>,
    expect: Value,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TransportName {
    #[default]
    Http,
    Websocket,
}

/// The scheduler with one script's configuration, and the names of things in it.
pub struct Stage {
    scheduler: AnyScheduler,
    pool: Pool,
    /// Ids of the pool's accounts, then those that only steps name: accounts that are gone.
    ids: Vec<i64>,
    models: Names,
    /// Models as cooldowns know them: lower-cased.
    pair_models: Names,
    sessions: Names,
    responses: Names,
    slots: BTreeMap<u64, (AccountIx, SlotToken)>,
}

impl AccountLine {
    /// What only the modes of 0.1.179 look at.
    fn account(&self) -> Account {
        let at = Time::from_unix_nanos;
        Account {
            credential: match self.r#type {
                TypeName::Apikey => Credential::ApiKey,
                TypeName::Oauth => Credential::OAuth,
            },
            subscription: self.subscription,
            in_group: self.in_group,
            last_used: self.last_used_ns.map(at),
            session_window_end: self.session_window_end_ns.map(at),
            usage: self.codex.as_ref().and_then(|codex| {
                Some(Usage {
                    updated_at: at(codex.updated_at_ns?),
                    primary_used_percent: codex.primary_used_percent,
                    primary_reset_at: codex.primary_reset_at_ns.map(at),
                    secondary_used_percent: codex.secondary_used_percent,
                    secondary_reset_at: codex.secondary_reset_at_ns.map(at),
                })
            }),
            upstream_rate: self.upstream_rate.as_ref().map(|rate| UpstreamRate {
                rate: rate.rate,
                received_at: at(rate.received_at_ns),
                fresh_until: at(rate.fresh_until_ns),
            }),
            ..Account::new(self.id, self.concurrency)
        }
    }
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
    pub fn new(script: &Script) -> Self {
        let c = &script.config;
        let w = &c.scheduler_score_weights;
        let config = Config {
            revision: if script.mode.is_some() { Revision::V0_1_179 } else { Revision::V0_1_133 },
            mode: match script.mode {
                Some(ModeName::Legacy) => Mode::Legacy,
                Some(ModeName::Advanced) | None => Mode::Advanced,
                Some(ModeName::Weighted) => Mode::Weighted,
            },
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
                reset: w.reset,
                quota_headroom: w.quota_headroom,
                upstream_cost: w.upstream_cost,
                previous_response: w.previous_response,
                session_sticky: w.session_sticky,
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
            ewma_error_rate_alpha: ALPHA,
            group_id: script.group_id,
            load_batch_enabled: c.load_batch_enabled,
            subscription_priority: c.subscription_priority,
            oauth_rate: 1.0,
            seed_without_previous: false,
        };
        let settings = c.db_settings.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let config = admin::overlay(&config, settings);
        let mut models = Names::default();
        let accounts: Vec<Account> = script
            .accounts
            .iter()
            .map(|line| Account {
                priority: line.priority,
                load_factor: line.load_factor,
                models: line.models.iter().flatten().map(|name| ModelId(models.number(name.trim()) as u16)).collect(),
                websocket_v2: line.websocket_v2,
                ..line.account()
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
            pair_models: Names::default(),
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

    fn pair_model(&mut self, model: &str) -> ModelId {
        let name = model.trim().to_lowercase();
        if name.len() > 512 { ModelId::BLANK } else { ModelId(self.pair_models.number(&name) as u16) }
    }

    fn select(&mut self, line: &SelectLine, step: u64, now: Time) -> Value {
        let (hash, previous, model) = (line.session_hash.trim(), line.previous_response_id.trim(), line.model.trim());
        let session = self.sessions.number(hash);
        let response = self.responses.number(previous);
        let excluded: Vec<AccountIx> = line.excluded.iter().map(|&id| self.ix(id)).collect();
        let query = Query {
            session: (session > 0).then_some(SessionKey { key: session, hash: hash.as_bytes() }),
            previous: (response > 0).then_some(ResponseKey { key: response, text: previous.as_bytes() }),
            model: ModelId(self.models.number(model) as u16),
            model_name: model.as_bytes(),
            pair_model: self.pair_model(model),
            excluded: &excluded,
            transport: match line.transport {
                TransportName::Http => Transport::Http,
                TransportName::Websocket => Transport::WebSocket,
            },
            previous_can_move: line.previous_response_can_move,
            shuffle_seed: line.shuffle_seed.as_ref().map_or(0, |seed| seed.parse().expect("a u64 as text")),
        };
        let decision = self.scheduler.select(&mut self.pool, &query, now);
        if let Outcome::Acquired(account, slot) = decision.outcome {
            self.slots.insert(step, (account, slot));
        }
        self.decision_json(&decision, session, response, now)
    }

    /// Plays one step; if it expects something: that, and what we answered.
    pub fn play(&mut self, step: &Step) -> Option<(Value, Value)> {
        let now = Time::from_unix_nanos(step.at_ns);
        match &step.action {
            Action::Select(line) => return Some((line.expect.clone(), self.select(line, step.i, now))),
            Action::Report { account, model, success, first_token_ms } => {
                let account = self.ix(*account);
                let (success, first_token_ms) = (*success, positive(*first_token_ms));
                self.scheduler.learn(&Learnt { account, model: ModelId::BLANK, success, first_token_ms }, now);
                if success {
                    let pair = self.pair_model(model);
                    self.scheduler.model_success(account, pair);
                }
            }
            Action::ModelFailure { account, model } => {
                let (account, pair) = (self.ix(*account), self.pair_model(model));
                self.scheduler.model_failure(account, pair, now);
            }
            Action::ModelLimitUntil { account, model, until_ns } => {
                let (account, model) = (self.ix(*account), ModelId(self.models.number(model.trim()) as u16));
                self.pool.limit_model(account, model, Time::from_unix_nanos(*until_ns));
            }
            Action::LastUsed { account, used_ns } => {
                let account = self.ix(*account);
                self.pool.set_last_used(account, Some(Time::from_unix_nanos(*used_ns)));
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

    pub fn final_state(&self, script: &Script) -> Value {
        let stats = self.pool.accounts().iter().zip(0..).map(|(account, ix)| {
            let mut line = health_json(self.scheduler.health(AccountIx(ix), Time::ZERO));
            line["account"] = account.id.into();
            line
        });
        let metrics = metrics_json(self.scheduler.metrics());
        match script.r#final.get("runtime_stats") {
            Some(_) => json!({ "metrics": metrics, "runtime_stats": stats.collect::<Vec<_>>() }),
            None => json!({ "metrics": metrics }),
        }
    }
}

impl Action {
    /// The id of the account that it names, if any.
    const fn account(&self) -> Option<i64> {
        match self {
            Self::Select(_) | Self::Release { .. } | Self::ReportSwitch {} => None,
            Self::Report { account, .. }
            | Self::ModelFailure { account, .. }
            | Self::ModelLimitUntil { account, .. }
            | Self::LastUsed { account, .. }
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

/// The original ignores samples of 0 or less.
pub fn positive(ms: Option<i64>) -> Option<u64> {
    ms.and_then(|ms| u64::try_from(ms).ok()).filter(|&ms| ms > 0)
}
