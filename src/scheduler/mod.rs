//! The gateway's schedulers: ports that answer like the originals to the last bit (spec scheduler.md,
//! scheduler-modes.md).
//!
//! Time and state come in, decisions go out; no clock, no I/O, no knowledge of the simulator. Read it from the outside
//! in: [`AnyScheduler`] is what a request loop asks, one for each gateway process; [`Pool`] is what all of them share.
//!
//! | file | its one idea |
//! | --- | --- |
//! | `face` | what a request loop asks of a scheduler, and which mode answers |
//! | `query`, `decision` | a question and its answer |
//! | `select` | revision 0.1.133: previous response, then sticky session with escape, then load balance |
//! | `gate` | when a bound session leaves its account, and where a what-if may differ from the gateway |
//! | `replica` | what one gateway process keeps for itself |
//! | `pairs` | an API key that fails for one model is passed over for that model |
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
pub mod face;
pub mod gate;
mod loads;
pub mod metrics;
mod pairs;
pub mod pool;
pub mod query;
mod replica;
pub mod seed;
mod select;
pub mod slots;
pub mod stats;
pub mod weigh;

pub use account::{Account, Credential, UpstreamRate, Usage};
pub use bindings::Bindings;
pub use config::{Config, Mode, Revision, Weights};
pub use decision::{Decision, Escape, EscapeReason, Layer, Outcome, SlotToken, WaitPlan};
pub use face::{AnyScheduler, Health};
pub use gate::{Exact, Learnt, Policy};
pub use metrics::Metrics;
pub use pool::Pool;
pub use query::{Query, ResponseKey, SessionKey, Transport};
pub use slots::Slots;
pub use stats::{RuntimeStats, Snapshot};
pub use weigh::Weighing;
