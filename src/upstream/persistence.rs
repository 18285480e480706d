//! How alike the answers of one session are.

use super::purpose;
use crate::engine::Luck;
use crate::engine::quantile::normal_quantile;
use crate::ids::SessionRef;

/// How alike the base noise of one session's attempts is. The distribution over all requests stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Persistence {
    /// Correlation of the normal scores of two attempts of a session, 0 to 1.
    pub correlation: f64,
    /// The share of attempts, 0 to 1, that are slow by themselves: the slowest ones strike single attempts, whatever
    /// their session.
    pub lone_share: f64,
}

/// The score of each live session: how slow it is as a whole, as a standard normal variable. It is drawn once for each
/// session and kept, because an attempt costs less than the draw.
#[derive(Clone, Debug)]
pub(super) struct Scores {
    luck: Luck,
    /// By `SessionRef::slot`: the number of the session, because slots are used again, and its score.
    by_slot: Vec<(u64, f64)>,
}

/// A number that no session has.
const NOBODY: u64 = u64::MAX;

impl Scores {
    /// The scores of a run with this luck.
    pub(super) const fn new(luck: Luck) -> Self {
        Self { luck, by_slot: Vec::new() }
    }

    /// The score of this session.
    #[inline]
    pub(super) fn of(&mut self, session: SessionRef) -> f64 {
        match self.by_slot.get(session.slot as usize) {
            Some(&(number, score)) if number == session.number => score,
            _ => self.draw(session),
        }
    }

    #[cold]
    fn draw(&mut self, session: SessionRef) -> f64 {
        let slot = session.slot as usize;
        if slot >= self.by_slot.len() {
            self.by_slot.resize(slot + 1, (NOBODY, 0.0));
        }
        let score = normal_quantile(self.luck.stream(purpose::SESSION, session.number, 0).open01());
        self.by_slot[slot] = (session.number, score);
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_belongs_to_the_session_and_not_to_its_slot() {
        let session = |slot, number| SessionRef { slot, number };
        let mut scores = Scores::new(Luck::new(7));
        let first = scores.of(session(2, 10));
        assert_eq!(scores.of(session(2, 10)), first);
        let next = scores.of(session(2, 11));
        assert_ne!(next, first);
        assert_eq!(scores.of(session(0, 10)), first);
        assert_eq!(scores.of(session(2, 11)), next);
        assert_eq!(Scores::new(Luck::new(7)).of(session(5, 11)), next, "whatever was asked before");
    }
}
