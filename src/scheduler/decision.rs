//! The answer of a select.

use crate::ids::AccountIx;
use crate::units::Span;

/// The layer that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// `previous_response_id`, hard.
    PreviousResponse,
    /// `session_hash`, sticky.
    Session,
    /// Load balance.
    LoadBalance,
}

impl Layer {
    /// The gateway's own name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreviousResponse => "previous_response_id",
            Self::Session => "session_hash",
            Self::LoadBalance => "load_balance",
        }
    }
}

/// Why a bound session skipped its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EscapeReason {
    /// TTFT EWMA over the threshold.
    Ttft,
    /// Error-rate EWMA over the threshold.
    ErrorRate,
    /// No free slot.
    ConcurrencyFull,
}

impl EscapeReason {
    /// All reasons, in the order of reports.
    pub const ALL: [Self; Self::COUNT] = [Self::Ttft, Self::ErrorRate, Self::ConcurrencyFull];
    /// The number of reasons.
    pub const COUNT: usize = 3;

    /// Its place in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is about the account's health; otherwise the account had no slot.
    pub const fn is_health(self) -> bool {
        match self {
            Self::Ttft | Self::ErrorRate => true,
            Self::ConcurrencyFull => false,
        }
    }

    /// The gateway's own name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::ErrorRate => "error_rate",
            Self::ConcurrencyFull => "concurrency_full",
        }
    }
}

/// One `sticky_escape_triggered`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Escape {
    /// The bound account that was skipped.
    pub account: AccountIx,
    /// The reason of the escape.
    pub reason: EscapeReason,
    /// Its error-rate EWMA then.
    pub error_rate: f64,
    /// Its TTFT EWMA then in ms, 0 when unset.
    pub ttft_ms: f64,
}

/// Why a bound session was taken away from its account in a mode without a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaveReason {
    /// The account had a free slot, and even with the bonus others scored higher (`weighted`).
    Score,
    /// The pair of account and model was cooling down.
    Cooldown,
}

/// A bound session that went elsewhere on grounds of its account's health, though no gate asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The account that it was bound to.
    pub account: AccountIx,
    /// Why it was taken away.
    pub reason: LeaveReason,
}

/// A held slot. Give it back with `Pool::release`; nothing is held on accounts without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotToken(pub u64);

/// How to wait for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitPlan {
    /// The slots to compete for.
    pub max_concurrency: i64,
    /// How long to wait.
    pub timeout: Span,
    /// How many may wait.
    pub max_waiting: u32,
}

/// The outcome of a select.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A slot is held on this account.
    Acquired(AccountIx, SlotToken),
    /// Wait for this account.
    Wait(AccountIx, WaitPlan),
    /// `no_available_accounts`
    NoAvailableAccounts,
}

/// The answer of a select with its decision record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Its outcome.
    pub outcome: Outcome,
    /// The layer that decided; a failed select has `LoadBalance`.
    pub layer: Layer,
    /// Whether layer 1 hit; in `weighted` also whether load balance chose the account of the previous response.
    pub sticky_previous_hit: bool,
    /// Whether layer 2 hit; in `weighted` whether load balance chose the account that the session is bound to.
    pub sticky_session_hit: bool,
    /// The number of candidates of load balance; 0 without load balance.
    pub candidate_count: u32,
    /// The number of candidates that it kept; 0 without load balance.
    pub top_k: u32,
    /// The population standard deviation of the candidates' load rates; 0 without load balance.
    pub load_skew: f64,
    /// The escape on the way to load balance, if there was one.
    pub escape: Option<Escape>,
    /// The account that the session was bound to when it was looked up, if any.
    pub bound: Option<AccountIx>,
    /// In the modes without a gate: that the bound account's health sent the session elsewhere. The gateway logs
    /// nothing of it.
    pub left: Option<Leave>,
}

impl Decision {
    /// The account selected, if any.
    pub const fn account(&self) -> Option<AccountIx> {
        match self.outcome {
            Outcome::Acquired(account, _) | Outcome::Wait(account, _) => Some(account),
            Outcome::NoAvailableAccounts => None,
        }
    }
}
