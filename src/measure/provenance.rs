//! What the answers of a replay are based on: compares where its requests went with the accounts that the trace
//! recorded for them.
//!
//! An account's state is healthy or degraded. If the trace shows an account often enough in a state, its simulated
//! answers in that state are drawn from how it answered other requests. If the trace hardly shows it in that state, its
//! answers are extrapolated. A note gives the shares, so that the two are not confused.

use super::{AccountInfo, Finished, Note, Observer, Settings};
use crate::units::Time;
use crate::upstream::HealthChange;
use crate::workload::Request;

/// With fewer recorded requests than this in a state, answers in that state count as extrapolated.
pub const FEW: u64 = 30;

/// Counts requests by account and state, in the trace and in the run.
#[derive(Clone, Debug)]
pub struct Provenance {
    warmup_end: Time,
    ids: Vec<i64>,
    /// Conditions in force on each account that make it worse.
    degrading: Vec<u32>,
    /// For each account, the requests of the trace while it was healthy and while it was degraded.
    recorded: Vec<[u64; 2]>,
    /// For each account, the requests of the run that the trace has on another account, healthy and degraded.
    moved: Vec<[u64; 2]>,
    /// Requests on the account of the trace.
    same: u64,
}

/// Shares of the requests that have a recorded account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// The share that went to the recorded account.
    pub same: f64,
    /// The share that went to another account which the trace shows often enough in that state.
    pub observed: f64,
    /// The share that went to another account which the trace hardly shows in that state: their answers are
    /// extrapolated.
    pub extrapolated: f64,
}

impl Provenance {
    /// Counts of a run that has not begun.
    pub fn new(settings: &Settings, accounts: &[AccountInfo]) -> Self {
        let n = accounts.len();
        Self {
            warmup_end: settings.warmup_end,
            ids: accounts.iter().map(|account| account.id).collect(),
            degrading: vec![0; n],
            recorded: vec![[0; 2]; n],
            moved: vec![[0; 2]; n],
            same: 0,
        }
    }

    /// The shares so far; `None` when no request has a recorded account.
    pub fn shares(&self) -> Option<Shares> {
        let (mut observed, mut extrapolated) = (0, 0);
        for (recorded, moved) in self.recorded.iter().zip(&self.moved) {
            for state in 0..2 {
                *(if recorded[state] < FEW { &mut extrapolated } else { &mut observed }) += moved[state];
            }
        }
        let all = self.same + observed + extrapolated;
        let share = |count: u64| count as f64 / all as f64;
        (all > 0).then(|| Shares {
            same: share(self.same),
            observed: share(observed),
            extrapolated: share(extrapolated),
        })
    }

    /// The remark that the figures of such a run need.
    pub fn note(&self) -> Option<Note> {
        let Shares { same, observed, extrapolated } = self.shares()?;
        let percent = |share: f64| 100.0 * share;
        let words = format!(
            "{{}} % of the requests went to the account that the trace recorded for them, {{}} % to another that it \
             shows {FEW} times or more in the state it was in, {{}} % to one that it hardly shows in that state: \
             these are extrapolated"
        );
        Some(Note::measured("accounts", words, &[same, observed, extrapolated].map(percent)))
    }

    /// The index of the account that the trace recorded for a request; `None` if there is none or the request is not
    /// counted.
    fn place(&self, request: &Request) -> Option<usize> {
        let id = request.recorded.as_deref()?.account.filter(|_| request.at >= self.warmup_end)?;
        self.ids.iter().position(|own| *own == id)
    }
}

impl Observer for Provenance {
    #[inline]
    fn arrived(&mut self, _now: Time, _number: u64, request: &Request) {
        if let Some(place) = self.place(request) {
            self.recorded[place][usize::from(self.degrading[place] > 0)] += 1;
        }
    }

    fn health_changed(&mut self, change: &HealthChange) {
        if let Some(count) = self.degrading.get_mut(change.account.at()) {
            *count = if change.degraded { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        let (Some(recorded), Some(account)) = (self.place(finished.request), finished.account) else { return };
        if recorded == account.at() {
            self.same += 1;
        } else {
            self.moved[account.at()][usize::from(finished.degraded)] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountIx;
    use crate::measure::Status;
    use crate::measure::testing::{at, health, request};
    use crate::units::Span;
    use crate::workload::Recorded;

    fn play(observer: &mut Provenance, ms: u64, recorded: Option<i64>, account: u32, degraded: bool) {
        let recorded = recorded.map(|id| Box::new(Recorded { account: Some(id), ..Recorded::default() }));
        let request = Request { recorded, ..request(ms, None) };
        observer.arrived(at(ms), ms, &request);
        observer.finished(&Finished {
            request: &request,
            number: ms,
            end: at(ms + 1),
            status: Status::Ok,
            http_status: 200,
            first_token: None,
            account: Some(AccountIx(account)),
            layer: None,
            escape: None,
            selects: 1,
            attempts: 1,
            failed_attempts: 0,
            switches: 0,
            client_retries: 0,
            waited: Span::ZERO,
            failed: Span::ZERO,
            upstream_ttft: None,
            cached_tokens: 0,
            degraded,
        });
    }

    #[test]
    fn moves_to_accounts_that_were_never_seen_in_that_state_are_extrapolated() {
        let accounts = [1, 2].map(|id| AccountInfo::new(id, 4));
        let mut observer = Provenance::new(&Settings::default(), &accounts);
        assert_eq!(observer.note(), None, "a trace without accounts says nothing");
        // account 2 is seen often while healthy, and hardly while degraded
        for ms in 0..40 {
            play(&mut observer, ms, Some(2), 1, false);
        }
        health(&mut observer, 50, 1, 0, true);
        play(&mut observer, 60, Some(2), 1, true);
        for ms in 70..100 {
            play(&mut observer, ms, Some(1), 1, ms % 3 == 0);
        }
        play(&mut observer, 100, None, 0, false);
        let shares = observer.shares().unwrap();
        let of = |count: f64| count / 71.0;
        assert_eq!(shares, Shares { same: of(41.0), observed: of(20.0), extrapolated: of(10.0) });
        assert!(observer.note().unwrap().text().contains("14.1 % to one that it hardly shows"));
    }

    #[test]
    fn accounts_that_the_pool_does_not_have_and_the_warm_up_do_not_count() {
        let settings = Settings { warmup_end: at(10), ..Settings::default() };
        let mut observer = Provenance::new(&settings, &[AccountInfo::new(1, 4)]);
        play(&mut observer, 5, Some(1), 0, false);
        play(&mut observer, 20, Some(9), 0, false);
        assert_eq!(observer.shares(), None);
    }
}
