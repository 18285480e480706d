//! Mooncake (FAST '25): JSON lines of `timestamp` (milliseconds, in ticks of about 3 s: ties keep the file's order),
//! `input_length`, `output_length`, `hash_ids` (a list of prefix blocks, which are not used). AIPerf and Dynamo write
//! the same form with a `session_id`. No models or latencies.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::line::{BadLine, LineFormat, bad_value, json};
use super::loose::{Name, Whole};
use super::names::Names;
use super::row::TraceRow;
use crate::units::Span;

#[derive(Default)]
pub(super) struct Mooncake {
    /// Whether its first time is one of Unix seconds, so that the others are, too; `None` before the first row.
    in_seconds: Option<bool>,
}

/// As milliseconds from the start these would be a fortnight and more; as seconds, September 2001 to 2100.
const UNIX_SECONDS: std::ops::Range<f64> = 1e9..4.2e9;

#[derive(Deserialize)]
struct Line<'a> {
    timestamp: Option<f64>,
    delay: Option<f64>,
    #[serde(borrow, default)]
    session_id: Name<'a>,
    input_length: Whole<u32>,
    #[serde(default)]
    output_length: Whole<u32>,
    #[serde(default, rename = "hash_ids")]
    _hash_ids: IgnoredAny,
}

impl LineFormat for Mooncake {
    fn row(&mut self, line: &[u8], _: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let parsed: Line<'_> = json(line, "a Mooncake record")?;
        let at = match parsed.timestamp {
            Some(at) if (0.0..1e15).contains(&at) => at,
            None if parsed.delay.is_some() => {
                let message = "this turn has a `delay` and no `timestamp`: when it came depends on who replays it";
                let remedy = "give each row a `timestamp` (docs/guide/other-logs.md has a line of jq for it)";
                return Err(BadLine::new(0, message).remedy(remedy));
            }
            _ => return Err(bad_value(line, "timestamp", "milliseconds, 0 or more")),
        };
        let in_seconds = *self.in_seconds.get_or_insert(UNIX_SECONDS.contains(&at));
        Ok(Some(TraceRow {
            at: if in_seconds { Span::from_secs_f64(at) } else { Span::from_millis_f64(at) },
            session: parsed.session_id.owned(),
            input_tokens: parsed.input_length.or_zero(),
            output_tokens: parsed.output_length.or_zero(),
            ..TraceRow::default()
        }))
    }

    fn notes(&self) -> Vec<String> {
        let note = "its times are Unix seconds, not the milliseconds of the format: they are read as seconds";
        self.in_seconds.filter(|&is| is).map(|_| note.to_owned()).into_iter().collect()
    }
}
