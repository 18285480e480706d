//! Reads small CSV files that a scenario names: samples of a distribution, and factors over time.

use std::path::Path;

use super::LowerError;

/// A file being read, and the key that named it.
pub(super) struct Named<'a> {
    pub(super) key: &'a str,
    pub(super) file: &'a Path,
}

impl Named<'_> {
    fn bad(&self, line: u64, message: impl Into<String>) -> LowerError {
        LowerError::BadFile { key: self.key.to_owned(), file: self.file.to_path_buf(), line, message: message.into() }
    }

    /// All rows with their line numbers, including the first one, which may be a heading; without blank lines and `#`
    /// comments.
    fn rows(&self) -> Result<Vec<(u64, csv::StringRecord)>, LowerError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_path(self.file)
            .map_err(|error| self.bad(0, format!("cannot be read: {error}")))?;
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                self.bad(line, format!("is no CSV: {error}"))
            })?;
            rows.push((row.position().map_or(0, csv::Position::line), row));
        }
        Ok(rows)
    }

    /// The numbers in a file with one column, without its heading. None is negative.
    pub(super) fn column(&self) -> Result<Vec<f64>, LowerError> {
        let mut values = Vec::new();
        for (index, (line, row)) in self.rows()?.into_iter().enumerate() {
            let text = row.get(0).unwrap_or("");
            if row.len() > 1 {
                return Err(self.bad(line, format!("has {} columns; expected one column of numbers", row.len())));
            }
            match number(text) {
                Some(value) => values.push(value),
                None if index == 0 => {}
                None => return Err(self.bad(line, format!("`{text}` is not a number of at least 0"))),
            }
        }
        if values.is_empty() { Err(self.bad(0, "has no numbers; expected one per line")) } else { Ok(values) }
    }

    /// `time_s` and `factor` of every row, with ascending times.
    pub(super) fn factors(&self) -> Result<Vec<(f64, f64)>, LowerError> {
        let mut rows = self.rows()?.into_iter();
        let expected = "expected a heading with the columns time_s and factor";
        let Some((line, heading)) = rows.next() else { return Err(self.bad(0, format!("is empty; {expected}"))) };
        let column = |name: &str| heading.iter().position(|cell| cell == name);
        let (Some(time), Some(factor)) = (column("time_s"), column("factor")) else {
            return Err(self.bad(line, expected));
        };
        let mut factors: Vec<(f64, f64)> = Vec::new();
        for (line, row) in rows {
            let cell = |at: usize, name: &str| {
                let text = row.get(at).unwrap_or("");
                number(text).ok_or_else(|| self.bad(line, format!("{name} `{text}` is not a number of at least 0")))
            };
            let (at, factor) = (cell(time, "time_s")?, cell(factor, "factor")?);
            if factors.last().is_some_and(|&(earlier, _)| at < earlier) {
                return Err(self.bad(line, format!("time_s {at} is earlier than that of the row before")));
            }
            factors.push((at, factor));
        }
        if factors.is_empty() { Err(self.bad(0, "has no rows")) } else { Ok(factors) }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}
