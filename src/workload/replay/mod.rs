//! Reading traces: one file a format, all yielding the same rows, streamed.
mod format;

pub use format::Format;
