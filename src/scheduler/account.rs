//! An account as the scheduler sees it (spec scheduler.md, "An account").

use crate::ids::ModelId;
use crate::units::Time;

/// What kind of credential an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    #[default]
    ApiKey,
    /// An OAuth login.
    OAuth,
}

/// Usage figures of an OAuth account, as its upstream reported them last (spec scheduler-modes.md, section 6,
/// `quota_headroom`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// When they were reported.
    pub updated_at: Time,
    /// Percentage of the weekly quota that is used.
    pub primary_used_percent: Option<f64>,
    /// When the weekly window starts anew.
    pub primary_reset_at: Option<Time>,
    /// Percentage of the 5 h quota that is used.
    pub secondary_used_percent: Option<f64>,
    /// When the 5 h window starts anew.
    pub secondary_reset_at: Option<Time>,
}

/// What an API key's upstream charges, by its last billing probe (spec scheduler-modes.md, section 6, `upstream_cost`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpstreamRate {
    /// The multiplier.
    pub rate: f64,
    /// Known from this instant.
    pub received_at: Time,
    /// Known up to this instant, included.
    pub fresh_until: Time,
}

/// One upstream account: what is configured, and what makes it unschedulable.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The gateway's id, > 0.
    pub id: i64,
    /// Lower is better.
    pub priority: i64,
    /// Slots; <= 0 means unlimited.
    pub concurrency: i64,
    /// Overrides the concurrency in the load rate, when > 0.
    pub load_factor: Option<i64>,
    /// Models that it serves; empty: all.
    pub models: Vec<ModelId>,
    /// Whether it speaks WebSocket v2.
    pub websocket_v2: bool,
    /// API key or OAuth login.
    pub credential: Credential,
    /// Whether it belongs to the group that asks. An account of another group is never listed, but an old binding may
    /// still name it.
    pub in_group: bool,
    /// An OAuth account whose plan is neither empty nor `free` nor `abnormal`.
    pub subscription: bool,
    /// The instant of its last recorded use as the snapshot knows it, if any. Only the mode `legacy` looks at it.
    pub last_used: Option<Time>,
    /// When its session window ends, if that is known.
    pub session_window_end: Option<Time>,
    /// Its usage figures, if there are any.
    pub usage: Option<Usage>,
    /// What its upstream charges, if a billing probe said so. OAuth accounts take `Config::oauth_rate` instead.
    pub upstream_rate: Option<UpstreamRate>,
    /// Switched off: not schedulable until an operator acts.
    pub switched_off: bool,
    /// Unschedulable before this instant because of a 429 (`rate_limit_until`).
    pub rate_limited_until: Time,
    /// Unschedulable before this instant for any other reason that ends by itself.
    pub unschedulable_until: Time,
}

impl Account {
    /// An account with these slots and everything else at its default: an API key of the group, priority 1, all models,
    /// WebSocket v2, never used.
    pub const fn new(id: i64, concurrency: i64) -> Self {
        Self {
            id,
            priority: 1,
            concurrency,
            load_factor: None,
            models: Vec::new(),
            websocket_v2: true,
            credential: Credential::ApiKey,
            in_group: true,
            subscription: false,
            last_used: None,
            session_window_end: None,
            usage: None,
            upstream_rate: None,
            switched_off: false,
            rate_limited_until: Time::ZERO,
            unschedulable_until: Time::ZERO,
        }
    }

    /// Load factor if set and > 0, else concurrency if > 0, else 1.
    pub fn effective_load_factor(&self) -> i64 {
        self.load_factor.filter(|&f| f > 0).unwrap_or(if self.concurrency > 0 { self.concurrency } else { 1 })
    }

    /// Whether it may be chosen at `now`, blocks aside. Every limit is over *at* its end.
    pub fn schedulable(&self, now: Time) -> bool {
        !self.switched_off && now >= self.rate_limited_until && now >= self.unschedulable_until
    }

    /// Whether it serves this model; a blank model is served by every account.
    pub fn supports(&self, model: ModelId) -> bool {
        model == ModelId::BLANK || self.models.is_empty() || self.models.contains(&model)
    }
}
