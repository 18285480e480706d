//! Why a request went where it went, and what a session experienced: an observer that keeps everything about the few
//! requests that it was asked for. The run is otherwise unchanged.

use crate::gateway::RunError;
use crate::ids::{AccountIx, SessionRef};
use crate::measure::cost::Prefixes;
use crate::measure::{Considered, Finished, Forwarded, Observer, Selected, Status};
use crate::scheduler::{Decision, EscapeReason, Health, Layer, Mode, Outcome, Revision, Transport, Weighing};
use crate::simulation::{Lowered, simulate_seen_by};
use crate::units::{Span, Time};
use crate::workload::Request;

/// The subject of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A request by its arrival number, as in `requests.csv`.
    Request(u64),
    /// A session by its hash, as in `requests.csv`, or by its number.
    Session(String),
    /// The session with the worst turn after the warm-up.
    Worst,
}

/// Everything about one request.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Arrival number.
    pub number: u64,
    /// When it arrived.
    pub at: Time,
    /// Its session's hash, if it has one.
    pub session: Option<String>,
    /// Its place in the session, from 0.
    pub turn: u32,
    /// Tokens of input.
    pub input_tokens: u32,
    /// What the scheduler was asked and answered.
    pub selects: Vec<Select>,
    /// Where it was sent.
    pub forwards: Vec<Forward>,
    /// How it ended; `None` when the run ended first.
    pub end: Option<End>,
}

/// One select with its reasons.
#[derive(Clone, Debug)]
pub struct Select {
    /// When it was.
    pub now: Time,
    /// The replica that answered.
    pub replica: u32,
    /// The scheduler's answer.
    pub decision: Decision,
    /// What the scheduler believed of the bound account.
    pub health: Option<Health>,
    /// The candidates, if load balance was asked.
    pub candidates: Vec<Weighing>,
    /// The accounts that were not candidates, and why.
    pub left_out: Vec<(AccountIx, LeftOut)>,
    /// The slots held on the chosen account afterwards, and the number of its slots (<= 0: no limit).
    pub slots: Option<(u32, i64)>,
}

/// Why an account was not a candidate of load balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It has already failed for this request.
    Excluded,
    /// An operator or a fatal status switched it off.
    SwitchedOff,
    /// Unschedulable until then.
    Unschedulable(Time),
    /// Blocked on this replica until then.
    Blocked(Time),
    /// Off the list of candidates, which is a snapshot: it comes back with the next one.
    NotListed,
    /// The pair of it and the model cools down on this replica until then.
    Pair(Time),
    /// It is limited for the model until then.
    Limited(Time),
    /// It does not speak WebSocket v2, which the request needs.
    Transport,
    /// It belongs to another group.
    Group,
    /// It does not serve the model.
    Model,
    /// It is not a subscription, and subscriptions come first; or it is a subscription, and all subscriptions were
    /// full.
    OtherPart,
}

/// One forward.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// When it began.
    pub at: Time,
    /// The account that it went to.
    pub account: AccountIx,
    /// Input tokens found in the prompt cache.
    pub cached_tokens: u32,
    /// Whether it was cold: the session had a prefix on another account, and none here.
    pub cold: bool,
    /// Ground truth: whether the account was degraded.
    pub degraded: bool,
    /// How the attempt went.
    pub fate: crate::workload::RecordedAttempt,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// When it was.
    pub at: Time,
    /// How it ended.
    pub status: Status,
    /// Arrival to first token.
    pub felt: Option<Span>,
    /// Time in wait counters.
    pub waited: Span,
    /// Time in failed forwards and pauses.
    pub failed: Span,
    /// The account of the last select.
    pub account: Option<AccountIx>,
    /// The layer of the last select.
    pub layer: Option<Layer>,
    /// The first escape.
    pub escape: Option<EscapeReason>,
}

/// The result of an explanation.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The requests asked about, in order of arrival.
    pub journeys: Vec<Journey>,
    /// How many requests the run had, for an error about a request that does not exist.
    pub requests: u64,
}

/// Plays the run and keeps everything about the subject.
///
/// # Errors
/// When the trace cannot be read.
pub fn explain(lowered: &Lowered, seed: u64, subject: &Subject) -> Result<Explanation, RunError> {
    let subject = match subject {
        Subject::Worst => {
            let worst = Worst { warmup_end: lowered.measure.warmup_end, felt: Span::ZERO, session: None };
            match simulate_seen_by(lowered, seed, worst)?.1.session {
                Some(session) => Wanted::Session(session),
                None => Wanted::Name(String::new()),
            }
        }
        Subject::Request(number) => Wanted::Request(*number),
        Subject::Session(name) => Wanted::Name(name.clone()),
    };
    let tracer =
        Tracer { wanted: subject, prefixes: Prefixes::new(&lowered.accounts), journeys: Vec::new(), requests: 0 };
    let (_, tracer) = simulate_seen_by(lowered, seed, tracer)?;
    Ok(Explanation { journeys: tracer.journeys, requests: tracer.requests })
}

/// Finds the session with the worst turn.
struct Worst {
    warmup_end: Time,
    felt: Span,
    session: Option<SessionRef>,
}

impl Observer for Worst {
    fn finished(&mut self, finished: &Finished<'_>) {
        let felt = finished.felt_ttft().filter(|_| finished.request.at >= self.warmup_end);
        if let (Some(felt), Some(session)) = (felt, finished.request.session)
            && felt > self.felt
        {
            (self.felt, self.session) = (felt, Some(session));
        }
    }
}

enum Wanted {
    Request(u64),
    Session(SessionRef),
    Name(String),
}

struct Tracer {
    wanted: Wanted,
    prefixes: Prefixes,
    journeys: Vec<Journey>,
    requests: u64,
}

impl Tracer {
    fn wants(&self, number: u64, request: &Request) -> bool {
        match &self.wanted {
            Wanted::Request(wanted) => number == *wanted,
            Wanted::Session(session) => request.session == Some(*session),
            Wanted::Name(name) => request.session.is_some_and(|session| {
                request.session_hash.as_bytes() == name.as_bytes() || name.parse() == Ok(session.number)
            }),
        }
    }

    fn journey(&mut self, number: u64) -> Option<&mut Journey> {
        self.journeys.iter_mut().rev().find(|journey| journey.number == number)
    }
}

impl Observer for Tracer {
    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        self.requests += 1;
        if self.wants(number, request) {
            let session =
                request.session.map(|_| String::from_utf8_lossy(request.session_hash.as_bytes()).into_owned());
            self.journeys.push(Journey {
                number,
                at: now,
                session,
                turn: request.turn,
                input_tokens: request.input_tokens,
                selects: Vec::new(),
                forwards: Vec::new(),
                end: None,
            });
        }
    }

    fn selected(&mut self, step: &Selected<'_>) {
        let Some(journey) = self.journey(step.number) else { return };
        journey.selects.push(Select {
            now: step.now,
            replica: step.replica,
            decision: *step.decision,
            health: None,
            candidates: Vec::new(),
            left_out: Vec::new(),
            slots: None,
        });
    }

    fn considered(&mut self, step: &Considered<'_>) {
        let Some(select) = self.journey(step.number).and_then(|journey| journey.selects.last_mut()) else { return };
        let decision = select.decision;
        select.health = decision.bound.map(|account| step.scheduler.health(account, step.now));
        select.slots = match decision.outcome {
            Outcome::Acquired(account, _) | Outcome::Wait(account, _) => {
                let limit = step.pool.account(account).map_or(0, |account| account.concurrency);
                Some((step.pool.held(account), limit))
            }
            Outcome::NoAvailableAccounts => None,
        };
        if decision.layer == Layer::LoadBalance {
            if decision.candidate_count > 0 || step.scheduler.mode() == Mode::Legacy {
                select.candidates = step.scheduler.weigh(step.pool, step.query, step.now);
            }
            // in the mode legacy no account is weighed if the session stays at its bound account or no loads are read
            if step.scheduler.mode() != Mode::Legacy || !select.candidates.is_empty() || decision.account().is_none() {
                select.left_out = left_out(step, &select.candidates);
            }
        }
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let cold = self.prefixes.is_cold(step);
        let forward = Forward {
            at: step.began,
            account: step.account,
            cached_tokens: step.attempt.cached_tokens,
            cold,
            degraded: step.attempt.degraded,
            fate: step.attempt.fate,
        };
        if let Some(journey) = self.journey(step.number) {
            journey.forwards.push(forward);
        }
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, _client_there: bool) {
        self.prefixes.leave(now, step);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        let end = End {
            at: finished.end,
            status: finished.status,
            felt: finished.felt_ttft(),
            waited: finished.waited,
            failed: finished.failed,
            account: finished.account,
            layer: finished.layer,
            escape: finished.escape,
        };
        if let Some(journey) = self.journey(finished.number) {
            journey.end = Some(end);
        }
    }
}

/// The accounts that were not candidates, in the order of ids.
fn left_out(step: &Considered<'_>, candidates: &[Weighing]) -> Vec<(AccountIx, LeftOut)> {
    let listed = step.pool.listed();
    let why = |(account, ix): (&crate::scheduler::Account, u32)| {
        let ix = AccountIx(ix);
        if candidates.iter().any(|candidate| candidate.account == ix) {
            return None;
        }
        let until = account.rate_limited_until.max(account.unschedulable_until);
        let blocked = step.scheduler.blocked_until(ix);
        let (query, scheduler) = (step.query, step.scheduler);
        let pair = scheduler.model_blocked_until(ix, query.pair_model);
        let limited = step.pool.limited_until(ix, query.model);
        let newer = scheduler.revision() >= Revision::V0_1_179;
        let reason = if step.query.excluded.contains(&ix) {
            LeftOut::Excluded
        } else if account.switched_off {
            LeftOut::SwitchedOff
        } else if step.now < until {
            LeftOut::Unschedulable(until)
        } else if step.now < blocked {
            LeftOut::Blocked(blocked)
        } else if newer && step.now < pair {
            LeftOut::Pair(pair)
        } else if scheduler.mode() == Mode::Legacy && step.now < limited {
            LeftOut::Limited(limited)
        } else if newer && query.transport == Transport::WebSocket && !account.websocket_v2 {
            LeftOut::Transport
        } else if !account.in_group {
            LeftOut::Group
        } else if !listed.get(ix.at()).copied().unwrap_or(true) {
            LeftOut::NotListed
        } else if !account.supports(query.model) {
            LeftOut::Model
        } else {
            LeftOut::OtherPart
        };
        Some((ix, reason))
    };
    step.pool.accounts().iter().zip(0..).filter_map(why).collect()
}
