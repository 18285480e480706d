//! What a line-by-line format is: a thing that makes rows of lines, and says precisely what is wrong with a line.

use serde::Deserialize;

use super::names::Names;
use super::row::TraceRow;
use super::words;

/// One format of which each line is read by itself.
pub(super) trait LineFormat {
    /// The row of this line; `None` when it holds none (a header, another kind of record).
    fn row(&mut self, line: &[u8], names: &mut Names) -> Result<Option<TraceRow>, BadLine>;

    /// What a reader of the results should know about assumptions and oddities met so far.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1, in bytes; 0: the line as a whole.
    pub(super) column: u64,
    pub(super) message: String,
    pub(super) remedy: String,
    /// Nothing after it can be read: no line to leave out, but the end.
    pub(super) fatal: bool,
}

impl BadLine {
    pub(super) fn new(column: u64, message: impl Into<String>) -> Self {
        Self { column, message: message.into(), remedy: String::new(), fatal: false }
    }

    /// What it would take to put it right.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Nothing after it can be read.
    pub(super) const fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}

/// A line as JSON of this type.
pub(super) fn json<'a, T: Deserialize<'a>>(line: &'a [u8], what: &str) -> Result<T, BadLine> {
    // to check a whole line for UTF-8 is faster than to check each of its texts
    let parsed = match std::str::from_utf8(line) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(line),
    };
    parsed.map_err(|error| {
        BadLine::new(error.column() as u64, format!("expected {what}: {}", words::of_json_error(&error)))
    })
}

/// Complains about the value of `key` in a line of JSON, at its column.
pub(super) fn bad_value(line: &[u8], key: &str, expected: &str) -> BadLine {
    let quoted = format!("\"{key}\"");
    let place = line.windows(quoted.len()).position(|window| window == quoted.as_bytes());
    BadLine::new(place.map_or(0, |place| place as u64 + 1), format!("`{key}` must be {expected}"))
}

/// A number that some writers put in quotes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LooseSeconds(pub(super) i128);

impl<'de> Deserialize<'de> for LooseSeconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = LooseSeconds;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds, 0 or more")
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<LooseSeconds, E> {
                Ok(LooseSeconds(i128::from(value) * 1_000_000_000))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<LooseSeconds, E> {
                if (0.0..1e12).contains(&value) {
                    Ok(LooseSeconds((value * 1e9 + 0.5) as i128))
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Float(value), &self))
                }
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<LooseSeconds, E> {
                super::timestamp::seconds(value)
                    .map(LooseSeconds)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
