//! What follows from the end of a forward over HTTP: the answer, the same account again, another account, or an error
//! (spec gateway.md, step 6; scheduler-modes.md, section 7).

use super::attempt::AttemptEnd;
use super::config::Transport;
use super::effects::LIMITED_SWITCHES;
use super::ended::Ended;
use super::event::{Event, Ticket};
use super::failure::Verdict;
use super::life::{Exclusion, Phase};
use super::run::Gateway;
use crate::ids::AccountIx;
use crate::measure::{Observer, Status};
use crate::scheduler::Revision;
use crate::units::{Span, Time};
use crate::upstream::Upstream;
use crate::workload::Workload;

impl<W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'_, W, U, O> {
    /// Step 6: the upstream ends.
    pub(super) fn http_attempt_end(&mut self, ix: u32, end: &AttemptEnd<'_>, client_there: bool, now: Time) {
        let (account, slot) = (end.account, end.slot);
        let ended = end.ended(Transport::Http);
        let status = match ended {
            Ended::Complete => {
                self.free_slot(account, slot, now);
                self.succeeded(ix, account, client_there, now);
                self.report(ix, account, true, end.upstream_ttft(), now);
                Status::Ok
            }
            Ended::Broken { reported } => {
                self.free_slot(account, slot, now);
                if reported {
                    self.report(ix, account, false, None, now);
                }
                Status::StreamBroken
            }
            Ended::Failed | Ended::Closed => {
                let verdict = self.failed(ix, account, end.attempt, now);
                self.free_slot(account, slot, now);
                if client_there || self.reports_of_the_departed(&verdict) {
                    self.report(ix, account, false, None, now);
                }
                if verdict.fails_over && client_there {
                    self.note(ix, end, ended, now);
                    return self.fail_over(ix, account, &verdict, now);
                }
                self.lives[ix].error_code = verdict.code;
                Status::UpstreamError
            }
        };
        if !client_there {
            return self.lives.remove(ix);
        }
        self.note(ix, end, ended, now);
        self.end_try(ix, status, now);
    }

    /// Whether a failure is reported though its client has left.
    fn reports_of_the_departed(&self, verdict: &Verdict) -> bool {
        match self.config.scheduler.revision {
            Revision::V0_1_133 => true,
            Revision::V0_1_179 => !verdict.fails_over,
        }
    }

    /// What the request remembers of a forward that ended while its client was there.
    pub(super) fn note(&mut self, ix: u32, end: &AttemptEnd<'_>, ended: Ended, now: Time) {
        let life = &mut self.lives[ix];
        life.degraded = end.attempt.degraded;
        life.failed_attempts += u32::from(ended != Ended::Complete);
        match ended {
            Ended::Complete | Ended::Broken { .. } => {
                life.first_token = end.first_token;
                life.upstream_ttft = end.upstream_ttft();
                life.cached_tokens = end.attempt.cached_tokens;
            }
            Ended::Failed | Ended::Closed => life.failed += now.since(end.began),
        }
    }

    /// A failover-kind failure reached a client that is still there: the same account again, another one, or the end.
    fn fail_over(&mut self, ix: u32, account: AccountIx, verdict: &Verdict, now: Time) {
        let revision = self.config.scheduler.revision;
        if revision == Revision::V0_1_133 {
            // what the last upstream said, retried or not
            self.lives[ix].exhausted_code = verdict.code;
        }
        if let Some(pause) = self.pause_before_retry(ix, account, verdict) {
            let token = self.lives.enter(ix, Phase::RetryPause { since: now });
            self.plan_departure(ix);
            return self.plan(now + pause, Event::Retry(Ticket { life: ix, token }));
        }
        self.report_switch(ix);
        let life = &mut self.lives[ix];
        life.excluded.push(account);
        life.exclusion = Exclusion::Failure;
        life.exhausted_code = verdict.code;
        if life.switches >= self.config.max_account_switches {
            return self.end_try(ix, Status::FailoverExhausted, now);
        }
        life.switches += 1;
        let over = match revision {
            Revision::V0_1_133 => verdict.storm,
            Revision::V0_1_179 => verdict.limited_login && life.switches >= LIMITED_SWITCHES,
        };
        if over {
            return self.end_try(ix, Status::FailoverExhausted, now);
        }
        self.lives.enter(ix, Phase::Deciding);
        self.http_select(ix, now);
    }

    /// The pause after which the same account is tried once more, if it is; counts the retry.
    pub(super) fn pause_before_retry(&mut self, ix: u32, account: AccountIx, verdict: &Verdict) -> Option<Span> {
        let traits = &self.config.accounts[account.at()];
        let retries = &mut self.lives[ix].retries;
        let place = retries.iter().position(|(other, _)| *other == account);
        let pause = verdict.again.pause(place.map_or(0, |place| retries[place].1), traits)?;
        match place {
            Some(place) => retries[place].1 += 1,
            None => retries.push((account, 1)),
        }
        Some(pause)
    }

    pub(super) fn retry(&mut self, ix: u32, now: Time) {
        match self.lives[ix].phase {
            Phase::RetryPause { since } => {
                self.lives[ix].failed += now.since(since);
                self.lives.enter(ix, Phase::Deciding);
                self.http_select(ix, now);
            }
            Phase::TurnPause { account, slot, since } => {
                self.lives[ix].failed += now.since(since);
                self.forward(ix, account, slot, now);
            }
            _ => {}
        }
    }
}
