//! The request loop around the scheduler, in virtual time (spec gateway.md; scheduler-modes.md, section 7): HTTP,
//! WebSocket, waiting, failover, what each status does to an account, connections over HTTP/1.1, the list of
//! candidates, replicas. Where revisions of the gateway differ, `Config::scheduler.revision` is matched.
//!
//! It takes requests from a `Workload`, asks `scheduler::AnyScheduler`, lets an `Upstream` say how each forward goes
//! and shows every step to an `Observer`.

mod attempt;
mod candidates;
pub mod config;
mod connections;
mod effects;
mod ended;
mod event;
mod failure;
mod forward;
mod http;
mod http_end;
mod life;
mod recency;
mod responses;
mod run;
mod sockets;
mod states;
mod users;
mod waiting;
mod websocket;

pub use config::{AccountTraits, ClientRetry, Config, Credential, ReplicaRouting, Restart, Rule, Transport};
pub use run::{Gateway, RunError, Totals};
