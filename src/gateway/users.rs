//! Slots of users: a user with a concurrency limit waits for one before anything else (spec gateway.md, step 1).

use crate::units::Span;

/// How long a request waits for its user's slot.
pub(super) const TIMEOUT: Span = Span::from_secs(30);
/// How many more than the limit may wait.
const EXTRA_WAITING: u32 = 20;

/// Slots held and requests waiting, by user.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    limit: u32,
    counts: Vec<(u32, u32)>,
}

impl Users {
    pub fn new(limit: u32) -> Self {
        Self { limit, counts: Vec::new() }
    }

    fn of(&mut self, user: u32) -> &mut (u32, u32) {
        let at = user as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, (0, 0));
        }
        &mut self.counts[at]
    }

    /// Takes a slot if one is free.
    pub fn acquire(&mut self, user: u32) -> bool {
        let limit = self.limit;
        let (held, _) = self.of(user);
        let free = *held < limit;
        *held += u32::from(free);
        free
    }

    /// Gives a slot back.
    pub fn release(&mut self, user: u32) {
        let (held, _) = self.of(user);
        *held = held.saturating_sub(1);
    }

    /// Enters the wait counter, unless `limit + 20` wait.
    pub fn enter(&mut self, user: u32) -> bool {
        let most = self.limit.saturating_add(EXTRA_WAITING);
        let (_, waiting) = self.of(user);
        let room = *waiting < most;
        *waiting += u32::from(room);
        room
    }

    /// Leaves the wait counter.
    pub fn leave(&mut self, user: u32) {
        let (_, waiting) = self.of(user);
        *waiting = waiting.saturating_sub(1);
    }
}
