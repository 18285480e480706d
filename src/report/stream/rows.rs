//! CSV rows of whatever can be displayed; the first error is kept.

use std::fmt::{self, Display, Write as _};
use std::io::Write;

use crate::files::{FileError, PendingFile};
use crate::report::format;

/// A CSV file under way.
pub struct Rows<W: Write> {
    writer: csv::Writer<W>,
    field: String,
    error: Option<std::io::Error>,
}

/// Nothing where there is no value.
pub struct Maybe<T>(pub Option<T>);

impl<T: Display> Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |value| value.fmt(f))
    }
}

impl<W: Write> Rows<W> {
    /// Begins with a header.
    pub fn new(writer: W, columns: &[&str]) -> Self {
        let mut rows = Self {
            writer: csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(writer),
            field: String::new(),
            error: None,
        };
        let header = rows.writer.write_record(columns);
        rows.keep(header);
        rows
    }

    /// Writes a row with as many cells as there are columns.
    pub fn put(&mut self, cells: &[&dyn Display]) {
        if self.error.is_some() {
            return;
        }
        for cell in cells {
            self.field.clear();
            // writing to a string cannot fail
            let _ = write!(self.field, "{cell}");
            if let Err(error) = self.writer.write_field(format::cell(&self.field).as_ref()) {
                return self.keep(Err(error));
            }
        }
        let end = self.writer.write_record(None::<&[u8]>);
        self.keep(end);
    }

    fn keep(&mut self, result: csv::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error.into());
        }
    }
}

impl Rows<PendingFile> {
    /// The file, all rows written.
    ///
    /// # Errors
    /// The first one of all its rows.
    pub fn into_file(self) -> Result<PendingFile, FileError> {
        let path = self.writer.get_ref().path().to_owned();
        let failed = |error| FileError::new("write", &path, error);
        if let Some(error) = self.error {
            return Err(failed(error));
        }
        self.writer.into_inner().map_err(|error| failed(std::io::Error::other(error.to_string())))
    }
}

impl<W: Write> fmt::Debug for Rows<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("error", &self.error).finish_non_exhaustive()
    }
}
