//! Service as a trace recorded it: the recorded attempts, or one attempt made from TTFT, duration and status. If a
//! trace recorded too little of a request, another upstream serves it. Such requests are counted, because a report must
//! say so.

use super::contract::{Attempt, Forward, HealthChange, Upstream};
use crate::ids::SessionRef;
use crate::units::Time;
use crate::workload::{Recorded, RecordedAttempt, Request};

/// Replays recorded service on whichever account a request is sent to. `U` serves what was not recorded.
///
/// A recorded attempt is not changed by the conditions of `U`, and counts as an attempt on a healthy account.
#[derive(Clone, Debug)]
pub struct RecordedUpstream<U> {
    inner: U,
    served: Served,
}

/// How many requests were served in which way. Requests that were never forwarded are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// From recorded attempts.
    pub attempts: u64,
    /// From one attempt made of recorded TTFT, duration and status. (The status is the gateway's: it is taken as the
    /// upstream's, and repeats on every account that is tried.)
    pub summary: u64,
    /// By the other upstream, because too little was recorded.
    pub modelled: u64,
}

impl<U> RecordedUpstream<U> {
    /// Replays what is recorded and lets `inner` serve the rest.
    pub const fn new(inner: U) -> Self {
        Self { inner, served: Served { attempts: 0, summary: 0, modelled: 0 } }
    }

    /// How many requests were served in which way.
    pub const fn served(&self) -> Served {
        self.served
    }

    /// The upstream that serves what was not recorded.
    pub const fn inner(&self) -> &U {
        &self.inner
    }
}

impl Recorded {
    /// One attempt made from the summary of a request; `None` if too little is known.
    ///
    /// Complete answers need TTFT and duration, failures a duration. A failure with a TTFT is a stream that broke. If a
    /// client left (499) after its first token, the answer is assumed to have run to the recorded end. If it left
    /// before, nothing is known of the upstream.
    fn summary(&self) -> Option<RecordedAttempt> {
        let duration = self.duration?;
        match (self.status, self.first_token) {
            (None | Some(200..=299 | 499), Some(ttft)) => Some(RecordedAttempt::Ok { ttft, end: duration.max(ttft) }),
            (None | Some(200..=299 | 499), None) => None,
            (Some(_), Some(ttft)) => {
                Some(RecordedAttempt::Broken { ttft: Some(ttft), end: duration.max(ttft), would_fail_over: false })
            }
            (Some(status @ 300..=599), None) => Some(RecordedAttempt::status(status, duration)),
            (Some(_), None) => Some(RecordedAttempt::transport(duration)),
        }
    }
}

/// Whether the trace says how a request is served. Otherwise the inner upstream decides.
fn is_recorded(request: &Request) -> bool {
    let recorded = request.recorded.as_ref();
    recorded.is_some_and(|recorded| !recorded.attempts.is_empty() || recorded.summary().is_some())
}

impl<U: Upstream> Upstream for RecordedUpstream<U> {
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt {
        let first = u64::from(forward.visit == 0);
        if let Some(recorded) = &forward.request.recorded {
            if let Some(fate) = recorded.scripted(forward.visit) {
                self.served.attempts += first;
                return recorded.attempt(fate);
            }
            if let Some(fate) = recorded.summary() {
                self.served.summary += first;
                return recorded.attempt(fate);
            }
        }
        self.served.modelled += first;
        self.inner.begin(forward, changes)
    }

    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time) {
        if !is_recorded(forward.request) {
            self.inner.end(forward, attempt, now);
        }
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

    fn message(&self, message: u16) -> &str {
        self.inner.message(message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{forward, request};
    use super::super::{Config, ModelledUpstream, config::AccountModel};
    use super::*;
    use crate::engine::Luck;
    use crate::units::Span;

    const SECOND: Span = Span::SECOND;

    fn recorded(status: Option<u16>, ttft: Option<u64>, duration: Option<u64>) -> Recorded {
        Recorded {
            status,
            first_token: ttft.map(Span::from_secs),
            duration: duration.map(Span::from_secs),
            ..Recorded::default()
        }
    }

    #[test]
    fn a_summary_makes_the_attempt_that_it_tells_of() {
        let ok = |ttft, end| Some(RecordedAttempt::Ok { ttft: Span::from_secs(ttft), end: Span::from_secs(end) });
        assert_eq!(recorded(Some(200), Some(1), Some(5)).summary(), ok(1, 5));
        assert_eq!(recorded(None, Some(1), Some(5)).summary(), ok(1, 5));
        assert_eq!(recorded(Some(499), Some(1), Some(5)).summary(), ok(1, 5));
        assert_eq!(recorded(Some(200), Some(6), Some(5)).summary(), ok(6, 6), "clocks disagree by a little");
        assert_eq!(
            recorded(Some(502), Some(1), Some(5)).summary(),
            Some(RecordedAttempt::Broken { ttft: Some(SECOND), end: Span::from_secs(5), would_fail_over: false })
        );
        assert_eq!(recorded(Some(429), None, Some(1)).summary(), Some(RecordedAttempt::status(429, SECOND)));
        assert_eq!(recorded(Some(0), None, Some(1)).summary(), Some(RecordedAttempt::transport(SECOND)));
        for too_little in [
            recorded(Some(200), Some(1), None),
            recorded(Some(200), None, Some(5)),
            recorded(Some(499), None, Some(5)),
            recorded(Some(500), None, None),
            recorded(None, None, None),
        ] {
            assert_eq!(too_little.summary(), None, "{too_little:?}");
        }
    }

    #[test]
    fn what_is_not_recorded_is_modelled_and_counted() {
        let config = Config { accounts: vec![AccountModel::default()], ..Config::default() };
        let modelled = ModelledUpstream::new(config, Luck::new(1), Time::ZERO);
        let mut upstream = RecordedUpstream::new(modelled.clone());
        let attempts = Recorded { attempts: vec![RecordedAttempt::transport(SECOND)], ..Recorded::default() };
        let cases =
            [Some(attempts), Some(recorded(Some(200), Some(1), Some(5))), Some(recorded(None, None, None)), None];
        for (luck, case) in (0..).zip(cases) {
            let request = Request { recorded: case.map(Box::new), ..request(luck) };
            for visit in 0..3 {
                let forward = Forward { visit, ..forward(&request, 0, 0.0) };
                let got = upstream.begin(&forward, &mut Vec::new());
                if luck >= 2 {
                    assert_eq!(got.fate, modelled.clone().begin(&forward, &mut Vec::new()).fate);
                }
                upstream.end(&forward, &got, forward.start + got.fate.end());
            }
        }
        assert_eq!(upstream.served(), Served { attempts: 1, summary: 1, modelled: 2 });
    }
}
