//! A failed forward and its consequences, for all revisions: `states` decides at 0.1.133, `effects` from 0.1.179 on.

use super::config::AccountTraits;
use crate::ids::{AccountIx, ModelId};
use crate::units::{Span, Time};
use crate::workload::{RecordedAttempt, Says};

/// The pause before the same account is tried again, where nothing else is said.
pub(super) const RETRY_PAUSE: Span = Span::from_millis(500);
/// The longest such pause.
pub(super) const LONGEST_RETRY_PAUSE: Span = Span::from_secs(8);
/// Retries of an overloaded account that is not in pool mode.
const OVERLOAD_RETRIES: u32 = 3;

/// The circumstances of a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    pub account: AccountIx,
    pub model: ModelId,
    pub pair_model: ModelId,
    pub fate: RecordedAttempt,
    /// The upstream's error message.
    pub message: &'a str,
    pub traits: &'a AccountTraits,
    /// How long its status takes the account out as overloaded, if it does.
    pub overload_cooldown: Option<Span>,
}

/// The consequences of a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether the request is tried again, there or elsewhere.
    pub fails_over: bool,
    /// Whether the same account may be tried again within this request.
    pub again: Again,
    /// Whether the list of candidates will be built anew because of it.
    pub changed: bool,
    /// Where the account as a whole is out: unschedulable until, blocked until.
    pub out: Option<(Time, Time)>,
    /// The HTTP status of a request that ends here, or runs out of accounts after this.
    pub code: u16,
    /// Whether this is a 429 of an OAuth account.
    pub limited_login: bool,
    /// At 0.1.133: whether that 429 came in a storm of them.
    pub storm: bool,
}

/// Whether, and with which pauses, the same account is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Again {
    /// Not at all.
    #[default]
    No,
    /// As often as the failure's 429 window is open, after this pause.
    InWindow(Span),
    /// As pool mode counts, after half a second.
    PoolMode,
    /// As overloaded servers are, with growing pauses.
    Overloaded,
}

impl Again {
    /// The pause before retry number `earlier` (from 0) of this account within the request; `None`: no more.
    pub fn pause(self, earlier: u32, traits: &AccountTraits) -> Option<Span> {
        let most = if traits.pool_mode { traits.pool_mode_retry_count } else { OVERLOAD_RETRIES };
        match self {
            Self::No => None,
            Self::InWindow(pause) => Some(pause),
            Self::PoolMode => (earlier < most).then_some(RETRY_PAUSE),
            Self::Overloaded => (earlier < most).then(|| {
                let doubled = RETRY_PAUSE.nanos().saturating_mul(1 << earlier.min(16));
                Span::from_nanos(doubled).min(LONGEST_RETRY_PAUSE)
            }),
        }
    }
}

/// Whether pool mode retries this.
pub(super) fn in_pool(traits: &AccountTraits, status: u16, says: Says) -> bool {
    traits.pool_mode
        && (traits.pool_mode_retry_status_codes.contains(&status) || (status == 400 && says == Says::Passing))
}
