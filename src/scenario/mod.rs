//! What is simulated, as files: the schema, its defaults and limits, `--set`, the gateway's own config file.
//!
//! ```text
//! text --tree--> places --set--> overrides --document--> gateway_config, account_defaults, presets
//!      --read--> types --check--> limits --model::finish--> the effective scenario
//! ```
//!
//! A scenario knows names and numbers, not what the simulator makes of them: `simulation::lower` turns it into the
//! plain settings of the other rooms.

mod account;
mod admin;
mod check;
mod condition;
mod config_looks;
mod distribution;
mod document;
mod duration;
mod environment;
mod error;
mod gateway;
mod gateway_keys;
mod model;
mod near_miss;
mod origins;
mod read;
mod reference;
mod schema;
mod set;
mod settings;
mod tree;
mod upstream_error;
mod workload;

#[cfg(test)]
pub(crate) mod tests;

pub use account::{
    Account, AccountType, Decode, Failure, Limit, LoadSlowdown, MOST_ACCOUNTS, Persistence, Price, PromptCache,
    Protocol, Refill, Rule, SizeEffect, Usage,
};
pub use admin::{AdminSettings, Raw};
pub use check::LONGEST;
pub use condition::{
    Beyond, Capacity, Condition, Course, Effect, Flapping, Markov, Next, Replayed, Scheduled, State, Triggered,
};
pub use distribution::{Clamped, Distribution, Empirical, Lognormal, Part, Quantity, TtftPreset};
pub use document::{Document, Loaded};
pub use duration::Duration;
pub use error::{ErrorKind, ScenarioError};
pub use gateway::{Gateway, OpenAiScheduler, OpenAiWs, RateLimit, Scheduling, Weights};
pub use model::{Epoch, Scenario};
pub use origins::Setting;
pub use reference::reference_markdown;
pub use schema::json_schema;
pub use set::Set;
pub use settings::{
    Clients, Followed, GatewayVersion, Measure, Mode, Replicas, Restart, Retry, Routing, Service, Transport, WhatIf,
};
pub use upstream_error::{BrokenError, ClosedError, ConnectError, StatusError, TimeoutError, UpstreamError};
pub use workload::{
    Arrivals, InputTokens, ModelShare, Placing, Preset, Profile, Replay, ReplaySessions, ReplayTiming, Resample,
    SessionNames, Synth, SynthStart, SynthTiming, TraceFormat, Workload,
};

/// A key in full: `gateway.openai_ws.lb_top_k` for the short name `lb_top_k`; any other key as it is.
pub fn full_key(key: &str) -> String {
    gateway_keys::in_full(key).unwrap_or_else(|| key.to_owned())
}

/// Reads, overrides, checks and completes a scenario file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn load(path: &std::path::Path, sets: &[Set]) -> Result<Loaded, ScenarioError> {
    Document::read(path)?.resolve(sets)
}
