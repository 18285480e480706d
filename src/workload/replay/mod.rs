//! Reading traces: one file a format, all yielding the same rows, streamed.
mod azure;
mod burstgpt;
mod codex;
mod detect;
mod folder;
mod format;
mod gateway_log;
mod input;
mod line;
mod mooncake;
mod names;
pub(crate) mod native_csv;
mod native_jsonl;
mod origin;
mod qwen;
mod ragpulse;
mod reader;
mod row;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod timestamp;
mod tolerance;
mod weka;

pub use format::Format;
pub use names::Names;
pub use reader::TraceReader;
pub use row::{PreviousResponse, TraceRow};

pub mod usage;
