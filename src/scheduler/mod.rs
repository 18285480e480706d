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
//! | `legacy`, `advanced`, `weighted` | revision 0.1.179, a file a mode |
//! | `line` | who is asked next in the mode `legacy` |
//! | `call`, `spread` | what these have in common: tests of accounts, and load balance |
//! | `gate` | when a bound session leaves its account, and where a what-if may differ from the gateway |
//! | `replica` | what one gateway process keeps for itself |
//! | `pairs` | an API key that fails for one model is passed over for that model |
//! | `terms` | the terms of a score and their sum |
//! | `balance` | rank by score, weighted draw |
//! | `seed` | where the draw's randomness comes from |
//! | `desk` | what a select writes on |
//! | `loads` | how loaded the candidates are, read through a cache |
//! | `slots` | who runs on an account, how many wait for it |
//! | `bindings` | key -> account, with a time to live |
//! | `stats` | the two averages of each account |
//! | `closed`, `bits` | sets of accounts, and sets that change by themselves as time passes |
//! | `weigh` | after the fact: every candidate's factors, for people |
//! | `admin` | settings of the admin's pages, which lie over the file |
//! | `metrics` | the gateway's counters |

pub mod account;
pub mod admin;
mod advanced;
pub mod balance;
pub mod bindings;
mod bits;
mod call;
mod closed;
pub mod config;
pub mod decision;
mod desk;
pub mod face;
pub mod gate;
mod legacy;
mod line;
mod loads;
pub mod metrics;
mod pairs;
pub mod pool;
pub mod query;
mod replica;
pub mod seed;
mod select;
pub mod slots;
mod spread;
pub mod stats;
pub mod terms;
pub mod weigh;
mod weighted;

pub use account::{Account, Credential, UpstreamRate, Usage};
pub use bindings::Bindings;
pub use config::{Config, Mode, Revision, Weights};
pub use decision::{Decision, Escape, EscapeReason, Layer, Leave, LeaveReason, Outcome, SlotToken, WaitPlan};
pub use face::{AnyScheduler, Health};
pub use gate::{Exact, Learnt, Policy};
pub use metrics::Metrics;
pub use pool::Pool;
pub use query::{Query, ResponseKey, SessionKey, Transport};
pub use slots::Slots;
pub use stats::{RuntimeStats, Snapshot};
pub use weigh::Weighing;
