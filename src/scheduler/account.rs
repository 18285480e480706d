//! An account as the scheduler sees it (spec scheduler.md, "An account").

use crate::ids::ModelId;
use crate::units::Time;

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
    /// Switched off: not schedulable until an operator acts.
    pub switched_off: bool,
    /// Unschedulable before this instant because of a 429 (`rate_limit_until`).
    pub rate_limited_until: Time,
    /// Unschedulable before this instant for any other reason that ends by itself.
    pub unschedulable_until: Time,
}

impl Account {
    /// An account with these slots and everything else at its default: priority 1, all models, WebSocket v2.
    pub const fn new(id: i64, concurrency: i64) -> Self {
        Self {
            id,
            priority: 1,
            concurrency,
            load_factor: None,
            models: Vec::new(),
            websocket_v2: true,
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
