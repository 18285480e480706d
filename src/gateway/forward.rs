//! A forward from its connection to its end, and its effects on the scheduler and on the account's state (spec
//! gateway.md, steps 5 and 6): the part that HTTP and WebSocket share.

use super::attempt::AttemptEnd;
use super::config::Transport;
use super::effects;
use super::event::{Event, Ticket};
use super::failure::{Failure, Verdict};
use super::life::{Flight, Phase};
use super::responses::response_key;
use super::run::Gateway;
use super::states;
use crate::ids::{AccountIx, ResponseId};
use crate::measure::{Forwarded, Observer, Reported, StateChange};
use crate::scheduler::{Learnt, Mode, Revision, SlotToken};
use crate::units::{Span, Time};
use crate::upstream::{Attempt, Forward, Upstream};
use crate::workload::{RecordedAttempt, Workload};

impl<W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'_, W, U, O> {
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

    /// The connection of a forward is established. How it will go is decided now, and its end is planned.
    pub(super) fn connect(&mut self, ix: u32, now: Time) {
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
        let mut attempt = self.upstream.begin(&forward, &mut self.changes);
        if let Some(end) = self.given_up_after(ix, &attempt) {
            attempt.fate = RecordedAttempt::transport(end);
            self.lives[ix].gave_up = true;
        }
        self.busy[account.at()] += 1;
        let life = &mut self.lives[ix];
        let (Phase::Forwarding(flight) | Phase::Detached(flight)) = &mut life.phase else { return };
        if self.config.transport == Transport::Http {
            give_up(&mut attempt, self.config.first_output_limit, now.since(flight.began));
        }
        let (_, attempt) = flight.connected.insert((now, attempt));
        self.observer.forwarded(&Forwarded {
            began: flight.began,
            connected: now,
            request: &life.request,
            number: life.number,
            visit: life.visits - 1,
            account,
            attempt,
        });
        let fate = attempt.fate;
        let ticket = Ticket { life: ix, token: life.phase_token };
        self.stop_if_endless(account, fate.end());
        let life = &self.lives[ix];
        let end = now + fate.end();
        let detached = matches!(life.phase, Phase::Detached(_));
        if let (false, Some(deadline)) = (detached, life.deadline) {
            let token_in_time = fate.first_token().is_some_and(|ttft| now + ttft <= deadline);
            if !token_in_time && end > deadline {
                self.plan_departure(ix);
            }
        }
        self.plan(end, Event::AttemptEnd(ticket));
        if !self.changes.is_empty() || self.upstream.next_change() != self.health_planned {
            self.tell_health();
        }
    }

    /// The what-if of a first output that must come in time: when this attempt is given up, if it is.
    fn given_up_after(&self, ix: u32, attempt: &Attempt) -> Option<Span> {
        let timeout = self.config.first_output_timeout?;
        let over_http = self.config.transport == Transport::Http;
        let can = over_http && self.config.scheduler.revision >= Revision::V0_1_179 && !self.lives[ix].gave_up;
        let first = attempt.fate.first_token().unwrap_or(attempt.fate.end());
        (can && first > timeout).then_some(timeout)
    }

    /// The what-if of a client whose leaving ends its upstream request: connection and slot are free, nothing is
    /// learnt.
    pub(super) fn cancel(&mut self, ix: u32, mut flight: Flight, now: Time) {
        let account = flight.account;
        let slot = flight.slot.take();
        self.free_slot(account, slot, now);
        let replica = self.lives[ix].replica as usize;
        let Some((connected, mut attempt)) = flight.connected else {
            return self.processes[replica].connections.withdraw(account, ix);
        };
        attempt.fate = RecordedAttempt::transport(now.since(connected));
        self.attempt_is_over(ix, &flight, connected, &attempt, false, now);
        if let Some(next) = self.processes[replica].connections.close(account) {
            self.connect(next, now);
        }
    }

    /// The upstream and the observer hear of an attempt's end.
    fn attempt_is_over(
        &mut self,
        ix: u32,
        flight: &Flight,
        connected: Time,
        attempt: &Attempt,
        client_there: bool,
        now: Time,
    ) {
        let (life, account) = (&self.lives[ix], flight.account);
        self.busy[account.at()] -= 1;
        let (request, visit) = (&life.request, life.visits - 1);
        let forward = Forward { request, visit, account, start: connected, busy: self.busy[account.at()] };
        self.upstream.end(&forward, attempt, now);
        let began = flight.began;
        let step = Forwarded { began, connected, request, number: life.number, visit, account, attempt };
        self.observer.attempt_ended(now, &step, client_there);
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

    pub(super) fn attempt_end(&mut self, ix: u32, now: Time) {
        let life = &self.lives[ix];
        let (Phase::Forwarding(flight) | Phase::Detached(flight)) = life.phase else { return };
        let Some((connected, attempt)) = &flight.connected else { return };
        let connected = *connected;
        let client_there = matches!(life.phase, Phase::Forwarding(_));
        let account = flight.account;
        self.attempt_is_over(ix, &flight, connected, attempt, client_there, now);
        let replica = self.lives[ix].replica as usize;
        let first_token = attempt.fate.first_token().map(|ttft| connected + ttft);
        let end = AttemptEnd { account, slot: flight.slot, began: flight.began, attempt, first_token };
        let next = self.processes[replica].connections.close(account);
        match self.config.transport {
            Transport::Http => self.http_attempt_end(ix, &end, client_there, now),
            Transport::WebSocket => self.turn_attempt_end(ix, &end, client_there, now),
        }
        if let Some(next) = next {
            self.connect(next, now);
        }
    }

    /// A result is reported to the scheduler of the request's replica.
    pub(super) fn report(&mut self, ix: u32, account: AccountIx, success: bool, ttft: Option<Span>, now: Time) {
        let life = &self.lives[ix];
        let replica = life.replica;
        let first_token_ms = ttft.map(Span::whole_millis);
        let scheduler = &mut self.processes[replica as usize].scheduler;
        scheduler.learn(&Learnt { account, model: life.request.model, success, first_token_ms }, now);
        let health = scheduler.health(account, now);
        self.observer.reported(&Reported { now, replica, account, success, first_token_ms, health });
    }

    pub(super) fn report_switch(&mut self, ix: u32) {
        self.processes[self.lives[ix].replica as usize].scheduler.switched();
        self.lives[ix].total_switches += 1;
    }

    /// Applies a failed forward to its account, and returns what follows for its request. The list of candidates is
    /// notified.
    pub(super) fn failed(&mut self, ix: u32, account: AccountIx, attempt: &Attempt, now: Time) -> Verdict {
        let replica = self.lives[ix].replica;
        let (model, pair_model) = (self.model_of(ix), self.pair_model_of(ix));
        let process = &mut self.processes[replica as usize];
        let failure = Failure {
            account,
            model,
            pair_model,
            fate: attempt.fate,
            message: self.upstream.message(attempt.message),
            traits: &self.config.accounts[account.at()],
            overload_cooldown: self.config.overload_cooldown_of(attempt.fate.http_status()),
        };
        let verdict = match self.config.scheduler.revision {
            Revision::V0_1_133 => {
                let world = (&mut self.pool, &mut process.scheduler, &mut self.forbidden);
                states::verdict(&failure, world, &mut process.storm, now)
            }
            Revision::V0_1_179 => {
                let mut world = effects::World {
                    pool: &mut self.pool,
                    scheduler: &mut process.scheduler,
                    forbidden: &mut self.forbidden,
                    windows: &mut process.windows,
                    temporary: &mut self.temporary,
                };
                effects::apply(&failure, &mut world, now)
            }
        };
        if let Some((unschedulable_until, blocked_until)) = verdict.out {
            let status = attempt.fate.http_status().unwrap_or(0);
            let change = StateChange { now, replica, account, status, unschedulable_until, blocked_until };
            self.observer.state_changed(&change);
        }
        if verdict.changed
            && let Some(at) = self.polls.changed(now)
        {
            self.plan(at, Event::ListPoll);
        }
        verdict
    }

    /// What a complete answer does beside what is reported, also when its client has left.
    pub(super) fn succeeded(&mut self, ix: u32, account: AccountIx, client_there: bool, now: Time) {
        self.forbidden.success(account);
        let scheduler = &self.config.scheduler;
        if scheduler.revision == Revision::V0_1_133 {
            return;
        }
        let pair_model = self.pair_model_of(ix);
        let life = &self.lives[ix];
        let process = &mut self.processes[life.replica as usize];
        process.windows.success(account);
        process.scheduler.model_success(account, pair_model);
        if scheduler.mode == Mode::Legacy {
            process.recency.used(account, now, self.config.outbox_poll_interval);
        }
        if self.config.transport == Transport::Http && self.config.http_continuations {
            let request = &life.request;
            let id = ResponseId { connection: request.connection, turn: request.turn };
            process.scheduler.bind_response(&mut self.pool, response_key(id), account, now);
            self.responses.complete(response_key(id), request.user, now, scheduler.response_ttl);
            if let Some(session) = request.session.filter(|_| client_there) {
                self.responses.seen(session.number, id);
            }
        }
    }
}

/// A forward without a first output within the gateway's timeout, counted from its beginning, ends as a 504. One that
/// waited for its connection for longer is given up when it gets it.
fn give_up(attempt: &mut Attempt, timeout: Span, waited: Span) {
    const GATEWAY_TIMEOUT: u16 = 504;
    let left = timeout.saturating_sub(waited);
    let output = attempt.fate.first_token().unwrap_or_else(|| attempt.fate.end());
    if !timeout.is_zero() && output > left {
        attempt.fate = RecordedAttempt::status(GATEWAY_TIMEOUT, left);
        attempt.message = 0;
    }
}
