//! Azure's public inference traces: LLM 2023 and 2024 (`TIMESTAMP,ContextTokens,GeneratedTokens`), LMM 2024 (with
//! `NumImages`). They differ in how they write the time (2023: seven digits, no zone; 2024: with a zone, the fraction
//! left out where it is 0; LMM: `T` and `Z`), so every form is read in each. No sessions, models or latencies.

use super::line::{BadLine, LineFormat};
use super::names::Names;
use super::origin::Origin;
use super::row::TraceRow;
use super::table::{COUNT, Fields, Header, count};
use super::timestamp;
use crate::units;

pub(super) struct Azure {
    header: Option<(Header, [usize; 3])>,
    images: Option<usize>,
    origin: Origin,
    fields: Fields,
    with_images: u64,
}

impl Azure {
    pub(super) fn new() -> Self {
        Self { header: None, images: None, origin: Origin::NEW, fields: Fields::default(), with_images: 0 }
    }
}

impl LineFormat for Azure {
    fn row(&mut self, line: &[u8], _: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let Some((header, [time, input, output])) = &self.header else {
            let header = Header::of_different(line)?;
            let places = [header.need("TIMESTAMP")?, header.need("ContextTokens")?, header.need("GeneratedTokens")?];
            self.images = header.find("NumImages");
            self.header = Some((header, places));
            return Ok(None);
        };
        let record = header.record(line, &mut self.fields)?;
        let at = record.parse(*time, "a date such as 2024-05-10 00:00:00.009930+00:00", timestamp::date)?;
        let images = record.parse_optional(self.images, COUNT, count)?;
        let row = TraceRow {
            at: self.origin.span(at)?,
            input_tokens: record.parse(*input, COUNT, count)?,
            output_tokens: record.parse(*output, COUNT, count)?,
            ..TraceRow::default()
        };
        self.with_images += u64::from(images.is_some_and(|images| images > 0));
        Ok(Some(row))
    }

    fn notes(&self) -> Vec<String> {
        if self.with_images == 0 {
            return Vec::new();
        }
        vec![format!("{} with images, which are left out of account", units::count(self.with_images, "request"))]
    }
}
