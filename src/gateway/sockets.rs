//! WebSocket connections between clients and the gateway: what is open, and who waits for it.

use std::collections::VecDeque;

use crate::engine::IdMap;
use crate::ids::{AccountIx, ResponseId};
use crate::units::Time;

/// What becomes of the connection after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for the next turn.
    Keep,
    /// It is closed.
    Close,
}

/// Open connections, and the last response of every session.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) open: IdMap<u64, Socket>,
    pub(super) last_response: IdMap<u64, ResponseId>,
    /// Turns whose connection is free for them now: taken up when the step under way is done, so that a long queue
    /// of turns that fail at once does not nest.
    pub(super) ready: VecDeque<u32>,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) account: Option<AccountIx>,
    /// The gateway process that it was opened to: turns do not spread over replicas.
    pub(super) replica: u32,
    /// Whether a turn is under way.
    pub(super) busy: bool,
    pub(super) idle_since: Time,
    /// Turns that came before the one under way had ended, by slot.
    pub(super) queue: VecDeque<u32>,
    pub(super) excluded: Vec<AccountIx>,
    pub(super) switches: u32,
    /// Turns that were sent on it.
    pub(super) turns: u32,
    /// The response that the connection began with.
    pub(super) previous: Option<ResponseId>,
}

impl Sockets {
    /// Forgets a session that is over, and its connection, which bears the session's number.
    pub fn forget(&mut self, session: u64) {
        self.last_response.remove(&session);
        if self.open.get(&session).is_some_and(|socket| !socket.busy && socket.queue.is_empty()) {
            self.open.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(busy: bool) -> Socket {
        Socket {
            account: None,
            replica: 0,
            busy,
            idle_since: Time::ZERO,
            queue: VecDeque::new(),
            excluded: Vec::new(),
            switches: 0,
            turns: 0,
            previous: None,
        }
    }

    #[test]
    fn a_session_that_is_over_leaves_nothing_but_a_turn_that_is_still_under_way() {
        let mut sockets = Sockets::default();
        for (session, busy) in [(1, false), (2, true), (3, false)] {
            sockets.open.insert(session, socket(busy));
            sockets.last_response.insert(session, ResponseId { connection: session, turn: 0 });
        }
        if let Some(socket) = sockets.open.get_mut(&3) {
            socket.queue.push_back(7);
        }
        (1..=3).for_each(|session| sockets.forget(session));
        assert!(sockets.last_response.is_empty());
        assert_eq!([1, 2, 3].map(|session| sockets.open.contains_key(&session)), [false, true, true]);
    }
}
