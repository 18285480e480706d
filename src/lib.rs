//! stickysim: a trace-driven, discrete-event simulator of a sticky-session scheduler for LLM gateways.
pub mod cli;
pub mod engine;
pub mod experiment;
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
