//! One request over HTTP, from arrival to its end (spec gateway.md, "HTTP").

use super::event::{Event, Ticket};
use super::forward::AttemptEnd;
use super::life::Phase;
use super::run::Gateway;
use super::users;
use super::waiting::{FIRST_PAUSE, next_pause};
use super::{states, websocket};
use crate::ids::AccountIx;
use crate::measure::{Binding, Observer, Status};
use crate::scheduler::{Layer, Outcome, SlotToken, WaitPlan};
use crate::units::{Span, Time};
use crate::upstream::Upstream;
use crate::workload::{RecordedAttempt, Workload};

/// The pause before a pool-mode account is tried again.
const POOL_RETRY_PAUSE: Span = Span::from_millis(500);
/// Purpose of the stream of the clients' pauses.
const BACKOFF_PURPOSE: u64 = 0x6261_636b;

impl<W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'_, W, U, O> {
    /// Step 1: the user's slot, then a select. Also the begin of a client's later tries.
    pub(super) fn begin_try(&mut self, ix: u32, now: Time) {
        let life = &mut self.lives[ix];
        life.deadline = life.request.patience.map(|patience| now + patience);
        let (Some(users), Some(user)) = (&mut self.users, life.request.user) else {
            return self.http_select(ix, now);
        };
        if users.acquire(user) {
            life.holds_user_slot = true;
            self.http_select(ix, now);
        } else if users.enter(user) {
            let token = self.lives.enter(ix, Phase::UserWaiting { entered: now, pause: FIRST_PAUSE, polls: 0 });
            self.wait_on(ix, token, FIRST_PAUSE, Some(users::TIMEOUT), now);
        } else {
            self.end_try(ix, Status::WaitQueueFull, now);
        }
    }

    /// Step 2 and what follows from its answer.
    fn http_select(&mut self, ix: u32, now: Time) {
        let decision = self.select(ix, now);
        match decision.outcome {
            Outcome::NoAvailableAccounts => {
                let tried_none = self.lives[ix].excluded.is_empty();
                let status = if tried_none { Status::NoAvailableAccounts } else { Status::FailoverExhausted };
                self.end_try(ix, status, now);
            }
            Outcome::Acquired(account, slot) => {
                if decision.layer == Layer::LoadBalance && decision.escape.is_none() {
                    let life = &self.lives[ix];
                    let cause = if life.excluded.is_empty() { Binding::LoadBalance } else { Binding::Failover };
                    if self.session_key(ix).is_some() {
                        self.observer.bound(now, life.request.session, decision.bound, account, cause);
                    }
                }
                self.one_off_for_pool_mode(ix, account);
                self.forward(ix, account, slot, now);
            }
            Outcome::Wait(account, plan) => {
                self.one_off_for_pool_mode(ix, account);
                self.wait(ix, account, plan, now);
            }
        }
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
        self.lives[ix].waited += now.since(entered);
    }

    /// Got a slot by waiting: the session is bound to this account, escaped or not.
    fn bind_and_forward(&mut self, ix: u32, account: AccountIx, slot: SlotToken, now: Time) {
        self.bind_session(ix, account, Binding::Waited, now);
        self.forward(ix, account, slot, now);
    }

    pub(super) fn bind_session(&mut self, ix: u32, account: AccountIx, cause: Binding, now: Time) {
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
                let (Some(users), Some(user)) = (&mut self.users, life.request.user) else { return };
                if users.acquire(user) {
                    users.leave(user);
                    life.holds_user_slot = true;
                    life.waited += now.since(entered);
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
            | Phase::PoolPause { .. }
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
            | Phase::PoolPause { .. }
            | Phase::Backoff { .. }
            | Phase::Detached(_) => {}
        }
    }

    fn leave_user_queue(&mut self, ix: u32, entered: Time, now: Time) {
        let life = &mut self.lives[ix];
        if let (Some(users), Some(user)) = (&mut self.users, life.request.user) {
            users.leave(user);
        }
        life.waited += now.since(entered);
    }

    /// The client's patience is over before its first token.
    pub(super) fn client_gone(&mut self, ix: u32, now: Time) {
        match self.lives[ix].phase {
            Phase::UserWaiting { entered, .. } => self.leave_user_queue(ix, entered, now),
            Phase::Waiting { account, entered, .. } => self.leave_counter(ix, account, entered, now),
            Phase::PoolPause { since } => self.lives[ix].failed += now.since(since),
            Phase::Forwarding(mut flight) => {
                let token = flight.connected.and_then(|(at, attempt)| attempt.fate.first_token().map(|ttft| at + ttft));
                if token.is_some_and(|at| at <= now) {
                    return; // its patience no longer matters
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
            super::Transport::WebSocket => self.turn_over(ix, Status::ClientGone, websocket::After::Close, now),
        }
    }

    /// Step 6: the upstream ends.
    pub(super) fn http_attempt_end(&mut self, ix: u32, end: &AttemptEnd, client_there: bool, now: Time) {
        let (account, slot) = (end.flight.account, end.flight.slot);
        let status = match end.attempt.fate {
            RecordedAttempt::Ok { .. } => {
                self.free_slot(account, slot, now);
                self.forbidden.success(account);
                self.report(ix, account, true, end.upstream_ttft(), now);
                Status::Ok
            }
            RecordedAttempt::Broken { would_fail_over, .. } if end.first_token.is_some() => {
                self.free_slot(account, slot, now);
                if !would_fail_over {
                    self.report(ix, account, false, None, now);
                }
                Status::StreamBroken
            }
            RecordedAttempt::Status { status, passing, .. } if states::fails_over(status, passing) => {
                self.change_state(ix, account, &end.attempt, now);
                self.free_slot(account, slot, now);
                self.report(ix, account, false, None, now);
                if client_there {
                    self.note_failed(ix, end, now);
                    self.lives[ix].last_upstream_status = Some(status);
                    self.fail_over(ix, account, status, passing, now);
                } else {
                    self.in_storm(ix, account, status, now);
                    self.lives.remove(ix);
                }
                return;
            }
            RecordedAttempt::Broken { .. } | RecordedAttempt::Status { .. } | RecordedAttempt::Transport { .. } => {
                self.free_slot(account, slot, now);
                self.report(ix, account, false, None, now);
                Status::UpstreamError
            }
        };
        if !client_there {
            return self.lives.remove(ix);
        }
        if status == Status::Ok || status == Status::StreamBroken {
            self.note_first_token(ix, end);
        }
        if status != Status::Ok {
            self.lives[ix].failed_attempts += 1;
        }
        if status == Status::UpstreamError {
            self.lives[ix].failed += now.since(end.flight.began);
        }
        self.end_try(ix, status, now);
    }

    pub(super) fn note_first_token(&mut self, ix: u32, end: &AttemptEnd) {
        let life = &mut self.lives[ix];
        life.first_token = end.first_token;
        life.upstream_ttft = end.upstream_ttft();
        life.cached_tokens = end.attempt.cached_tokens;
        life.degraded = end.attempt.degraded;
    }

    pub(super) fn note_failed(&mut self, ix: u32, end: &AttemptEnd, now: Time) {
        let life = &mut self.lives[ix];
        life.failed_attempts += 1;
        life.failed += now.since(end.flight.began);
        life.degraded = end.attempt.degraded;
    }

    /// A failover-kind status reached a client that is still there: the same account again, another one, or the end.
    fn fail_over(&mut self, ix: u32, account: AccountIx, status: u16, passing: bool, now: Time) {
        let storm = self.in_storm(ix, account, status, now);
        if self.may_retry_in_pool(ix, account, status, passing) {
            let token = self.lives.enter(ix, Phase::PoolPause { since: now });
            self.plan_departure(ix);
            return self.plan(now + POOL_RETRY_PAUSE, Event::PoolRetry(Ticket { life: ix, token }));
        }
        self.report_switch(ix);
        let life = &mut self.lives[ix];
        life.excluded.push(account);
        if life.switches >= self.config.max_account_switches {
            return self.end_try(ix, Status::FailoverExhausted, now);
        }
        life.switches += 1;
        if storm {
            return self.end_try(ix, Status::FailoverExhausted, now);
        }
        self.lives.enter(ix, Phase::Deciding);
        self.http_select(ix, now);
    }

    /// Whether the same account is tried once more; counts the retry.
    fn may_retry_in_pool(&mut self, ix: u32, account: AccountIx, status: u16, passing: bool) -> bool {
        let traits = &self.config.accounts[account.at()];
        let retried = passing || traits.pool_mode_retry_status_codes.contains(&status);
        if !traits.pool_mode || !retried || traits.pool_mode_retry_count == 0 {
            return false;
        }
        let retries = &mut self.lives[ix].pool_retries;
        match retries.iter_mut().find(|(other, _)| *other == account) {
            Some((_, count)) if *count >= traits.pool_mode_retry_count => return false,
            Some((_, count)) => *count += 1,
            None => retries.push((account, 1)),
        }
        true
    }

    pub(super) fn pool_retry(&mut self, ix: u32, now: Time) {
        if let Phase::PoolPause { since } = self.lives[ix].phase {
            self.lives[ix].failed += now.since(since);
            self.lives.enter(ix, Phase::Deciding);
            self.http_select(ix, now);
        }
    }

    /// The gateway has answered this try: the client takes it, or tries again.
    fn end_try(&mut self, ix: u32, status: Status, now: Time) {
        let life = &self.lives[ix];
        let code = http_code(status, life.last_upstream_status);
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
        if let (Some(users), Some(user), true) = (&mut self.users, life.request.user, life.holds_user_slot) {
            users.release(user);
            life.holds_user_slot = false;
        }
    }

    fn http_finish(&mut self, ix: u32, status: Status, now: Time) {
        self.free_user_slot(ix);
        self.finish(ix, status, now);
    }
}

/// The HTTP status that a client gets (spec gateway.md, step 6 and "What users see of it").
pub(super) const fn http_code(status: Status, last_upstream: Option<u16>) -> u16 {
    match status {
        Status::Ok | Status::StreamBroken => 200,
        Status::WaitQueueFull | Status::WaitTimeout => 429,
        Status::NoAvailableAccounts => 503,
        Status::FailoverExhausted => match last_upstream {
            Some(429) => 429,
            Some(529) => 503,
            _ => 502,
        },
        Status::UpstreamError | Status::AccountBusy => 502,
        Status::ClientGone => 499,
    }
}
