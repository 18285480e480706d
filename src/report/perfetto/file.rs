//! The file of a trace, compressed where its name ends in `.gz` (the viewer opens both).

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::files::{FileError, PendingFile};

/// A file that has its name only when it is whole.
#[derive(Debug)]
pub enum TraceFile {
    /// As it is.
    Plain(PendingFile),
    /// Compressed.
    Gz(Box<GzEncoder<PendingFile>>),
}

impl TraceFile {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub fn create(path: &Path) -> Result<Self, FileError> {
        let file = PendingFile::create(path)?;
        let gz = path.extension().is_some_and(|ending| ending == "gz");
        Ok(if gz { Self::Gz(Box::new(GzEncoder::new(file, Compression::default()))) } else { Self::Plain(file) })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// When it cannot be written to its end.
    pub fn commit(self) -> Result<(), FileError> {
        match self {
            Self::Plain(file) => file.commit(),
            Self::Gz(encoder) => {
                let path = encoder.get_ref().path().to_owned();
                encoder.finish().map_err(|error| FileError::new("write", &path, error))?.commit()
            }
        }
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gz(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gz(encoder) => encoder.flush(),
        }
    }
}
