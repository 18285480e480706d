//! The first sheet of an Excel file, as rows of text. All that knows of the crate `calamine` is here.

use std::path::Path;

use crate::workload::Error;

/// Whether a file begins as an Excel file does (a zip archive).
pub(super) fn is_xlsx(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// Rows of the first sheet that has any; numbers as they would be written in CSV, dates in RFC 3339 (UTC).
///
/// # Errors
/// When it is no Excel file, or is broken.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn rows(path: &Path, bytes: Vec<u8>) -> Result<Vec<Vec<String>>, Error> {
    use calamine::{Data, Reader as _, Xlsx};
    let broken = |message: String| {
        Error::in_file(
            path,
            format!("it cannot be read as an Excel file (.xlsx): {message}"),
            "export it again, or save it as CSV",
        )
    };
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let text = |cell: &Data| match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTime(date) => of_days(date.as_f64()),
    };
    for sheet in 0..book.sheet_names().len() {
        let range = match book.worksheet_range_at(sheet) {
            Some(range) => range.map_err(|error| broken(error.to_string()))?,
            None => break,
        };
        if !range.is_empty() {
            return Ok(range.rows().map(|row| row.iter().map(text).collect()).collect());
        }
    }
    Err(broken("no sheet has a cell".to_owned()))
}

/// Excel files are not read in a browser.
///
/// # Errors
/// Always.
#[cfg(target_arch = "wasm32")]
pub(super) fn rows(path: &Path, _: Vec<u8>) -> Result<Vec<Vec<String>>, Error> {
    Err(Error::in_file(path, "an Excel file is not read here", "save it as CSV"))
}

/// Days since the end of 1899 as Excel counts them, in RFC 3339.
#[cfg(not(target_arch = "wasm32"))]
fn of_days(days: f64) -> String {
    const TO_1970: f64 = 25_569.0;
    let ms = ((days - TO_1970) * 86_400_000.0).round() as i64;
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default()
}
