//! Opening a trace file and taking it line by line: plain, gzip or zstd by magic bytes, LF or CRLF, with or without a
//! line end after the last line, with or without a byte order mark. One line is held at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::workload::{Error, packed};

/// A line longer than this is no line of a trace; it would only eat the memory.
const LONGEST_LINE: usize = 256 << 20;

/// The lines of a text file, unpacked where necessary.
pub(super) struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let input = open_unpacked(path).map_err(|error| Error::io(path, "open it", &error))?;
        Ok(Self { path: path.to_path_buf(), input, line: Vec::new(), number: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the line that was taken last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank, without its line end.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        loop {
            self.line.clear();
            let mut limited = (&mut self.input).take(LONGEST_LINE as u64);
            let length = limited
                .read_until(b'\n', &mut self.line)
                .map_err(|error| Error::io(&self.path, "read on", &error).at(&self.path, self.number + 1, 0))?;
            if length == 0 {
                return Ok(None);
            }
            if length == LONGEST_LINE {
                let error =
                    Error::new("a line of more than 256 MB is no line of a trace", "check that this is a text file");
                return Err(error.at(&self.path, self.number + 1, 0));
            }
            if self.number == 0 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            self.number += 1;
            while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(&self.line));
            }
        }
    }
}

/// A buffered reader of a file's text, unpacked if its first bytes say gzip or zstd.
pub(super) fn open_unpacked(path: &Path) -> io::Result<Box<dyn BufRead>> {
    packed::unpacked(BufReader::with_capacity(1 << 16, File::open(path)?))
}
