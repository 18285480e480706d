//! The faults of attempts: which one strikes, and what its attempt looks like.
//!
//! One uniform number decides on everything that may go wrong with an attempt. Each cause in turn takes its share off
//! the lower end, and the rest is stretched to a uniform number again. So causes are independent, and a higher rate
//! turns some successes into failures and changes no other attempt.

use super::config::{Failure, Fault};
use crate::engine::Stream;
use crate::units::Span;
use crate::workload::RecordedAttempt;

/// A uniform number from which every cause of failure takes its share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(f64);

impl Chance {
    /// Takes one word from the stream even if nothing can go wrong, so that the words after it stay the same.
    pub(super) fn draw(stream: &mut Stream) -> Self {
        Self(stream.open01())
    }

    /// Whether a cause of this probability strikes.
    pub(super) fn strikes(&mut self, probability: f64) -> bool {
        if self.0 < probability {
            return true;
        }
        if probability > 0.0 {
            self.0 = (self.0 - probability) / (1.0 - probability);
        }
        false
    }

    /// Which of these failures strikes. At most one does, so their probabilities add up.
    pub(super) fn picks<'a>(&mut self, failures: &'a [Failure]) -> Option<&'a Fault> {
        let mut taken = 0.0;
        for failure in failures {
            taken += failure.probability.max(0.0);
            if self.0 < taken {
                return Some(&failure.fault);
            }
        }
        self.strikes(taken);
        None
    }
}

/// The times of an attempt without a fault: to its first token, and to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) ttft: Span,
    pub(super) end: Span,
}

impl Fault {
    /// How an attempt with this fault ends, and its message. `service` gives the times without the fault. It is called
    /// before the fault's own words are drawn, and only by faults that let the answer begin.
    pub(super) fn strike(
        &self,
        stream: &mut Stream,
        service: impl FnOnce(&mut Stream) -> Service,
    ) -> (RecordedAttempt, u16) {
        let after =
            |after_s: &crate::engine::Distribution, stream: &mut Stream| Span::from_secs_f64(after_s.sample(stream));
        match self {
            Self::Status { status, after_s, reset_after_s, retry_after_s, says, message } => {
                let end = after(after_s, stream);
                let reset_after = reset_after_s.as_ref().map(|reset| after(reset, stream));
                let retry_after = retry_after_s.as_ref().map(|retry| after(retry, stream));
                (RecordedAttempt::Status { status: *status, end, reset_after, retry_after, says: *says }, *message)
            }
            Self::Transport { after_s, durable } => {
                (RecordedAttempt::Transport { end: after(after_s, stream), durable: *durable }, 0)
            }
            Self::Closed { after_s, would_fail_over } => {
                let end = after(after_s, stream);
                (RecordedAttempt::Broken { ttft: None, end, would_fail_over: *would_fail_over }, 0)
            }
            Self::Broken { share, would_fail_over } => {
                let Service { ttft, end } = service(stream);
                let share = share.sample(stream).clamp(0.0, 1.0);
                let end = ttft + end.saturating_sub(ttft).scale(share);
                (RecordedAttempt::Broken { ttft: Some(ttft), end, would_fail_over: *would_fail_over }, 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Distribution, Luck};
    use crate::workload::Says;

    fn failures() -> Vec<Failure> {
        [(0.1, 429), (0.2, 500)]
            .map(|(probability, status)| Failure { probability, fault: Fault::status(status) })
            .into()
    }

    #[test]
    fn failures_of_one_account_exclude_each_other_and_other_causes_are_independent_of_them() {
        let (mut counts, failures) = ([0u32; 4], failures());
        let n = 200_000;
        for i in 0..n {
            let mut chance = Chance::draw(&mut Luck::new(1).stream(1, i, 0));
            let which = match chance.picks(&failures) {
                Some(Fault::Status { status: 429, .. }) => 0,
                Some(_) => 1,
                None if chance.strikes(0.5) => 2,
                None => 3,
            };
            counts[which] += 1;
        }
        // 0.1, 0.2, 0.7 * 0.5 each, within 4.5 standard errors (at most 4.5 * 0.5 / sqrt n = 0.005)
        for (count, expected) in counts.into_iter().zip([0.1, 0.2, 0.35, 0.35]) {
            assert!((f64::from(count) / n as f64 - expected).abs() < 0.005, "{counts:?}");
        }
    }

    #[test]
    fn certain_and_impossible_failures_are_just_that() {
        let mut chance = Chance::draw(&mut Luck::new(1).stream(1, 2, 3));
        assert!(!chance.strikes(0.0) && !chance.strikes(-1.0) && chance.strikes(1.0) && chance.strikes(7.0));
    }

    #[test]
    fn each_fault_looks_as_configured() {
        let constant = |x| Distribution::constant(x).unwrap();
        let service = |_: &mut Stream| Service { ttft: Span::from_secs(2), end: Span::from_secs(10) };
        let strike = |fault: Fault| fault.strike(&mut Luck::new(1).stream(1, 2, 3), service);
        let second = Span::SECOND;
        assert_eq!(
            strike(Fault::Status {
                status: 429,
                after_s: constant(1.0),
                reset_after_s: Some(constant(30.0)),
                retry_after_s: Some(constant(2.0)),
                says: Says::Overloaded,
                message: 3,
            }),
            (
                RecordedAttempt::Status {
                    status: 429,
                    end: second,
                    reset_after: Some(Span::from_secs(30)),
                    retry_after: Some(Span::from_secs(2)),
                    says: Says::Overloaded,
                },
                3
            )
        );
        assert_eq!(
            strike(Fault::Transport { after_s: constant(1.0), durable: true }),
            (RecordedAttempt::Transport { end: second, durable: true }, 0)
        );
        assert_eq!(
            strike(Fault::Closed { after_s: constant(1.0), would_fail_over: true }),
            (RecordedAttempt::Broken { ttft: None, end: second, would_fail_over: true }, 0)
        );
        assert_eq!(
            strike(Fault::Broken { share: constant(0.25), would_fail_over: false }),
            (
                RecordedAttempt::Broken {
                    ttft: Some(Span::from_secs(2)),
                    end: Span::from_secs(4),
                    would_fail_over: false
                },
                0
            )
        );
    }
}
