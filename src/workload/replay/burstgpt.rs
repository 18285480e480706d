//! BurstGPT 1 and 2 (`Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`) and 3 (also `Session ID`,
//! where blank means none, and `Elapsed time`: seconds to the last token). Seconds are not zero-based. A request
//! without response tokens failed. The file counts no time to the first token.

use super::line::{BadLine, LineFormat};
use super::names::Names;
use super::origin::Origin;
use super::row::TraceRow;
use super::table::{COUNT, Fields, Header, count};
use super::timestamp;
use crate::workload::Recorded;

pub(super) struct BurstGpt {
    header: Option<(Header, Columns)>,
    origin: Origin,
    fields: Fields,
}

struct Columns {
    time: usize,
    model: usize,
    input: usize,
    output: usize,
    session: Option<usize>,
    elapsed: Option<usize>,
}

impl BurstGpt {
    pub(super) fn new() -> Self {
        Self { header: None, origin: Origin::NEW, fields: Fields::default() }
    }
}

impl LineFormat for BurstGpt {
    fn row(&mut self, line: &[u8], names: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let Some((header, columns)) = &self.header else {
            let header = Header::of_different(line)?;
            let columns = Columns {
                time: header.need("Timestamp")?,
                model: header.need("Model")?,
                input: header.need("Request tokens")?,
                output: header.need("Response tokens")?,
                session: header.find("Session ID"),
                elapsed: header.find("Elapsed time"),
            };
            self.header = Some((header, columns));
            return Ok(None);
        };
        let record = header.record(line, &mut self.fields)?;
        let at = record.parse(columns.time, "seconds", timestamp::seconds)?;
        let elapsed = record.parse_optional(columns.elapsed, "seconds", timestamp::span)?;
        let input_tokens = record.parse(columns.input, COUNT, count)?;
        let output_tokens = record.parse(columns.output, COUNT, count)?;
        let at = self.origin.span(at)?;
        let failed = output_tokens == 0;
        // a failed request's elapsed time is no service time
        let duration = elapsed.filter(|&span| !span.is_zero() && !failed);
        Ok(Some(TraceRow {
            at,
            session: record.optional(columns.session).map(Into::into),
            model: names.model(record.text(columns.model)),
            input_tokens,
            output_tokens,
            ended: duration.map(|duration| at + duration),
            failed,
            recorded: duration.map(|_| Box::new(Recorded { duration, ..Recorded::default() })),
            ..TraceRow::default()
        }))
    }
}
