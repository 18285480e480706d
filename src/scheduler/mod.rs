//! The sticky-escape scheduler: a port that answers like the original to the last bit (spec scheduler.md).
//!
//! Time and state come in, decisions go out; no clock, no I/O, no knowledge of the simulator. Read it from the outside
//! in: [`select()`] walks the three layers, [`Pool`] is what all gateway processes share, [`Replica`] is what each of
//! them knows alone.
//!
//! | file | its one idea |
//! | --- | --- |
//! | `select` | previous response, then sticky session with escape, then load balance |
//! | `gate` | when a bound session leaves its account |
//! | `balance` | score, rank, weighted draw |
//! | `seed` | where the draw's randomness comes from |
//! | `loads` | how loaded the candidates are, read through a cache |
//! | `slots` | who runs on an account, how many wait for it |
//! | `bindings` | key -> account, with a time to live |
//! | `stats` | the two averages of each account |
//! | `closed`, `bits` | sets of accounts, and sets that change by themselves as time passes |
//! | `weigh` | after the fact: every candidate's factors, for people |
//! | `metrics` | the gateway's counters |

pub mod account;
pub mod balance;
pub mod bindings;
mod bits;
mod closed;
pub mod config;
pub mod decision;
pub mod gate;
mod loads;
pub mod metrics;
pub mod pool;
pub mod replica;
pub mod seed;
pub mod select;
pub mod slots;
pub mod stats;
pub mod weigh;

pub use account::Account;
pub use bindings::Bindings;
pub use config::{Config, Weights};
pub use decision::{Decision, Escape, EscapeReason, Layer, Outcome, SlotToken, WaitPlan};
pub use metrics::Metrics;
pub use pool::Pool;
pub use replica::Replica;
pub use select::{Query, ResponseKey, SessionKey, bind_response, bind_session, select};
pub use slots::Slots;
pub use stats::{RuntimeStats, Snapshot};
pub use weigh::Weighing;
