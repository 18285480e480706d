//! The scratch buffers of a select. They are kept between selects, so that a select allocates nothing once they have
//! grown, and explanations are made from what the last select left in them.

use super::balance::{Candidate, Order, Ranking};
use super::bits::Bits;
use super::config::Weights;
use super::line::Line;
use super::loads::Source;
use super::terms::Extras;
use crate::ids::AccountIx;

/// The accounts that get a bonus on their score in the mode `weighted`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bonus {
    /// The account of a previous response that can move.
    pub(super) previous: Option<AccountIx>,
    /// The account that the session is bound to.
    pub(super) session: Option<AccountIx>,
}

impl Bonus {
    /// The two bonus terms of an account's score.
    #[inline]
    pub(super) fn terms(&self, weights: &Weights, account: AccountIx) -> [f64; 2] {
        let given = |to: Option<AccountIx>, weight| if to == Some(account) { weight } else { 0.0 };
        [given(self.previous, weights.previous_response), given(self.session, weights.session_sticky)]
    }

    /// The account that is asked first, without a draw, if the bonus got one of the two among the best.
    pub(super) fn leader(&self, best: &[Candidate]) -> Option<AccountIx> {
        let leads = |account: &AccountIx| best.iter().any(|candidate| candidate.account == *account);
        self.previous.filter(leads).or_else(|| self.session.filter(leads))
    }
}

/// One account in the order of a plan, as far as it was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) account: AccountIx,
    /// By the plan's loads it has no free slot.
    pub(super) known_full: bool,
}

/// The buffers of load balance.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    /// All accounts that may be chosen.
    pub(super) candidates: Bits,
    pub(super) ranking: Ranking,
    pub(super) order: Order,
    pub(super) source: Source,
    pub(super) bonus: Bonus,
    /// The order of the last plan that failed, whole.
    pub(super) seen: Vec<Seen>,
    pub(super) extras: Extras,
    /// All candidates of a plan in ranked order, where more than the best few are asked.
    pub(super) ranked: Vec<Candidate>,
    /// Accounts that were tried within this select's limited work.
    pub(super) tried: Bits,
    pub(super) parts: Parts,
    pub(super) line: Line,
    /// Accounts that this select must not choose (`legacy`).
    pub(super) excluded: Bits,
}

/// The buffers for pools in which subscriptions come first.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) subscriptions: Bits,
    pub(super) others: Bits,
    /// The order of the subscriptions, as far as it was looked at.
    pub(super) seen: Vec<Seen>,
}

impl Desk {
    pub(super) fn new(accounts: usize) -> Self {
        let none = || Bits::none(accounts);
        Self {
            candidates: none(),
            ranking: Ranking::new(1),
            order: Order::new(&[], 0),
            source: Source::Cached,
            bonus: Bonus::default(),
            seen: Vec::new(),
            extras: Extras::default(),
            ranked: Vec::new(),
            tried: none(),
            parts: Parts { subscriptions: none(), others: none(), seen: Vec::new() },
            line: Line::default(),
            excluded: none(),
        }
    }
}
