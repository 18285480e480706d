//! The run itself: what is under way, the loop over arrivals and events, and the steps that HTTP and WebSocket share.

use super::candidates::{Polls, next_tick};
use super::config::{Config, ReplicaRouting, Transport};
use super::connections::Connections;
use super::effects::{Temporary, Windows};
use super::event::{ARRIVAL_RANK, Event, Ticket};
use super::life::{Lives, Phase};
use super::recency::Recency;
use super::responses::{Responses, response_key};
use super::sockets::Sockets;
use super::states::{Forbidden, Storm};
use super::users::Users;
use crate::engine::{Calendar, Luck};
use crate::ids::{AccountIx, ModelId};
use crate::measure::{Considered, Finished, Observer, Selected, Status};
use crate::scheduler::{
    Account, AnyScheduler, Decision, Health, Metrics, Mode, Outcome, Pool, Query, ResponseKey, Revision, SessionKey,
    SlotToken,
};
use crate::units::{Span, Time};
use crate::upstream::{HealthChange, Upstream};
use crate::workload::{self, Ending, Request, Workload};

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The trace could not be read on.
    #[error(transparent)]
    Workload(#[from] workload::Error),
    /// An attempt would take longer than anything that is worth simulating.
    #[error(
        "an attempt on account {account} would take {days:.0} days, and no attempt of more than {MOST_DAYS} is simulated: \
         see the account's `ttft`, `decode`, `prefill_tokens_per_second`, `size_effect`, `limit_after` and `failures`, \
         the conditions on it, or the times of the trace"
    )]
    Endless {
        /// The account's id.
        account: i64,
        /// How long it would take.
        days: f64,
    },
}

/// Days that an attempt may take. Beyond that the clock, which ends after 584 years, would soon stand still.
const MOST_DAYS: u64 = 30;

/// The totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that arrived; all of them ended.
    pub requests: u64,
    /// Events handled, arrivals included.
    pub events: u64,
    /// When the last event was handled.
    pub end: Time,
}

/// What one gateway process keeps to itself.
pub(super) struct Process {
    pub(super) scheduler: AnyScheduler,
    pub(super) connections: Connections,
    pub(super) storm: Storm,
    pub(super) windows: Windows,
    pub(super) recency: Recency,
    restarts: u32,
}

/// Session keys of one-off sessions, which share the table of bindings with those of the workload.
const ONE_OFF_KEY: u64 = 1 << 63;
/// Purpose of the stream of one-off session hashes.
const ONE_OFF_PURPOSE: u64 = 0x6f6e_656f;
/// Purpose of the stream of the seeds of shuffles in the mode `legacy`.
const SHUFFLE_PURPOSE: u64 = 0x7368_7566;
/// Longer names of models are blank to the cooldowns of pairs, in bytes.
const LONGEST_PAIR_MODEL: usize = 512;

/// One run: requests go from a workload through the gateway to an upstream, and an observer sees every step.
pub struct Gateway<'w, W: ?Sized, U, O> {
    pub(super) config: Config,
    pub(super) luck: Luck,
    pub(super) pool: Pool,
    pub(super) processes: Vec<Process>,
    pub(super) forbidden: Forbidden,
    pub(super) users: Users,
    pub(super) temporary: Temporary,
    pub(super) responses: Responses,
    pub(super) polls: Polls,
    pub(super) calendar: Calendar<Event>,
    pub(super) lives: Lives,
    pub(super) sockets: Sockets,
    pub(super) workload: &'w mut W,
    pub(super) upstream: U,
    pub(super) observer: O,
    /// Names of the models seen so far, trimmed; number 0 is the blank one.
    models: Vec<Vec<u8>>,
    /// For each of them the first one that has the same name once trimmed: what accounts support and are limited for.
    trimmed: Vec<ModelId>,
    /// For each of them the first one that has the same name but for its case: what pairs of account and model go by.
    pair_models: Vec<ModelId>,
    account_models: Vec<Vec<String>>,
    /// Forwards under way, by account.
    pub(super) busy: Vec<u32>,
    pub(super) changes: Vec<HealthChange>,
    pub(super) health_planned: Option<Time>,
    response_text: String,
    /// An attempt that would never end.
    endless: Option<RunError>,
    opened: bool,
    totals: Totals,
}

impl<'w, W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'w, W, U, O> {
    /// Sets a run up. `accounts` and `config.accounts` describe the same pool in order of account ids; the models that
    /// an account serves are taken from `config.accounts`.
    pub fn new(
        config: Config,
        accounts: Vec<Account>,
        luck: Luck,
        workload: &'w mut W,
        upstream: U,
        observer: O,
    ) -> Self {
        let count = accounts.len();
        let limit = |(account, traits): (&Account, &super::AccountTraits)| {
            let limited = config.transport == Transport::Http && traits.http1 && account.concurrency > 0;
            limited.then_some(account.concurrency.max(0) as usize)
        };
        let connections = Connections::new(accounts.iter().zip(&config.accounts).map(limit));
        let process = |start| Process {
            scheduler: AnyScheduler::new(config.scheduler.clone(), count),
            connections: connections.clone(),
            storm: Storm::default(),
            windows: Windows::new(count),
            recency: Recency::new(start),
            restarts: 0,
        };
        let polls = Polls::new(config.process_start, config.outbox_poll_interval, config.replicas.max(1));
        let processes = (0..config.replicas.max(1)).map(|replica| process(polls.start_of(replica))).collect();
        let mut pool = Pool::new(accounts);
        if config.transport == Transport::WebSocket && config.scheduler.revision == Revision::V0_1_133 {
            // an account that does not speak this transport is never listed and never bound
            for ix in (0..count as u32).map(AccountIx) {
                let account = pool.account_mut(ix);
                account.switched_off |= !account.websocket_v2;
            }
        }
        let account_models: Vec<Vec<String>> = config.accounts.iter().map(|traits| traits.models.clone()).collect();
        for (ix, names) in account_models.iter().enumerate() {
            // until its models have been seen, an account with a list serves only one that is yet to come: "no list"
            // means all
            let none_yet = if names.is_empty() { Vec::new() } else { vec![ModelId(1)] };
            pool.account_mut(AccountIx(ix as u32)).models = none_yet;
        }
        Self {
            polls,
            users: Users::new(config.scheduler.revision, config.user_concurrency, config.user_limits.clone()),
            temporary: Temporary::new(count),
            responses: Responses::default(),
            forbidden: Forbidden::new(count),
            pool,
            processes,
            calendar: Calendar::new(),
            lives: Lives::default(),
            sockets: Sockets::default(),
            workload,
            upstream,
            observer,
            models: vec![Vec::new()],
            trimmed: vec![ModelId::BLANK],
            pair_models: vec![ModelId::BLANK],
            account_models,
            busy: vec![0; count],
            changes: Vec::new(),
            health_planned: None,
            response_text: String::new(),
            endless: None,
            opened: false,
            // of a run without requests the end is its start
            totals: Totals { end: config.process_start, ..Totals::default() },
            config,
            luck,
        }
    }

    /// Runs until every request has ended and nothing is under way.
    ///
    /// # Errors
    /// When the workload cannot be read on.
    pub fn run(&mut self) -> Result<Totals, RunError> {
        while self.step()? {}
        self.observer.run_over(self.totals.end);
        Ok(self.totals)
    }

    /// Handles one arrival or event; false when every request has ended and nothing is under way.
    ///
    /// # Errors
    /// When the workload cannot be read on.
    pub fn step(&mut self) -> Result<bool, RunError> {
        if !self.opened {
            self.opened = true;
            self.open();
        }
        let arrival = self.workload.peek()?;
        let arrival_first = match (arrival, self.calendar.peek()) {
            (None, _) if self.lives.len() == 0 => return Ok(false),
            (None, None) => return Ok(false),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(at), Some((due, rank))) => (at, ARRIVAL_RANK) < (due, rank),
        };
        self.totals.events += 1;
        if arrival_first {
            if let Some(request) = self.workload.next()? {
                self.arrive(request);
            }
            self.let_sessions_go();
        } else if let Some((now, event)) = self.calendar.pop() {
            self.totals.end = now;
            self.handle(event, now);
        }
        if self.config.transport == Transport::WebSocket {
            self.ready_turns(self.totals.end);
        }
        self.endless.take().map_or(Ok(true), Err)
    }

    /// The observer, between steps.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// What has happened so far.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The scheduler's own metrics on a replica.
    pub fn metrics(&self, replica: u32) -> &Metrics {
        self.processes[replica as usize].scheduler.metrics()
    }

    /// What the scheduler believes of an account on a replica.
    pub fn health(&self, replica: u32, account: AccountIx) -> Health {
        self.processes[replica as usize].scheduler.health(account, self.totals.end)
    }

    /// The scheduler's shared state.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The observer and the upstream, when the run is over.
    pub fn into_parts(self) -> (O, U) {
        (self.observer, self.upstream)
    }

    fn open(&mut self) {
        let start = self.config.process_start;
        self.pool.set_candidates(start);
        self.observer.list_built(start, self.pool.listed());
        for ix in 0..self.config.restarts.len() {
            self.plan(self.config.restarts[ix].at, Event::Restart(ix as u32));
        }
        for replica in 0..self.processes.len() as u32 {
            self.plan_rebuild(replica, start);
        }
        self.plan_health();
    }

    pub(super) fn plan(&mut self, at: Time, event: Event) {
        self.calendar.plan(at, event.rank(), event);
    }

    /// Stops the run if an attempt takes longer than anything that is worth simulating.
    pub(super) fn stop_if_endless(&mut self, account: AccountIx, took: Span) {
        let days = took.secs() / 86_400.0;
        if days > MOST_DAYS as f64 {
            let account = self.pool.account(account).map_or(0, |account| account.id);
            self.endless = Some(RunError::Endless { account, days });
        }
    }

    fn plan_rebuild(&mut self, replica: u32, now: Time) {
        let interval = self.config.full_rebuild_interval;
        if !interval.is_zero() {
            let at = next_tick(self.polls.start_of(replica), interval, now);
            self.plan(at, Event::ListRebuild(replica, self.processes[replica as usize].restarts));
        }
    }

    fn handle(&mut self, event: Event, now: Time) {
        match event {
            Event::Health => {
                self.health_planned = None;
                self.upstream.advance(now, &mut self.changes);
                self.tell_health();
            }
            Event::Restart(ix) => self.restart(self.config.restarts[ix as usize].replica, now),
            Event::ListPoll => {
                self.polls.polled();
                self.build_list(now);
            }
            Event::ListRebuild(replica, restarts) => {
                if self.processes[replica as usize].restarts == restarts {
                    self.build_list(now);
                    self.plan_rebuild(replica, now);
                }
            }
            Event::AttemptEnd(ticket) if self.current_phase(ticket) => self.attempt_end(ticket.life, now),
            Event::ClientGone(ticket) if self.lives[ticket.life].try_token == ticket.token => {
                self.client_gone(ticket.life, now);
            }
            Event::WaitTimeout(ticket) if self.current_phase(ticket) => self.wait_timeout(ticket.life, now),
            Event::WaitPoll(ticket) if self.current_phase(ticket) => self.wait_poll(ticket.life, now),
            Event::Retry(ticket) if self.current_phase(ticket) => self.retry(ticket.life, now),
            Event::ClientRetry(ticket) if self.current_phase(ticket) => self.client_retry(ticket.life, now),
            Event::AttemptEnd(_)
            | Event::ClientGone(_)
            | Event::WaitTimeout(_)
            | Event::WaitPoll(_)
            | Event::Retry(_)
            | Event::ClientRetry(_) => {} // overtaken
        }
    }

    fn current_phase(&self, ticket: Ticket) -> bool {
        self.lives[ticket.life].phase_token == ticket.token
    }

    fn restart(&mut self, replica: u32, now: Time) {
        let accounts = self.busy.len();
        let Some(process) = self.processes.get_mut(replica as usize) else { return };
        process.scheduler = AnyScheduler::new(self.config.scheduler.clone(), accounts);
        process.storm = Storm::default();
        process.windows = Windows::new(accounts);
        process.recency = Recency::new(now);
        process.restarts += 1;
        self.polls.restart(replica, now);
        self.plan_rebuild(replica, now);
        self.observer.restarted(now, replica);
        self.build_list(now); // every process builds the list when it starts
    }

    fn build_list(&mut self, now: Time) {
        self.pool.set_candidates(now);
        self.observer.list_built(now, self.pool.listed());
    }

    fn plan_health(&mut self) {
        let Some(at) = self.upstream.next_change() else { return };
        if self.health_planned.is_none_or(|planned| at < planned) {
            self.health_planned = Some(at);
            self.plan(at, Event::Health);
        }
    }

    pub(super) fn tell_health(&mut self) {
        for change in self.changes.drain(..) {
            self.observer.health_changed(&change);
        }
        self.plan_health();
    }

    fn arrive(&mut self, request: Request) {
        let now = request.at;
        self.totals.end = now;
        let number = self.totals.requests;
        self.totals.requests += 1;
        self.learn_model(request.model);
        let replicas = self.processes.len() as u64;
        let replica = match (self.config.routing, request.session) {
            (ReplicaRouting::BySession, Some(session)) => session.number % replicas,
            _ => number % replicas,
        } as u32;
        self.observer.arrived(now, number, &request);
        let life = self.lives.insert(request, number, replica);
        match self.config.transport {
            Transport::Http => self.begin_try(life, now),
            Transport::WebSocket => self.turn_arrives(life, now),
        }
    }

    fn learn_model(&mut self, model: ModelId) {
        while self.models.len() <= model.at() {
            let id = ModelId(self.models.len() as u16);
            let name = self.workload.model_name(id).trim().to_owned();
            for (ix, names) in self.account_models.iter().enumerate() {
                if names.is_empty() {
                    continue;
                }
                let models = &mut self.pool.account_mut(AccountIx(ix as u32)).models;
                models.retain(|&known| known != id);
                if names.iter().any(|served| served.trim() == name) {
                    models.push(id);
                }
                models.push(ModelId(id.0.saturating_add(1))); // the one yet to come
            }
            self.pair_models.push(self.pair_model(&name, id));
            let same = self.models.iter().position(|known| known == name.as_bytes());
            self.trimmed.push(same.map_or(id, |same| ModelId(same as u16)));
            self.models.push(name.into_bytes());
        }
    }

    fn pair_model(&self, name: &str, id: ModelId) -> ModelId {
        if name.is_empty() || name.len() > LONGEST_PAIR_MODEL {
            return ModelId::BLANK;
        }
        let lower = name.to_lowercase();
        let same = |known: &&Vec<u8>| String::from_utf8_lossy(known).to_lowercase() == lower;
        let place = self.models.iter().position(|known| same(&known));
        place.map_or(id, |place| self.pair_models[place])
    }

    /// The model of request `ix`, as accounts support it.
    pub(super) fn model_of(&self, ix: u32) -> ModelId {
        self.trimmed[self.lives[ix].request.model.at()]
    }

    /// The model of request `ix`, as pairs of account and model go by it.
    pub(super) fn pair_model_of(&self, ix: u32) -> ModelId {
        self.pair_models[self.lives[ix].request.model.at()]
    }

    /// Asks the scheduler for request `ix`, and reports the answer to the observer.
    pub(super) fn select(&mut self, ix: u32, now: Time) -> Decision {
        let (model, pair_model) = (self.model_of(ix), self.pair_model_of(ix));
        let legacy = self.config.scheduler.mode == Mode::Legacy;
        if legacy {
            for process in &mut self.processes {
                process.recency.show(&mut self.pool, now, self.config.outbox_poll_interval);
            }
        }
        let life = &mut self.lives[ix];
        let request = &life.request;
        let shuffle_seed = match self.config.shuffle_seeds.get(request.luck as usize) {
            Some(&seed) => seed.wrapping_add(u64::from(life.selects)),
            None if legacy => self.luck.stream(SHUFFLE_PURPOSE, request.luck, u64::from(life.selects)).bits(),
            None => 0,
        };
        let session = match (&life.one_off, request.session) {
            (Some(hash), _) => Some(SessionKey { key: ONE_OFF_KEY | life.number, hash }),
            (None, Some(session)) => Some(SessionKey { key: session.number, hash: request.session_hash.as_bytes() }),
            (None, None) => None,
        };
        let previous = life.previous.map(|response| {
            use std::fmt::Write as _;
            self.response_text.clear();
            // writing to a String cannot fail
            let _ = match (self.config.transport, response.turn) {
                // over HTTP most responses are the only one of their connection
                (Transport::Http, 0) => write!(self.response_text, "resp_{}", response.connection),
                _ => write!(self.response_text, "resp_{}_{}", response.connection, response.turn),
            };
            ResponseKey { key: response_key(response), text: self.response_text.as_bytes() }
        });
        let query = Query {
            session,
            previous,
            model,
            model_name: &self.models[request.model.at()],
            excluded: &life.excluded,
            pair_model,
            transport: self.config.transport,
            previous_can_move: self.config.transport == Transport::WebSocket && self.config.previous_can_move,
            shuffle_seed,
        };
        let process = &mut self.processes[life.replica as usize];
        let list_was_empty = self.pool.list_is_empty();
        let decision = process.scheduler.select(&mut self.pool, &query, now);
        let step = Selected {
            now,
            request: &life.request,
            number: life.number,
            earlier: life.selects,
            replica: life.replica,
            decision: &decision,
        };
        if list_was_empty && !self.pool.list_is_empty() {
            self.observer.list_built(now, self.pool.listed());
        }
        self.observer.selected(&step);
        self.observer.considered(&Considered {
            now,
            number: life.number,
            scheduler: &process.scheduler,
            pool: &self.pool,
            query: &query,
        });
        life.selects += 1;
        life.layer = Some(decision.layer);
        life.account = decision.account();
        life.escape = life.escape.or(decision.escape.map(|escape| escape.reason));
        if let Outcome::Acquired(account, _) = decision.outcome {
            self.tell_slots(account, now);
        }
        decision
    }

    pub(super) fn session_key(&self, ix: u32) -> Option<u64> {
        let life = &self.lives[ix];
        if life.one_off.is_some() {
            Some(ONE_OFF_KEY | life.number)
        } else {
            life.request.session.map(|session| session.number)
        }
    }

    /// Makes up a session hash for request `ix`: random text, its own luck.
    pub(super) fn make_one_off(&mut self, ix: u32) {
        let life = &mut self.lives[ix];
        let bits = self.luck.stream(ONE_OFF_PURPOSE, life.request.luck, u64::from(life.client_retries)).bits();
        let mut text = [0; 16];
        for (place, byte) in text.iter_mut().enumerate() {
            *byte = b"0123456789abcdef"[(bits >> (4 * place)) as usize & 0xf];
        }
        life.one_off = Some(text);
    }

    /// The one-off session of request `ix` is over with the client's try: its next one is a request of its own.
    pub(super) fn forget_one_off(&mut self, ix: u32) {
        let life = &mut self.lives[ix];
        if life.one_off.take().is_some() {
            self.pool.sessions.forget(ONE_OFF_KEY | life.number);
        }
    }

    /// Tries once for a slot.
    pub(super) fn try_slot(&mut self, account: AccountIx, now: Time) -> Option<SlotToken> {
        let slot = self.pool.acquire(account, now, self.config.scheduler.slot_ttl)?;
        self.tell_slots(account, now);
        Some(slot)
    }

    pub(super) fn free_slot(&mut self, account: AccountIx, slot: Option<SlotToken>, now: Time) {
        if let Some(slot) = slot {
            self.pool.release(account, slot);
            self.tell_slots(account, now);
        }
    }

    fn tell_slots(&mut self, account: AccountIx, now: Time) {
        if self.pool.accounts()[account.at()].concurrency > 0 {
            self.observer.slots(now, account, self.pool.held(account));
        }
    }

    /// The client of request `ix` has its answer, or has left. What is detached runs on.
    pub(super) fn finish(&mut self, ix: u32, status: Status, now: Time) {
        let life = &mut self.lives[ix];
        life.status = Some(status);
        self.observer.finished(&Finished {
            request: &life.request,
            number: life.number,
            end: now,
            status,
            http_status: life.http_code(status),
            first_token: life.first_token,
            account: life.account,
            layer: life.layer,
            escape: life.escape,
            selects: life.selects,
            attempts: life.visits,
            failed_attempts: life.failed_attempts,
            switches: life.total_switches,
            client_retries: life.client_retries,
            waited: life.waited,
            failed: life.failed,
            upstream_ttft: life.upstream_ttft,
            cached_tokens: life.cached_tokens,
            degraded: life.degraded,
        });
        self.workload.ended(&life.request, Ending { at: now, ok: status == Status::Ok });
        self.forget_one_off(ix);
        if !matches!(self.lives[ix].phase, Phase::Detached(_)) {
            self.lives.remove(ix);
        }
        self.let_sessions_go();
    }

    fn let_sessions_go(&mut self) {
        while let Some(session) = self.workload.retired() {
            self.upstream.forget(session);
            self.pool.sessions.forget(session.number);
            self.sockets.forget(session.number);
            self.responses.forget(session.number);
            self.observer.session_over(self.totals.end, session);
        }
    }
}
