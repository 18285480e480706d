//! RAGPulse: JSON lines of `timestamp` (seconds as a string), `input_length`, `output_length`, `session_id`. Its clock
//! is the second of the week and starts again at 0 in mid-file: the rows are in order all the same, so the week is
//! added and nothing is sorted. (The session ids begin with Unix milliseconds, which show that it is a week.)

use serde::Deserialize;

use super::line::{BadLine, LineFormat, LooseSeconds, json};
use super::loose::{Name, Whole};
use super::names::Names;
use super::row::TraceRow;
use crate::units::{Span, count};

const WEEK: i128 = 604_800 * 1_000_000_000;

#[derive(Default)]
pub(super) struct RagPulse {
    last: i128,
    added: i128,
    restarts: u32,
}

#[derive(Deserialize)]
struct Line<'a> {
    timestamp: LooseSeconds,
    input_length: Whole<u32>,
    output_length: Whole<u32>,
    #[serde(borrow, default)]
    session_id: Name<'a>,
}

impl LineFormat for RagPulse {
    fn row(&mut self, line: &[u8], _: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let parsed: Line<'_> = json(line, "a RAGPulse record")?;
        let LooseSeconds(clock) = parsed.timestamp;
        // a restart falls back near 0; a small step back is disorder, which the reader complains about
        if clock < self.last / 2 {
            self.added += (self.last / WEEK + 1) * WEEK;
            self.restarts += 1;
        }
        self.last = clock;
        Ok(Some(TraceRow {
            at: Span::from_nanos(u64::try_from(clock + self.added).unwrap_or(u64::MAX)),
            session: parsed.session_id.owned(),
            input_tokens: parsed.input_length.or_zero(),
            output_tokens: parsed.output_length.or_zero(),
            ..TraceRow::default()
        }))
    }

    fn notes(&self) -> Vec<String> {
        if self.restarts == 0 {
            return Vec::new();
        }
        vec![format!(
            "the trace's clock started again at 0 {}: a week was added each time",
            count(self.restarts.into(), "time")
        )]
    }
}
