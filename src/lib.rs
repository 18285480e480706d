//! stickysim: a trace-driven, discrete-event simulator of a sticky-session scheduler for LLM gateways.
//!
//! It answers, offline: at which time to first token (TTFT) should a session leave its sticky account, and what does
//! that buy and cost? The scheduler inside ([`scheduler`]) answers like the sub2api gateway's own to the last bit, and
//! the request loop around it ([`gateway`]) is the gateway's as well. Accounts ([`upstream`]) and clients
//! ([`workload`]) are modelled or replayed.
//!
//! A simulation takes three steps: read a scenario, lower it to the settings of the rooms, and run it with a seed.
//!
//! ```
//! use std::path::Path;
//! use stickysim::scenario::{Document, Set};
//! use stickysim::simulation::{lower, simulate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "
//!     duration: 1h
//!     accounts: [{count: 4, concurrency: 20}]
//!     conditions:
//!       - {name: slow, accounts: [2], when: {scheduled: {at: 10m}}, effect: {ttft_factor: 30}}
//!     workload: {synth: {preset: chat, sessions_per_hour: 2000}}
//! ";
//! let document = Document::parse(text, Path::new("example.yaml"), Path::new(""))?;
//! for enabled in ["true", "false"] {
//!     let escape = Set::new("sticky_escape_enabled", enabled)?;
//!     let lowered = lower(&document.resolve(&[escape])?.scenario)?;
//!     let run = simulate(&lowered, lowered.seed)?;
//!     let p99 = run.results.figures.run.get("sessions.worst_ttft_ms.p99").flatten();
//!     println!("escape {enabled}: {} requests, session p99 {p99:?} ms", run.totals.requests);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`experiment`] makes many runs, [`calibrate`] makes scenarios from a gateway's logs, [`measure::figures`] has the
//! figures by path, and [`report`] writes documents.

pub mod calibrate;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod files;
pub mod gateway;
pub mod ids;
pub mod measure;
pub mod report;
pub mod scenario;
pub mod scheduler;
pub mod simulation;
pub mod units;
pub mod upstream;
pub mod workload;
