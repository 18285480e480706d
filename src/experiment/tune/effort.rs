//! How many runs a search and its confirmation may take: as many as are said, and where nothing is said, as many as the
//! length of a run lets one wait for.
//!
//! A run of a small pool takes milliseconds and scatters widely; one of a large pool takes a second and scatters
//! little. So the search of twelve runs an arm is cut where runs are long, and where they are short it goes on until it
//! is settled which value to take. Length is counted in requests, so that the same search takes the same runs
//! everywhere.

use super::Tune;

/// A search takes no more requests than this, if that leaves twice the first round.
const LONG: f64 = 70e6;
/// A search goes on up to so many requests, and a confirmation does, while they are not decided.
const SHORT: f64 = 12e6;
/// Halving by itself takes so many times the first round, and at least so many.
const ROUNDS: (usize, usize) = (3, 2);
/// The whole search takes at most so many times the first round.
const MOST_ROUNDS: usize = 40;
/// The confirmation goes on to so many times its first replications, and to so many where runs are short.
const CONFIRM: (usize, usize) = (8, 50);

/// How many runs there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effort {
    /// Of halving: an arm in one replication of all scenarios.
    pub rounds: usize,
    /// Of the whole search, in the same unit.
    pub search: usize,
    /// The most fresh replications of the confirmation.
    pub confirm: usize,
}

impl Tune {
    /// The effort, where one replication of an arm in all scenarios takes so many requests.
    pub(super) fn effort(&self, requests: f64) -> Effort {
        let first = self.arms() * self.first;
        let within = |limit: f64| (limit / requests.max(1.0)) as usize;
        let (rounds, search) = match self.budget {
            Some(budget) => {
                let all = budget / self.scenarios.len().max(1);
                ((first * ROUNDS.0).min(all), all)
            }
            None => {
                let rounds = within(LONG).clamp(first * ROUNDS.1, first * ROUNDS.0);
                (rounds, within(SHORT).clamp(rounds, first * MOST_ROUNDS))
            }
        };
        let confirm = self
            .confirm_most
            .unwrap_or_else(|| within(0.5 * SHORT).clamp(CONFIRM.0 * self.confirm, CONFIRM.1 * self.confirm));
        Effort { rounds, search, confirm: confirm.max(self.confirm) }
    }

    /// So many replications of an arm have numbers of their own: those of the search, then those of the confirmation.
    pub(super) fn room(&self) -> usize {
        self.most + self.confirm_most.unwrap_or(CONFIRM.1 * self.confirm)
    }
}
