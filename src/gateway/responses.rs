//! Which user got which response over HTTP. From 0.1.179 on, the user may continue it for a while (spec
//! scheduler-modes.md, section 7).

use crate::engine::IdMap;
use crate::ids::ResponseId;
use crate::units::{Span, Time};

/// Fewer entries than this are never worth a purge.
const SMALL: usize = 1_024;

/// Completed responses by their keys, and the last one of every session.
#[derive(Debug)]
pub(super) struct Responses {
    completed: IdMap<u64, Owner>,
    last: IdMap<u64, ResponseId>,
    purge_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    user: Option<u32>,
    /// Nobody's from this instant on. Use does not move it.
    end: Time,
}

impl Default for Responses {
    fn default() -> Self {
        Self { completed: IdMap::default(), last: IdMap::default(), purge_at: SMALL }
    }
}

impl Responses {
    /// A response is complete; its user may continue it for `ttl`.
    pub fn complete(&mut self, key: u64, user: Option<u32>, now: Time, ttl: Span) {
        if self.completed.len() >= self.purge_at {
            self.completed.retain(|_, owner| now < owner.end);
            self.purge_at = (2 * self.completed.len()).max(SMALL);
        }
        self.completed.insert(key, Owner { user, end: now + ttl });
    }

    /// The session's client has seen this response.
    pub fn seen(&mut self, session: u64, response: ResponseId) {
        self.last.insert(session, response);
    }

    /// The last response that the session's client has seen.
    pub fn last_of(&self, session: u64) -> Option<ResponseId> {
        self.last.get(&session).copied()
    }

    /// Whether this user may continue that response.
    pub fn may_continue(&self, key: u64, user: Option<u32>, now: Time) -> bool {
        self.completed.get(&key).is_some_and(|owner| owner.user == user && now < owner.end)
    }

    /// Forgets a session that is over.
    pub fn forget(&mut self, session: u64) {
        self.last.remove(&session);
    }
}

/// A number for a response id: turns of a connection are fewer than 2^24.
pub(super) const fn response_key(response: ResponseId) -> u64 {
    (response.connection << 24) ^ response.turn as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_its_users_for_as_long_as_it_lives() {
        let mut responses = Responses::default();
        let at = Time::from_unix_nanos;
        responses.complete(1, Some(7), at(10), Span::from_nanos(5));
        assert!(responses.may_continue(1, Some(7), at(14)));
        assert!(!responses.may_continue(1, Some(7), at(15)), "over at its end");
        assert!(!responses.may_continue(1, Some(8), at(11)) && !responses.may_continue(1, None, at(11)));
        assert!(!responses.may_continue(2, Some(7), at(11)), "nobody has got it");
    }

    #[test]
    fn memory_follows_the_live_responses() {
        let mut responses = Responses::default();
        for i in 0..100_000 {
            responses.complete(i, None, Time::from_unix_nanos(i), Span::from_nanos(5_000));
            assert!(responses.completed.len() <= 2 * 5_000 + SMALL);
        }
    }
}
