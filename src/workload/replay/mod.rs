//! Reading traces: one file a format, all yielding the same rows, streamed.
mod azure;
mod burstgpt;
mod claude;
mod clock;
mod codex;
mod detect;
mod folder;
mod format;
mod gateway_log;
mod input;
mod line;
mod looks;
mod loose;
mod mooncake;
mod names;
pub(crate) mod native_csv;
mod native_jsonl;
mod origin;
mod qwen;
mod ragpulse;
mod reader;
mod row;
mod sessions;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod timestamp;
mod tolerance;
mod weka;
mod words;

pub use format::Format;
pub(crate) use input::{ONE_READING, is_read_once};
pub use names::Names;
pub use reader::TraceReader;
pub use row::{PreviousResponse, TraceRow};

pub mod usage;
