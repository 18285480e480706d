//! A small world to try the request loop in: accounts, requests with scripted attempts, and all that was seen
//! (`seen.rs`).
//!
//! Times are milliseconds from the start of the gateway process. Account ids are 1, 2, 3...; unless a test says
//! otherwise a lower id has the better priority, nothing else is weighed, and one candidate is kept: load balance takes
//! the lowest id that it may take, and waits for that one if it is full.

use std::collections::VecDeque;

use crate::seen::{Seen, id};

use stickysim::engine::Luck;
use stickysim::gateway::{Config, Gateway, Transport};
use stickysim::ids::{AccountIx, ModelId, SessionRef};
use stickysim::scheduler::{Account, Weights};
use stickysim::units::{Span, Time};
use stickysim::upstream::{Attempt, Forward, HealthChange, Upstream};
use stickysim::workload::{self, Ending, Previous, Recorded, RecordedAttempt, Request, Says, SessionHash, Workload};

/// When the gateway process starts.
pub const START: Time = Time::from_unix_nanos(1_800_000_000_000_000_000);

pub fn ms(millis: f64) -> Span {
    Span::from_millis_f64(millis)
}

pub fn at(millis: f64) -> Time {
    START + ms(millis)
}

pub fn ok(ttft: f64, end: f64) -> RecordedAttempt {
    RecordedAttempt::Ok { ttft: ms(ttft), end: ms(end) }
}

pub fn status(status: u16, end: f64) -> RecordedAttempt {
    RecordedAttempt::status(status, ms(end))
}

/// A status whose message says something.
pub fn saying(status: u16, says: Says, end: f64) -> RecordedAttempt {
    RecordedAttempt::Status { status, end: ms(end), reset_after: None, retry_after: None, says }
}

/// A 429 that names when its limit is over.
pub fn limited(end: f64, reset_after: f64) -> RecordedAttempt {
    RecordedAttempt::Status {
        status: 429,
        end: ms(end),
        reset_after: Some(ms(reset_after)),
        retry_after: None,
        says: Says::Nothing,
    }
}

/// A 400 with one of the upstream's passing troubles.
pub fn passing(end: f64) -> RecordedAttempt {
    saying(400, Says::Passing, end)
}

pub fn broken(ttft: f64, end: f64, would_fail_over: bool) -> RecordedAttempt {
    RecordedAttempt::Broken { ttft: Some(ms(ttft)), end: ms(end), would_fail_over }
}

pub fn transport(end: f64) -> RecordedAttempt {
    RecordedAttempt::transport(ms(end))
}

pub struct World {
    pub config: Config,
    pub accounts: Vec<Account>,
    /// The message of every error status.
    pub message: &'static str,
    pub seed: u64,
    requests: Vec<Request>,
}

impl World {
    /// Accounts with these slots; no jitter, no rebuilds of the list by the clock.
    pub fn new(concurrency: &[i64]) -> Self {
        let accounts: Vec<Account> = concurrency
            .iter()
            .zip(1..)
            .map(|(&slots, id)| Account { priority: id, ..Account::new(id, slots) })
            .collect();
        let mut config = Config::new(START, accounts.len());
        config.wait_jitter = 0.0;
        config.full_rebuild_interval = Span::ZERO;
        config.scheduler.lb_top_k = 1;
        config.scheduler.weights =
            Weights { priority: 1.0, load: 0.0, queue: 0.0, error_rate: 0.0, ttft: 0.0, ..Weights::default() };
        config.scheduler.load_cache_ttl = Span::ZERO;
        Self { config, accounts, message: "", seed: 1, requests: Vec::new() }
    }

    pub fn websocket(concurrency: &[i64]) -> Self {
        let mut world = Self::new(concurrency);
        world.config.transport = Transport::WebSocket;
        world
    }

    /// Account `id` is in pool mode, with these retries.
    pub fn pool_mode(mut self, id: usize, count: u32, codes: &[u16]) -> Self {
        let traits = &mut self.config.accounts[id - 1];
        traits.pool_mode = true;
        traits.pool_mode_retry_count = count;
        traits.pool_mode_retry_status_codes = codes.to_vec();
        self
    }

    /// A request whose k-th forward goes as the k-th attempt says (the last one repeats). Its number is its place among
    /// all requests, which must be added in order of time.
    pub fn ask(&mut self, millis: f64, attempts: &[RecordedAttempt]) -> Ask<'_> {
        let number = self.requests.len() as u64;
        let recorded = Recorded { attempts: attempts.to_vec(), ..Recorded::default() };
        assert!(self.requests.last().is_none_or(|last| last.at <= at(millis)), "requests in order of time");
        self.requests.push(Request {
            luck: number,
            at: at(millis),
            session: None,
            session_hash: SessionHash::EMPTY,
            turn: 0,
            connection: 1_000_000 + number,
            previous: Previous::None,
            user: None,
            model: ModelId::BLANK,
            input_tokens: 0,
            output_tokens: 0,
            patience: None,
            recorded: Some(Box::new(recorded)),
        });
        Ask(self.requests.last_mut().unwrap())
    }

    pub fn play(self) -> Seen {
        let accounts = self.accounts.len() as u32;
        let replicas = self.config.replicas;
        let seen = Seen::new(self.requests.len(), accounts as usize);
        let upstream = Script { message: self.message };
        let mut workload = List { left: self.requests.into() };
        let luck = Luck::new(self.seed);
        let mut gateway = Gateway::new(self.config, self.accounts, luck, &mut workload, upstream, seen);
        while gateway.step().unwrap() {
            let now = gateway.totals().end;
            while let Some((number, session)) = gateway.observer_mut().just_ended.pop() {
                let bound = session.and_then(|session| gateway.pool().sessions.get(session.number, now));
                gateway.observer_mut().ends[number].binding = bound.map(id);
            }
        }
        for account in (0..accounts).map(AccountIx) {
            assert_eq!((gateway.pool().held(account), gateway.pool().waiting(account)), (0, 0), "all is drained");
        }
        let metrics = (0..replicas).map(|replica| gateway.metrics(replica).clone()).collect();
        let stats = (0..replicas)
            .map(|replica| (0..accounts).map(|account| gateway.health(replica, AccountIx(account))).collect())
            .collect();
        let mut seen = gateway.into_parts().0;
        assert!(seen.ends.iter().all(|end| end.times == 1), "every request ends exactly once");
        (seen.metrics, seen.stats) = (metrics, stats);
        seen
    }
}

/// A request that is being described.
pub struct Ask<'a>(&'a mut Request);

impl Ask<'_> {
    pub fn session(self, session: u32) -> Self {
        self.0.session = Some(SessionRef { slot: session, number: u64::from(session) });
        self.0.session_hash = SessionHash::of_name(&session.to_string());
        self.0.connection = u64::from(session);
        self
    }

    pub fn turn(self, turn: u32) -> Self {
        self.0.turn = turn;
        self
    }

    /// Continues the last response of its session.
    pub fn continuing(self) -> Self {
        self.0.previous = Previous::LastOfSession;
        self
    }

    pub fn user(self, user: u32) -> Self {
        self.0.user = Some(user);
        self
    }

    pub fn patience(self, millis: f64) -> Self {
        self.0.patience = Some(ms(millis));
        self
    }
}

/// Requests as they stand.
struct List {
    left: VecDeque<Request>,
}

impl Workload for List {
    fn peek(&mut self) -> Result<Option<Time>, workload::Error> {
        Ok(self.left.front().map(|request| request.at))
    }

    fn next(&mut self) -> Result<Option<Request>, workload::Error> {
        Ok(self.left.pop_front())
    }

    fn ended(&mut self, _: &Request, _: Ending) {}

    fn retired(&mut self) -> Option<SessionRef> {
        None
    }

    fn model_name(&self, _: ModelId) -> &str {
        ""
    }
}

/// Follows each request's script; all errors bear the world's message.
struct Script {
    message: &'static str,
}

impl Upstream for Script {
    fn begin(&mut self, forward: &Forward<'_>, _: &mut Vec<HealthChange>) -> Attempt {
        let attempts = &forward.request.recorded.as_ref().unwrap().attempts;
        let fate = attempts[(forward.visit as usize).min(attempts.len() - 1)];
        Attempt { fate, cached_tokens: 0, degraded: false, message: 1 }
    }

    fn end(&mut self, _: &Forward<'_>, _: &Attempt, _: Time) {}

    fn next_change(&self) -> Option<Time> {
        None
    }

    fn advance(&mut self, _: Time, _: &mut Vec<HealthChange>) {}

    fn forget(&mut self, _: SessionRef) {}

    fn message(&self, _: u16) -> &str {
        self.message
    }
}
