//! Scripted attempts: the k-th forward of a request does what the k-th entry of its script says, whichever account it
//! goes to; the last entry repeats. The request loop is tested with them (golden vectors, recorded runs of the
//! gateway).

use super::contract::{Attempt, Forward, HealthChange, Upstream};
use crate::ids::SessionRef;
use crate::units::{Span, Time};
use crate::workload::{Recorded, RecordedAttempt};

/// Upstreams that follow each request's own script.
#[derive(Clone, Debug, Default)]
pub struct ScriptedUpstream {
    unscripted: u64,
}

impl ScriptedUpstream {
    /// An upstream that has served no forward yet.
    pub const fn new() -> Self {
        Self { unscripted: 0 }
    }

    /// How many forwards had no script. They were answered at once, without content.
    pub const fn unscripted(&self) -> u64 {
        self.unscripted
    }
}

impl Recorded {
    /// What the script says about this forward (`visit` counts from 0); `None`: there is no script.
    pub(super) fn scripted(&self, visit: u32) -> Option<RecordedAttempt> {
        self.attempts.get(visit as usize).or(self.attempts.last()).copied()
    }

    /// An attempt with this fate. The cached tokens of the trace apply to attempts that reached a first token.
    pub(super) fn attempt(&self, fate: RecordedAttempt) -> Attempt {
        let cached_tokens = if fate.first_token().is_some() { self.cached_tokens.unwrap_or(0) } else { 0 };
        Attempt { fate, cached_tokens, degraded: false, message: 0 }
    }
}

impl Upstream for ScriptedUpstream {
    fn begin(&mut self, forward: &Forward<'_>, _changes: &mut Vec<HealthChange>) -> Attempt {
        let scripted = forward.request.recorded.as_ref().and_then(|recorded| {
            let fate = recorded.scripted(forward.visit)?;
            Some(recorded.attempt(fate))
        });
        scripted.unwrap_or_else(|| {
            self.unscripted += 1;
            let fate = RecordedAttempt::Ok { ttft: Span::ZERO, end: Span::ZERO };
            Attempt { fate, cached_tokens: 0, degraded: false, message: 0 }
        })
    }

    fn end(&mut self, _forward: &Forward<'_>, _attempt: &Attempt, _now: Time) {}

    fn next_change(&self) -> Option<Time> {
        None
    }

    fn advance(&mut self, _now: Time, _changes: &mut Vec<HealthChange>) {}

    fn forget(&mut self, _session: SessionRef) {}
}

#[cfg(test)]
mod tests {
    use super::super::testing::{forward, request};
    use super::*;

    fn ok(ttft: u64) -> RecordedAttempt {
        RecordedAttempt::Ok { ttft: Span::from_millis(ttft), end: Span::from_secs(9) }
    }

    #[test]
    fn the_kth_forward_does_what_the_kth_entry_says_and_the_last_one_repeats() {
        let transport = RecordedAttempt::transport(Span::SECOND);
        let recorded =
            Recorded { attempts: vec![transport, ok(1), ok(2)], cached_tokens: Some(7), ..Recorded::default() };
        let request = crate::workload::Request { recorded: Some(Box::new(recorded)), ..request(1) };
        let mut upstream = ScriptedUpstream::new();
        let mut changes = Vec::new();
        let got: Vec<Attempt> = (0..5)
            .map(|visit| upstream.begin(&Forward { visit, ..forward(&request, visit % 2, 0.0) }, &mut changes))
            .collect();
        assert_eq!(got.iter().map(|a| a.fate).collect::<Vec<_>>(), [transport, ok(1), ok(2), ok(2), ok(2)]);
        assert_eq!(got.iter().map(|a| a.cached_tokens).collect::<Vec<_>>(), [0, 7, 7, 7, 7]);
        assert!(changes.is_empty() && upstream.next_change().is_none() && upstream.unscripted() == 0);
    }

    #[test]
    fn forwards_without_a_script_are_counted() {
        let mut upstream = ScriptedUpstream::new();
        let plain = request(1);
        upstream.begin(&forward(&plain, 0, 0.0), &mut Vec::new());
        assert_eq!(upstream.unscripted(), 1);
    }
}
