//! One request over HTTP, from arrival to its end (spec gateway.md, "HTTP").

use super::config::Credential;
use super::event::{Event, Ticket};
use super::life::{Exclusion, Phase};
use super::responses::response_key;
use super::run::Gateway;
use super::sockets::After;
use super::users;
use super::waiting::{FIRST_PAUSE, next_pause};
use crate::ids::{AccountIx, ModelId};
use crate::measure::{BindingCause, Observer, Status};
use crate::scheduler::{Layer, Outcome, Revision, SlotToken, WaitPlan};
use crate::units::{Span, Time};
use crate::upstream::Upstream;
use crate::workload::{Previous, Workload};

/// `concurrency.ping_interval`: after so long in one wait a streaming client is sent a comment, and with it HTTP status
/// 200. What goes wrong later comes inside the stream.
const PING_INTERVAL: Span = Span::from_secs(10);
/// Purpose of the stream of the clients' pauses.
const BACKOFF_PURPOSE: u64 = 0x6261_636b;

impl<W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'_, W, U, O> {
    /// Step 1: the user's slot, then a select. Also the begin of a client's later tries.
    pub(super) fn begin_try(&mut self, ix: u32, now: Time) {
        if !self.continues(ix, now) {
            return self.end_try(ix, Status::InvalidRequest, now);
        }
        let life = &mut self.lives[ix];
        life.deadline = life.request.patience.map(|patience| now + patience);
        let Some(user) = life.request.user.filter(|&user| self.users.limit(user).is_some()) else {
            return self.http_select(ix, now);
        };
        if self.users.acquire(user) {
            life.holds_user_slot = true;
            self.http_select(ix, now);
        } else if self.users.enter(user) {
            let token = self.lives.enter(ix, Phase::UserWaiting { entered: now, pause: FIRST_PAUSE, polls: 0 });
            self.wait_on(ix, token, FIRST_PAUSE, Some(users::TIMEOUT), now);
        } else {
            self.end_try(ix, Status::WaitQueueFull, now);
        }
    }

    /// Which response the request continues. From 0.1.179 on, the same user must have got it over HTTP not too long
    /// ago; otherwise the request is refused. Before 0.1.179, no response is ever continued over HTTP.
    fn continues(&mut self, ix: u32, now: Time) -> bool {
        let request = &self.lives[ix].request;
        let named = match (self.config.scheduler.revision, request.previous, request.session) {
            (Revision::V0_1_133, ..) | (_, Previous::None, _) | (_, Previous::LastOfSession, None) => None,
            (_, Previous::Response(response), _) => Some(response),
            (_, Previous::LastOfSession, Some(session)) => self.responses.last_of(session.number),
        };
        let known = named.is_none_or(|id| self.responses.may_continue(response_key(id), request.user, now));
        self.lives[ix].previous = named.filter(|_| known);
        known
    }

    /// Step 2 and what follows from its answer.
    pub(super) fn http_select(&mut self, ix: u32, now: Time) {
        loop {
            let decision = self.select(ix, now);
            let (account, slot, plan) = match decision.outcome {
                Outcome::NoAvailableAccounts => return self.end_try(ix, self.nobody(ix), now),
                Outcome::Acquired(account, slot) => (account, Some(slot), None),
                Outcome::Wait(account, plan) => (account, None, Some(plan)),
            };
            let by_load = decision.layer == Layer::LoadBalance && decision.escape.is_none();
            if slot.is_some() && by_load && decision.bound != Some(account) && self.session_key(ix).is_some() {
                let life = &self.lives[ix];
                let cause = if life.excluded.is_empty() { BindingCause::LoadBalance } else { BindingCause::Failover };
                self.observer.bound(now, life.request.session, decision.bound, account, cause);
            }
            if self.cannot_continue(ix, account) {
                self.free_slot(account, slot, now);
                self.lives[ix].excluded.push(account);
                self.lives[ix].exclusion = Exclusion::Continuation;
                continue;
            }
            self.one_off_for_pool_mode(ix, account);
            return match (slot, plan) {
                (Some(slot), _) => self.forward(ix, account, slot, now),
                (None, Some(plan)) => self.wait(ix, account, plan, now),
                (None, None) => {}
            };
        }
    }

    /// A continuation over HTTP needs an API key.
    fn cannot_continue(&self, ix: u32, account: AccountIx) -> bool {
        self.lives[ix].previous.is_some() && self.config.accounts[account.at()].credential == Credential::OAuth
    }

    /// Why no account is left. Temporary conditions do not make a model unknown.
    fn nobody(&self, ix: u32) -> Status {
        let life = &self.lives[ix];
        if !life.excluded.is_empty() {
            return match life.exclusion {
                Exclusion::Failure => Status::FailoverExhausted,
                Exclusion::Continuation => Status::InvalidRequest,
            };
        }
        let (model, scheduler) = (self.model_of(ix), &self.config.scheduler);
        let tells_models = scheduler.revision >= Revision::V0_1_179 && scheduler.group_id.is_some();
        let mut members = self.pool.accounts().iter().filter(|account| account.in_group && !account.switched_off);
        let has_members = members.clone().next().is_some();
        if tells_models && model != ModelId::BLANK && has_members && !members.any(|account| account.supports(model)) {
            return Status::ModelNotFound;
        }
        Status::NoAvailableAccounts
    }

    /// A request without a session gets a one-off session hash from a pool-mode account.
    fn one_off_for_pool_mode(&mut self, ix: u32, account: AccountIx) {
        if self.config.accounts[account.at()].pool_mode && self.session_key(ix).is_none() {
            self.make_one_off(ix);
        }
    }

    /// Step 4. The try "at once" after entering is left out: nothing can have changed within the instant.
    fn wait(&mut self, ix: u32, account: AccountIx, plan: WaitPlan, now: Time) {
        if let Some(slot) = self.try_slot(account, now) {
            self.bind_and_forward(ix, account, slot, now);
        } else if self.pool.enter(account, plan.max_waiting) {
            self.observer.waiting(now, account, self.pool.waiting(account));
            let phase = Phase::Waiting { account, entered: now, plan, pause: FIRST_PAUSE, polls: 0 };
            let token = self.lives.enter(ix, phase);
            self.wait_on(ix, token, FIRST_PAUSE, Some(plan.timeout), now);
        } else {
            self.end_try(ix, Status::WaitQueueFull, now);
        }
    }

    fn wait_on(&mut self, ix: u32, token: u32, pause: Span, timeout: Option<Span>, now: Time) {
        let ticket = Ticket { life: ix, token };
        if let Some(timeout) = timeout {
            self.plan(now + timeout, Event::WaitTimeout(ticket));
            self.plan_departure(ix);
        }
        self.plan(now + pause, Event::WaitPoll(ticket));
    }

    fn leave_counter(&mut self, ix: u32, account: AccountIx, entered: Time, now: Time) {
        self.pool.leave(account);
        self.observer.waiting(now, account, self.pool.waiting(account));
        self.waited(ix, now.since(entered));
    }

    /// One wait is over. A client that waited for longer than the ping interval has been sent comment lines by then.
    fn waited(&mut self, ix: u32, span: Span) {
        let life = &mut self.lives[ix];
        life.waited += span;
        life.streaming |= span > PING_INTERVAL;
    }

    /// Got a slot by waiting: the session is bound to this account, escaped or not.
    fn bind_and_forward(&mut self, ix: u32, account: AccountIx, slot: SlotToken, now: Time) {
        self.bind_session(ix, account, BindingCause::Waited, now);
        self.forward(ix, account, slot, now);
    }

    pub(super) fn bind_session(&mut self, ix: u32, account: AccountIx, cause: BindingCause, now: Time) {
        if let Some(key) = self.session_key(ix) {
            let earlier = self.pool.sessions.get(key, now);
            let replica = self.lives[ix].replica as usize;
            self.processes[replica].scheduler.bind_session(&mut self.pool, key, account, now);
            self.observer.bound(now, self.lives[ix].request.session, earlier, account, cause);
        }
    }

    pub(super) fn wait_poll(&mut self, ix: u32, now: Time) {
        let jitter = self.config.wait_jitter;
        match self.lives[ix].phase {
            Phase::Waiting { account, entered, plan, pause, polls } => {
                if let Some(slot) = self.try_slot(account, now) {
                    self.leave_counter(ix, account, entered, now);
                    return self.bind_and_forward(ix, account, slot, now);
                }
                let life = &mut self.lives[ix];
                let pause = next_pause(pause, jitter, self.luck, life.request.luck, life.selects, polls);
                life.phase = Phase::Waiting { account, entered, plan, pause, polls: polls + 1 };
                let token = life.phase_token;
                self.wait_on(ix, token, pause, None, now);
            }
            Phase::UserWaiting { entered, pause, polls } => {
                let life = &mut self.lives[ix];
                let Some(user) = life.request.user else { return };
                if self.users.acquire(user) {
                    self.users.leave(user);
                    life.holds_user_slot = true;
                    self.waited(ix, now.since(entered));
                    self.lives.enter(ix, Phase::Deciding);
                    return self.http_select(ix, now);
                }
                let pause = next_pause(pause, jitter, self.luck, life.request.luck, life.selects, polls);
                life.phase = Phase::UserWaiting { entered, pause, polls: polls + 1 };
                let token = life.phase_token;
                self.wait_on(ix, token, pause, None, now);
            }
            Phase::Deciding
            | Phase::Queued
            | Phase::Forwarding(_)
            | Phase::RetryPause { .. }
            | Phase::TurnPause { .. }
            | Phase::Backoff { .. }
            | Phase::Detached(_) => {}
        }
    }

    pub(super) fn wait_timeout(&mut self, ix: u32, now: Time) {
        match self.lives[ix].phase {
            Phase::Waiting { account, entered, .. } => {
                self.leave_counter(ix, account, entered, now);
                self.end_try(ix, Status::WaitTimeout, now);
            }
            Phase::UserWaiting { entered, .. } => {
                self.leave_user_queue(ix, entered, now);
                self.end_try(ix, Status::WaitTimeout, now);
            }
            Phase::Deciding
            | Phase::Queued
            | Phase::Forwarding(_)
            | Phase::RetryPause { .. }
            | Phase::TurnPause { .. }
            | Phase::Backoff { .. }
            | Phase::Detached(_) => {}
        }
    }

    fn leave_user_queue(&mut self, ix: u32, entered: Time, now: Time) {
        if let Some(user) = self.lives[ix].request.user {
            self.users.leave(user);
        }
        self.waited(ix, now.since(entered));
    }

    /// The client's patience is over before its first token.
    pub(super) fn client_gone(&mut self, ix: u32, now: Time) {
        match self.lives[ix].phase {
            Phase::UserWaiting { entered, .. } => self.leave_user_queue(ix, entered, now),
            Phase::Waiting { account, entered, .. } => self.leave_counter(ix, account, entered, now),
            Phase::RetryPause { since } => self.lives[ix].failed += now.since(since),
            Phase::TurnPause { account, slot, since } => {
                self.free_slot(account, Some(slot), now);
                self.lives[ix].failed += now.since(since);
            }
            Phase::Forwarding(mut flight) => {
                let token = flight.connected.and_then(|(at, attempt)| attempt.fate.first_token().map(|ttft| at + ttft));
                if token.is_some_and(|at| at <= now) {
                    return; // its patience no longer matters
                }
                if self.config.transport == super::Transport::Http && self.config.cancel_upstream {
                    self.cancel(ix, flight, now);
                    self.lives.enter(ix, Phase::Deciding);
                    return self.http_finish(ix, Status::ClientGone, now);
                }
                if self.config.transport == super::Transport::Http {
                    let slot = flight.slot.take();
                    self.free_slot(flight.account, slot, now);
                }
                // the token stays: the end of the forward is still to come
                self.lives[ix].phase = Phase::Detached(flight);
            }
            Phase::Deciding | Phase::Queued | Phase::Backoff { .. } | Phase::Detached(_) => return,
        }
        match self.config.transport {
            super::Transport::Http => self.http_finish(ix, Status::ClientGone, now),
            super::Transport::WebSocket => self.turn_over(ix, Status::ClientGone, After::Close, now),
        }
    }

    /// The gateway has answered this try: the client takes it, or tries again.
    pub(super) fn end_try(&mut self, ix: u32, status: Status, now: Time) {
        let life = &self.lives[ix];
        let code = life.http_code(status);
        let again = self.config.retry.as_ref().filter(|retry| {
            life.first_token.is_none() && life.client_retries < retry.limit && retry.statuses.contains(&code)
        });
        let Some(retry) = again else { return self.http_finish(ix, status, now) };
        let growth = libm::pow(retry.factor, f64::from(life.client_retries));
        let pause = retry.backoff.scale(growth).min(retry.longest);
        let mut luck = self.luck.stream(BACKOFF_PURPOSE, life.request.luck, u64::from(life.client_retries));
        let pause = pause.scale(luck.between(1.0 - retry.jitter, 1.0 + retry.jitter));
        self.free_user_slot(ix);
        self.forget_one_off(ix);
        self.lives.new_try(ix);
        let token = self.lives.enter(ix, Phase::Backoff { since: now });
        self.plan(now + pause, Event::ClientRetry(Ticket { life: ix, token }));
    }

    pub(super) fn client_retry(&mut self, ix: u32, now: Time) {
        if let Phase::Backoff { since } = self.lives[ix].phase {
            let life = &mut self.lives[ix];
            life.failed += now.since(since);
            life.client_retries += 1;
            self.lives.enter(ix, Phase::Deciding);
            self.begin_try(ix, now);
        }
    }

    fn free_user_slot(&mut self, ix: u32) {
        let life = &mut self.lives[ix];
        if let (Some(user), true) = (life.request.user, life.holds_user_slot) {
            self.users.release(user);
            life.holds_user_slot = false;
        }
    }

    fn http_finish(&mut self, ix: u32, status: Status, now: Time) {
        self.free_user_slot(ix);
        self.finish(ix, status, now);
    }
}
