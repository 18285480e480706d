//! The run itself: what is under way, the loop over arrivals and events, and the steps that HTTP and WebSocket share.

use super::candidates::{Polls, next_tick};
use super::config::{Config, ReplicaRouting, Transport};
use super::connections::Connections;
use super::event::{ARRIVAL_RANK, Event, Ticket};
use super::life::{Flight, Lives, Phase};
use super::states::{self, Forbidden, Storm};
use super::users::Users;
use super::websocket::Sockets;
use crate::engine::{Calendar, Luck};
use crate::ids::{AccountIx, ModelId, ResponseId};
use crate::measure::{Considered, Finished, Forwarded, Observer, Report, Selected, StateChange, Status};
use crate::scheduler::{
    self, Account, Decision, Metrics, Outcome, Pool, Query, Replica, ResponseKey, SessionKey, SlotToken,
};
use crate::units::{Span, Time};
use crate::upstream::{Attempt, Forward, HealthChange, Upstream};
use crate::workload::{self, Ending, Request, Workload};

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The trace could not be read on.
    #[error(transparent)]
    Workload(#[from] workload::Error),
}

/// What a run amounted to.
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
struct Process {
    stats: Replica,
    connections: Connections,
    storm: Storm,
    restarts: u32,
}

/// Session keys of one-off sessions, which share the table of bindings with those of the workload.
const ONE_OFF_KEY: u64 = 1 << 63;
/// Purpose of the stream of one-off session hashes.
const ONE_OFF_PURPOSE: u64 = 0x6f6e_656f;

/// One run: requests from a workload through the gateway to an upstream, before the eyes of an observer.
pub struct Gateway<'w, W: ?Sized, U, O> {
    pub(super) config: Config,
    pub(super) luck: Luck,
    pub(super) pool: Pool,
    processes: Vec<Process>,
    pub(super) forbidden: Forbidden,
    pub(super) users: Option<Users>,
    polls: Polls,
    pub(super) calendar: Calendar<Event>,
    pub(super) lives: Lives,
    pub(super) sockets: Sockets,
    pub(super) workload: &'w mut W,
    pub(super) upstream: U,
    pub(super) observer: O,
    /// Names of the models seen so far, trimmed; number 0 is the blank one.
    models: Vec<Vec<u8>>,
    account_models: Vec<Vec<String>>,
    /// Forwards under way, by account.
    busy: Vec<u32>,
    changes: Vec<HealthChange>,
    health_planned: Option<Time>,
    response_text: String,
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
        let process = || Process {
            stats: Replica::new(count),
            connections: connections.clone(),
            storm: Storm::default(),
            restarts: 0,
        };
        let processes = (0..config.replicas.max(1)).map(|_| process()).collect();
        let mut pool = Pool::new(accounts);
        if config.transport == Transport::WebSocket {
            // an account that does not speak it is none for this transport: never listed, never bound
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
            polls: Polls::new(config.process_start, config.outbox_poll_interval, config.replicas.max(1)),
            users: config.user_concurrency.map(Users::new),
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
            account_models,
            busy: vec![0; count],
            changes: Vec::new(),
            health_planned: None,
            response_text: String::new(),
            opened: false,
            totals: Totals::default(),
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
        Ok(true)
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
        self.processes[replica as usize].stats.metrics()
    }

    /// Runtime stats of an account on a replica.
    pub fn snapshot(&self, replica: u32, account: AccountIx) -> scheduler::Snapshot {
        self.processes[replica as usize].stats.snapshot(account)
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
            Event::PoolRetry(ticket) if self.current_phase(ticket) => self.pool_retry(ticket.life, now),
            Event::ClientRetry(ticket) if self.current_phase(ticket) => self.client_retry(ticket.life, now),
            Event::AttemptEnd(_)
            | Event::ClientGone(_)
            | Event::WaitTimeout(_)
            | Event::WaitPoll(_)
            | Event::PoolRetry(_)
            | Event::ClientRetry(_) => {} // overtaken
        }
    }

    fn current_phase(&self, ticket: Ticket) -> bool {
        self.lives[ticket.life].phase_token == ticket.token
    }

    fn restart(&mut self, replica: u32, now: Time) {
        let accounts = self.busy.len();
        let Some(process) = self.processes.get_mut(replica as usize) else { return };
        process.stats = Replica::new(accounts);
        process.storm = Storm::default();
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

    fn tell_health(&mut self) {
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
            self.models.push(name.into_bytes());
        }
    }

    /// Asks the scheduler for request `ix`, and tells the observer.
    pub(super) fn select(&mut self, ix: u32, now: Time) -> Decision {
        let life = &mut self.lives[ix];
        let request = &life.request;
        let session = match (&life.one_off, request.session) {
            (Some(hash), _) => Some(SessionKey { key: ONE_OFF_KEY | life.number, hash }),
            (None, Some(session)) => Some(SessionKey { key: session.number, hash: request.session_hash.as_bytes() }),
            (None, None) => None,
        };
        let previous = life.previous.map(|response| {
            use std::fmt::Write as _;
            self.response_text.clear();
            // writing to a String cannot fail
            let _ = write!(self.response_text, "resp_{}_{}", response.connection, response.turn);
            ResponseKey { key: response_key(response), text: self.response_text.as_bytes() }
        });
        let query = Query {
            session,
            previous,
            model: if self.models[request.model.at()].is_empty() { ModelId::BLANK } else { request.model },
            model_name: &self.models[request.model.at()],
            excluded: &life.excluded,
        };
        let process = &mut self.processes[life.replica as usize];
        let list_was_empty = self.pool.list_is_empty();
        let decision = scheduler::select(&self.config.scheduler, &mut self.pool, &mut process.stats, &query, now);
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
            config: &self.config.scheduler,
            pool: &self.pool,
            replica: &process.stats,
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

    /// Forwards request `ix` to an account on which it holds a slot.
    pub(super) fn forward(&mut self, ix: u32, account: AccountIx, slot: SlotToken, now: Time) {
        let flight = Flight { account, slot: Some(slot), began: now, connected: None };
        self.lives.enter(ix, Phase::Forwarding(flight));
        let life = &mut self.lives[ix];
        life.visits += 1;
        if self.processes[life.replica as usize].connections.open(account, ix) {
            self.connect(ix, now);
        } else {
            self.plan_departure(ix);
        }
    }

    /// The connection of a forward stands: its fate is decided, and its end planned.
    fn connect(&mut self, ix: u32, now: Time) {
        let life = &mut self.lives[ix];
        let (Phase::Forwarding(flight) | Phase::Detached(flight)) = &mut life.phase else { return };
        let account = flight.account;
        let forward = Forward {
            request: &life.request,
            visit: life.visits - 1,
            account,
            start: now,
            busy: self.busy[account.at()],
        };
        let attempt = self.upstream.begin(&forward, &mut self.changes);
        self.busy[account.at()] += 1;
        flight.connected = Some((now, attempt));
        self.observer.forwarded(&Forwarded {
            began: flight.began,
            connected: now,
            request: &life.request,
            number: life.number,
            visit: life.visits - 1,
            account,
            attempt: &attempt,
        });
        let ticket = Ticket { life: ix, token: life.phase_token };
        let end = now + attempt.fate.end();
        let detached = matches!(life.phase, Phase::Detached(_));
        if let (false, Some(deadline)) = (detached, life.deadline) {
            let token_in_time = attempt.fate.first_token().is_some_and(|ttft| now + ttft <= deadline);
            if !token_in_time && end > deadline {
                self.plan_departure(ix);
            }
        }
        self.plan(end, Event::AttemptEnd(ticket));
        if !self.changes.is_empty() || self.upstream.next_change() != self.health_planned {
            self.tell_health();
        }
    }

    /// Plans that the client goes away when its patience ends.
    pub(super) fn plan_departure(&mut self, ix: u32) {
        let life = &mut self.lives[ix];
        if let (Some(deadline), false) = (life.deadline, life.departure_planned) {
            life.departure_planned = true;
            let ticket = Ticket { life: ix, token: life.try_token };
            self.plan(deadline, Event::ClientGone(ticket));
        }
    }

    fn attempt_end(&mut self, ix: u32, now: Time) {
        let life = &self.lives[ix];
        let (Phase::Forwarding(flight) | Phase::Detached(flight)) = life.phase else { return };
        let Some((connected, attempt)) = flight.connected else { return };
        let client_there = matches!(life.phase, Phase::Forwarding(_));
        let account = flight.account;
        self.busy[account.at()] -= 1;
        let (request, visit) = (&life.request, life.visits - 1);
        let forward = Forward { request, visit, account, start: connected, busy: self.busy[account.at()] };
        self.upstream.end(&forward, &attempt, now);
        let step = Forwarded {
            began: flight.began,
            connected,
            request,
            number: life.number,
            visit,
            account,
            attempt: &attempt,
        };
        self.observer.attempt_ended(now, &step, client_there);
        let replica = life.replica as usize;
        let end = AttemptEnd { flight, attempt, first_token: attempt.fate.first_token().map(|ttft| connected + ttft) };
        let next = self.processes[replica].connections.close(account);
        match self.config.transport {
            Transport::Http => self.http_attempt_end(ix, &end, client_there, now),
            Transport::WebSocket => self.turn_attempt_end(ix, &end, client_there, now),
        }
        if let Some(next) = next {
            self.connect(next, now);
        }
    }

    /// A result enters the runtime stats of the request's replica.
    pub(super) fn report(&mut self, ix: u32, account: AccountIx, success: bool, ttft: Option<Span>, now: Time) {
        let replica = self.lives[ix].replica;
        let first_token_ms = ttft.map(Span::whole_millis);
        let stats = &mut self.processes[replica as usize].stats;
        stats.report(self.config.scheduler.ewma_alpha, account, success, first_token_ms);
        let after = stats.snapshot(account);
        self.observer.reported(&Report {
            now,
            replica,
            account,
            success,
            first_token_ms,
            error_rate: after.error_rate,
            ttft_ms: after.has_ttft.then_some(after.ttft_ms),
        });
    }

    pub(super) fn report_switch(&mut self, ix: u32) {
        self.processes[self.lives[ix].replica as usize].stats.report_switch();
        self.lives[ix].total_switches += 1;
    }

    /// A failover-kind status does to the account what it does; the list of candidates will hear of it.
    pub(super) fn change_state(&mut self, ix: u32, account: AccountIx, attempt: &Attempt, now: Time) {
        let workload::RecordedAttempt::Status { status, reset_after, .. } = attempt.fate else { return };
        let replica = self.lives[ix].replica;
        let answer = states::Answer { status, reset_after, message: self.upstream.message(attempt.message) };
        let world = (&mut self.pool, &mut self.processes[replica as usize].stats, &mut self.forbidden);
        let traits = &self.config.accounts[account.at()];
        let cooldown = self.config.overload_cooldown;
        let Some((unschedulable_until, blocked_until)) = states::apply(&answer, account, traits, world, cooldown, now)
        else {
            return;
        };
        self.observer.state_changed(&StateChange { now, replica, account, status, unschedulable_until, blocked_until });
        if let Some(at) = self.polls.changed(now) {
            self.plan(at, Event::ListPoll);
        }
    }

    /// Counts a 429 of an account: whether it is one of a storm on OAuth accounts.
    pub(super) fn in_storm(&mut self, ix: u32, account: AccountIx, status: u16, now: Time) -> bool {
        let oauth = self.config.accounts[account.at()].credential == super::Credential::OAuth;
        status == 429 && oauth && self.processes[self.lives[ix].replica as usize].storm.count(now)
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
            http_status: super::http::http_code(status, life.last_upstream_status),
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
            self.observer.session_over(self.totals.end, session);
        }
    }
}

/// A forward that has just ended.
pub(super) struct AttemptEnd {
    pub flight: Flight,
    pub attempt: Attempt,
    pub first_token: Option<Time>,
}

impl AttemptEnd {
    /// From the begin of the forward to its first token: what the scheduler learns, before rounding.
    pub fn upstream_ttft(&self) -> Option<Span> {
        self.first_token.map(|at| at.since(self.flight.began))
    }
}

/// A number for a response id: turns of a connection are fewer than 2^24.
pub(super) const fn response_key(response: ResponseId) -> u64 {
    (response.connection << 24) ^ response.turn as u64
}
