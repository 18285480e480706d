//! Mooncake (FAST '25): JSON lines of `timestamp` (milliseconds, in ticks of about 3 s: ties keep the file's order),
//! `input_length`, `output_length`, `hash_ids` (prefix blocks, which are not used). No sessions, models or latencies.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::line::{BadLine, LineFormat, bad_value, json};
use super::names::Names;
use super::row::TraceRow;
use crate::units::Span;

pub(super) struct Mooncake;

#[derive(Deserialize)]
struct Line {
    timestamp: f64,
    input_length: u32,
    output_length: u32,
    #[serde(default, rename = "hash_ids")]
    _hash_ids: IgnoredAny,
}

impl LineFormat for Mooncake {
    fn row(&mut self, line: &[u8], _: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let parsed: Line = json(line, "a Mooncake record")?;
        if !(0.0..1e15).contains(&parsed.timestamp) {
            return Err(bad_value(line, "timestamp", "milliseconds, 0 or more"));
        }
        Ok(Some(TraceRow {
            at: Span::from_millis_f64(parsed.timestamp),
            input_tokens: parsed.input_length,
            output_tokens: parsed.output_length,
            ..TraceRow::default()
        }))
    }
}
