//! Slots of users: a user with a concurrency limit waits for one before anything else (spec gateway.md, step 1).

use crate::scheduler::Revision;
use crate::units::Span;

/// How long a request waits for its user's slot.
pub(super) const TIMEOUT: Span = Span::from_secs(30);
/// How many may wait from 0.1.179 on, and how many more than the limit before.
const MOST_WAITING: u32 = 20;

/// Slots held and requests waiting, by user.
#[derive(Clone, Debug)]
pub(super) struct Users {
    revision: Revision,
    limit: Option<u32>,
    limits: Vec<Option<u32>>,
    counts: Vec<(u32, u32)>,
}

impl Users {
    /// With the limit of all users, and those of single ones.
    pub const fn new(revision: Revision, limit: Option<u32>, limits: Vec<Option<u32>>) -> Self {
        Self { revision, limit, limits, counts: Vec::new() }
    }

    /// How many requests of this user are let through at a time; `None`: all.
    pub fn limit(&self, user: u32) -> Option<u32> {
        self.limits.get(user as usize).copied().unwrap_or(self.limit)
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
        let limit = self.limit(user);
        let (held, _) = self.of(user);
        let free = limit.is_none_or(|limit| *held < limit);
        *held += u32::from(free);
        free
    }

    /// Gives a slot back.
    pub fn release(&mut self, user: u32) {
        let (held, _) = self.of(user);
        *held = held.saturating_sub(1);
    }

    /// Enters the wait counter, unless too many wait.
    pub fn enter(&mut self, user: u32) -> bool {
        let most = match self.revision {
            Revision::V0_1_133 => self.limit(user).unwrap_or(0).saturating_add(MOST_WAITING),
            Revision::V0_1_179 => MOST_WAITING,
        };
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
