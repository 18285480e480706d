//! Both kinds of service behind one type, so that the request loop is not compiled once more for replayed service. The
//! cost is one predictable branch per forward.

use crate::engine::Luck;
use crate::ids::SessionRef;
use crate::simulation::Lowered;
use crate::units::{Time, count};
use crate::upstream::{Attempt, Forward, HealthChange, ModelledUpstream, RecordedUpstream, Upstream};

/// How the forwards of a run are served.
#[derive(Debug)]
pub(super) enum Service {
    /// By the accounts' models.
    Modelled(ModelledUpstream),
    /// As the trace recorded it, and by the accounts' models where it recorded too little.
    Recorded(RecordedUpstream<ModelledUpstream>),
}

impl Service {
    /// The service that the scenario asks for, at the start of a run.
    pub(super) fn new(lowered: &Lowered, luck: Luck) -> Self {
        let modelled = ModelledUpstream::new(lowered.upstream.clone(), luck, lowered.start);
        if lowered.recorded_service {
            Self::Recorded(RecordedUpstream::new(modelled))
        } else {
            Self::Modelled(modelled)
        }
    }

    /// The accounts' models.
    pub(super) const fn models(&self) -> &ModelledUpstream {
        match self {
            Self::Modelled(modelled) => modelled,
            Self::Recorded(recorded) => recorded.inner(),
        }
    }

    /// A sentence about the requests whose record could not be used; `None` if there are none.
    pub(super) fn note(&self) -> Option<String> {
        let Self::Recorded(recorded) = self else { return None };
        let served = recorded.served();
        let all = served.attempts + served.summary + served.modelled;
        (served.modelled > 0).then(|| {
            format!(
                "service: recorded, but {} of {} without a usable record, served by the accounts' models",
                served.modelled,
                count(all, "request")
            )
        })
    }
}

/// Calls the same method of whichever service there is.
macro_rules! either {
    ($self:ident.$name:ident($($argument:expr),*)) => {
        match $self {
            Service::Modelled(service) => service.$name($($argument),*),
            Service::Recorded(service) => service.$name($($argument),*),
        }
    };
}

impl Upstream for Service {
    #[inline]
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt {
        either!(self.begin(forward, changes))
    }

    #[inline]
    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time) {
        either!(self.end(forward, attempt, now));
    }

    #[inline]
    fn next_change(&self) -> Option<Time> {
        either!(self.next_change())
    }

    #[inline]
    fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>) {
        either!(self.advance(now, changes));
    }

    #[inline]
    fn forget(&mut self, session: SessionRef) {
        either!(self.forget(session));
    }

    fn message(&self, message: u16) -> &str {
        either!(self.message(message))
    }
}
