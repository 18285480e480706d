//! One repetition of a case on the simulator: the unknown delays, the phase of the polls and the waiting jitter are
//! drawn at random, and the upstreams' luck where the case has it.

use std::collections::{BTreeMap, VecDeque};

use stickysim::engine::{Distribution, Luck};
use stickysim::gateway::{Config, Gateway};
use stickysim::ids::{AccountIx, ModelId, SessionRef};
use stickysim::measure::{Finished, Forwarded, Observer, Selected};
use stickysim::scheduler::{Account, Decision, Revision};
use stickysim::units::{Span, Time};
use stickysim::upstream::config::{AccountModel, Condition, Config as UpstreamConfig, Course, Decode, Effect, Fault};
use stickysim::upstream::{Attempt, Forward, HealthChange, ModelledUpstream, ScriptedUpstream, Upstream};
use stickysim::workload::{self, Ending, Previous, Recorded, RecordedAttempt, Request, Says, SessionHash, Workload};

use crate::case::Case;

/// 2026-11-23T12:00:00Z; no decision depends on it but the draws of requests without a session.
const START: Time = Time::from_unix_nanos(1_795_435_200_000_000_000);
const DELAY_PURPOSE: u64 = 1;
const PHASE_PURPOSE: u64 = 2;
const MEASURED_PURPOSE: u64 = 3;

/// When the requests of a repetition reach the scheduler, and how they go upstream.
pub enum Manner {
    /// With drawn delays.
    Drawn,
    /// At these times (by request), with these attempts.
    Given(Vec<(f64, Vec<RecordedAttempt>)>),
}

/// What a repetition came to.
#[derive(Default)]
pub struct Played {
    pub felt_ms: Vec<f64>,
    pub http: BTreeMap<u16, u64>,
    pub visits: u64,
    pub escapes: BTreeMap<&'static str, u64>,
    /// Visits by account id.
    pub by_account: BTreeMap<i64, u64>,
    /// By request: HTTP status, felt TTFT in ms, accounts visited.
    pub clients: Vec<(u16, Option<f64>, Vec<i64>)>,
    /// In order: request, decision.
    pub decisions: Vec<(usize, Decision)>,
}

/// Plays a case once.
pub fn play(case: &Case, luck: Luck, manner: &Manner) -> Played {
    let ids: Vec<i64> = case.accounts.iter().map(|&(id, _)| id).collect();
    let account = |(id, about): &(i64, serde_json::Value)| Account {
        priority: about["priority"].as_i64().unwrap_or(1),
        load_factor: about["load_factor"].as_i64(),
        ..Account::new(*id, about["concurrency"].as_i64().unwrap_or(1))
    };
    let accounts: Vec<Account> = case.accounts.iter().map(account).collect();
    let (mut workload, delays) = requests(case, luck, manner);
    let observer = Notes {
        ids: &ids,
        delays: &delays,
        played: Played { clients: vec![(0, None, Vec::new()); case.requests.len()], ..Played::default() },
    };
    let config = config(case, luck);
    let measured = if matches!(manner, Manner::Drawn) { Some(luck) } else { None };
    let given = matches!(manner, Manner::Given(_));
    let notes = if case.has_luck() && !given {
        let modelled = ModelledUpstream::new(upstream(case), luck, START);
        let upstream = Measured { inner: modelled, luck: measured };
        let mut gateway = Gateway::new(config, accounts, luck, &mut workload, upstream, observer);
        finish(gateway.run());
        gateway.into_parts().0
    } else {
        let upstream = Measured { inner: ScriptedUpstream::default(), luck: measured };
        let mut gateway = Gateway::new(config, accounts, luck, &mut workload, upstream, observer);
        finish(gateway.run());
        gateway.into_parts().0
    };
    notes.played
}

fn finish<T>(run: Result<T, stickysim::gateway::RunError>) {
    // the workload lies in memory: it has nothing to fail by
    debug_assert!(run.is_ok());
}

fn config(case: &Case, luck: Luck) -> Config {
    // about 5 s before time 0, the phase of the polls unknown
    let before = Span::from_secs_f64(5.0 + luck.stream(PHASE_PURPOSE, 0, 0).between(-0.5, 0.5));
    let mut config = Config::new(START - before, case.accounts.len());
    config.scheduler.sticky_escape_enabled = case.escape_enabled;
    config.scheduler.sticky_escape_ttft_ms = case.escape_ttft_ms;
    config.scheduler.sticky_escape_error_rate = case.escape_error_rate;
    if let Some(mode) = case.mode {
        (config.scheduler.revision, config.scheduler.mode) = (Revision::V0_1_179, mode);
    }
    if let Some(top_k) = case.lb_top_k {
        config.scheduler.lb_top_k = top_k as usize;
    }
    let weights = &mut config.scheduler.weights;
    for (name, weight) in [
        ("priority", &mut weights.priority),
        ("load", &mut weights.load),
        ("queue", &mut weights.queue),
        ("error_rate", &mut weights.error_rate),
        ("ttft", &mut weights.ttft),
        ("reset", &mut weights.reset),
        ("quota_headroom", &mut weights.quota_headroom),
        ("upstream_cost", &mut weights.upstream_cost),
        ("previous_response", &mut weights.previous_response),
        ("session_sticky", &mut weights.session_sticky),
    ] {
        *weight = case.weights[name].as_f64().unwrap_or(*weight);
    }
    config.scheduler.group_id = Some(1);
    config.scheduler.sticky_max_waiting = 3;
    config.scheduler.sticky_wait_timeout = Span::from_secs(12);
    config.scheduler.fallback_max_waiting = 100;
    config.scheduler.fallback_wait_timeout = Span::from_secs(3);
    for (traits, (_, about)) in config.accounts.iter_mut().zip(&case.accounts) {
        traits.http1 = case.http1;
        traits.pool_mode = about["pool_mode"].as_bool().unwrap_or(false);
        if let Some(count) = about["pool_mode_retry_count"].as_u64() {
            traits.pool_mode_retry_count = count as u32;
        }
    }
    config
}

fn upstream(case: &Case) -> UpstreamConfig {
    let number = |about: &serde_json::Value, key: &str, default: f64| about[key].as_f64().unwrap_or(default);
    let zero = Distribution::ZERO;
    let mut config = UpstreamConfig::default();
    for (ix, (id, about)) in case.accounts.iter().enumerate() {
        let median = number(about, "ttft_ms", 100.0) / 1e3;
        let body = number(about, "body_ms", 100.0) / 1e3;
        config.accounts.push(AccountModel {
            ttft_s: ttft(median, about).unwrap_or(zero.clone()),
            decode: Decode::Seconds(Distribution::exponential(body).unwrap_or(zero.clone())),
            prompt_cache: None,
            persistence: None,
            ..AccountModel::default()
        });
        for condition in about["conditions"].as_array().into_iter().flatten() {
            let (from, to) = (number(condition, "from_s", 0.0), number(condition, "to_s", 0.0));
            let after_s = Distribution::constant(0.040).unwrap_or(zero.clone());
            let status = condition["status"].as_u64().unwrap_or(500) as u16;
            let reset_after_s =
                condition["reset_after_s"].as_f64().and_then(|reset| Distribution::constant(reset).ok());
            let error =
                Fault::Status { status, after_s, reset_after_s, retry_after_s: None, says: Says::Nothing, message: 0 };
            let effect = Effect {
                ttft_factor: number(condition, "ttft_factor", 1.0),
                error_rate: number(condition, "error_rate", 0.0),
                error,
                ..Effect::default()
            };
            config.conditions.push(Condition {
                name: format!("account {id} from {from} s"),
                accounts: vec![AccountIx(ix as u32)],
                course: Course::Scheduled {
                    at: Span::from_secs_f64(from),
                    lasting: Span::from_secs_f64(to - from),
                    ramp_in: Span::ZERO,
                    ramp_out: Span::ZERO,
                    effect,
                },
            });
        }
    }
    config
}

/// The time to first token of a healthy account: lognormal, and some of them multiplied.
fn ttft(median: f64, about: &serde_json::Value) -> Option<Distribution> {
    let sigma = about["sigma"].as_f64().unwrap_or(0.0);
    let usual = Distribution::lognormal_median_sigma(median, sigma).ok()?;
    let (rate, factor) = (about["spike_rate"].as_f64().unwrap_or(0.0), about["spike_factor"].as_f64().unwrap_or(1.0));
    if rate <= 0.0 {
        return Some(usual);
    }
    let spike = Distribution::lognormal_median_sigma(median * factor, sigma).ok()?;
    Distribution::mixture(vec![(1.0 - rate, usual), (rate, spike)]).ok()
}

/// The case's requests as they reach the scheduler, and how long each took to get there.
fn requests(case: &Case, luck: Luck, manner: &Manner) -> (Listed, Vec<f64>) {
    let ways = ways_to_the_scheduler(case);
    let mut sessions = BTreeMap::new();
    let mut delays = Vec::new();
    let mut list = Vec::new();
    for (i, client) in case.requests.iter().enumerate() {
        let (reached_s, attempts) = match manner {
            Manner::Drawn => {
                let mut stream = luck.stream(DELAY_PURPOSE, i as u64, 0);
                // the first few meet a cold process
                let pick = if i < 3 { i } else { (stream.open01() * ways.len() as f64) as usize };
                let delay = ways.get(pick).copied().unwrap_or_else(|| stream.between(0.004, 0.010));
                (client.at_s + delay, client.attempts.clone())
            }
            Manner::Given(given) => given[i].clone(),
        };
        delays.push((reached_s - client.at_s) * 1e3);
        let session = (!client.session.is_empty()).then(|| {
            let next = sessions.len() as u64;
            let number = *sessions.entry(client.session.clone()).or_insert(next);
            SessionRef { slot: number as u32, number }
        });
        list.push(Request {
            luck: i as u64,
            at: START + Span::from_secs_f64(reached_s),
            session,
            session_hash: SessionHash::of_name(&client.session),
            turn: 0,
            connection: i as u64,
            previous: Previous::None,
            user: None,
            model: ModelId(1),
            input_tokens: 100,
            output_tokens: 20,
            // the client's patience counts from when it sent the request
            patience: client.patience.map(|p| p.saturating_sub(Span::from_secs_f64(reached_s - client.at_s))),
            recorded: Some(Box::new(Recorded { attempts, ..Recorded::default() })),
        });
    }
    list.sort_by_key(|request| request.at);
    (Listed(list.into()), delays)
}

/// How long the case's requests took to reach the scheduler, in s, as far as the recording shows: from when they were
/// sent to when an upstream saw them, less the way there, for those that waited for no slot (the shortest wait takes
/// 100 ms). Nearly all lie between 3 and 10 ms; how they spread depends on how busy the machine was in this case.
fn ways_to_the_scheduler(case: &Case) -> Vec<f64> {
    let way = |client: &crate::case::Client| {
        client.visits.first().map(|visit| visit.start_s - client.at_s - UPSTREAM_HOP_S).filter(|&way| way < 0.090)
    };
    case.requests.iter().filter_map(way).collect()
}

/// From the gateway's forward to the upstream's first sight of it.
pub const UPSTREAM_HOP_S: f64 = 0.001;

/// Requests in order of arrival.
struct Listed(VecDeque<Request>);

impl Workload for Listed {
    fn peek(&mut self) -> Result<Option<Time>, workload::Error> {
        Ok(self.0.front().map(|request| request.at))
    }

    fn next(&mut self) -> Result<Option<Request>, workload::Error> {
        Ok(self.0.pop_front())
    }

    fn ended(&mut self, _request: &Request, _ending: Ending) {}

    fn retired(&mut self) -> Option<SessionRef> {
        None
    }

    fn model_name(&self, model: ModelId) -> &str {
        if model == ModelId::BLANK { "" } else { "gpt-5" }
    }
}

/// An upstream as the gateway measures it: every forward takes 0.7 to 2.9 ms longer than the upstream says.
struct Measured<U> {
    inner: U,
    luck: Option<Luck>,
}

impl<U: Upstream> Upstream for Measured<U> {
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt {
        let mut attempt = self.inner.begin(forward, changes);
        if let Some(luck) = self.luck {
            let mut stream = luck.stream(MEASURED_PURPOSE, forward.request.luck, u64::from(forward.visit));
            let longer = Span::from_millis_f64(stream.between(0.7, 2.9));
            attempt.fate = match attempt.fate {
                RecordedAttempt::Ok { ttft, end } => RecordedAttempt::Ok { ttft: ttft + longer, end: end + longer },
                RecordedAttempt::Broken { ttft, end, would_fail_over } => {
                    RecordedAttempt::Broken { ttft: ttft.map(|t| t + longer), end: end + longer, would_fail_over }
                }
                RecordedAttempt::Status { status, end, reset_after, retry_after, says } => {
                    RecordedAttempt::Status { status, end: end + longer, reset_after, retry_after, says }
                }
                RecordedAttempt::Transport { end, durable } => {
                    RecordedAttempt::Transport { end: end + longer, durable }
                }
            };
        }
        attempt
    }

    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time) {
        self.inner.end(forward, attempt, now);
    }

    fn next_change(&self) -> Option<Time> {
        self.inner.next_change()
    }

    fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>) {
        self.inner.advance(now, changes);
    }

    fn forget(&mut self, session: SessionRef) {
        self.inner.forget(session);
    }
}

struct Notes<'a> {
    ids: &'a [i64],
    delays: &'a [f64],
    played: Played,
}

impl Observer for Notes<'_> {
    fn selected(&mut self, step: &Selected<'_>) {
        if let Some(escape) = step.decision.escape {
            *self.played.escapes.entry(escape.reason.name()).or_default() += 1;
        }
        self.played.decisions.push((step.request.luck as usize, *step.decision));
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let id = self.ids[step.account.at()];
        self.played.visits += 1;
        *self.played.by_account.entry(id).or_default() += 1;
        self.played.clients[step.request.luck as usize].2.push(id);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        let i = finished.request.luck as usize;
        let felt = finished.felt_ttft().map(|felt| felt.millis() + self.delays[i]);
        self.played.felt_ms.extend(felt);
        let http = if finished.http_status == 499 { 0 } else { finished.http_status };
        *self.played.http.entry(http).or_default() += 1;
        (self.played.clients[i].0, self.played.clients[i].1) = (http, felt);
    }
}
