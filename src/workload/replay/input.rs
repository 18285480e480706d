//! Opening a trace file and taking it line by line: plain, gzip or zstd by magic bytes, LF or CRLF, with or without a
//! line end after the last line, with or without a byte order mark. A block of 64 KiB is held at a time, or one line
//! where that is longer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::workload::{Error, packed};

/// A line longer than this is no line of a trace; it would only eat the memory.
const LONGEST_LINE: usize = 256 << 20;

/// Bytes that are read at a time. A line that is longer makes room for itself.
const BLOCK: usize = 1 << 16;

/// The lines of a text file, unpacked where necessary.
pub(super) struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead>,
    /// Text that was read; its part from `from` to `to` was not taken yet.
    block: Vec<u8>,
    from: usize,
    to: usize,
    number: u64,
}

impl Lines {
    pub(super) fn of(opened: Opened) -> Self {
        let Opened { path, head, rest } = opened;
        let to = head.len();
        Self { path, input: rest, block: head, from: 0, to, number: 0 }
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
            let Some((mut from, mut to)) = self.take()? else { return Ok(None) };
            if self.number == 0 && self.block[from..to].starts_with(b"\xef\xbb\xbf") {
                from += 3;
            }
            self.number += 1;
            while to > from && matches!(self.block[to - 1], b'\n' | b'\r') {
                to -= 1;
            }
            if !self.block[from..to].iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(&self.block[from..to]));
            }
        }
    }

    /// Takes a line with its line end: where it lies in the block. `None` at the end of the text.
    fn take(&mut self) -> Result<Option<(usize, usize)>, Error> {
        let mut searched = 0;
        loop {
            let (from, length) = (self.from, self.to - self.from);
            if let Some(place) = memchr::memchr(b'\n', &self.block[from + searched..self.to]) {
                self.from += searched + place + 1;
                return Ok(Some((from, self.from)));
            }
            if length >= LONGEST_LINE {
                let error =
                    Error::new("a line of more than 256 MB is no line of a trace", "check that this is a text file");
                return Err(error.at(&self.path, self.number + 1, 0));
            }
            searched = length;
            if !self.read_on()? {
                let rest = (self.from, self.to);
                self.from = self.to;
                return Ok((length > 0).then_some(rest));
            }
        }
    }

    /// Reads more text behind what was not taken yet, which moves to the front; `false` at the end of the text.
    fn read_on(&mut self) -> Result<bool, Error> {
        self.block.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        let room = BLOCK.max((2 * self.to).min(LONGEST_LINE));
        if self.block.len() < room {
            self.block.resize(room, 0);
        }
        loop {
            match self.input.read(&mut self.block[self.to..]) {
                Ok(read) => {
                    self.to += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::io(&self.path, "read on", &error).at(&self.path, self.number + 1, 0));
                }
            }
        }
    }
}

/// A file that is open, of which the first part may have been looked at. It is read once: a pipe gives its bytes once.
pub(super) struct Opened {
    path: PathBuf,
    head: Vec<u8>,
    rest: Box<dyn BufRead>,
}

impl Opened {
    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        let rest = open_unpacked(path).map_err(|error| Error::io(path, "open it", &error))?;
        Ok(Self { path: path.to_path_buf(), head: Vec::new(), rest })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    pub(super) fn whole(mut self) -> Result<Vec<u8>, Error> {
        self.rest.read_to_end(&mut self.head).map_err(|error| Error::io(&self.path, "read it", &error))?;
        Ok(self.head)
    }

    /// Up to so many of its first bytes.
    pub(super) fn head(&mut self, length: usize) -> Result<&[u8], Error> {
        if self.head.len() < length {
            (&mut self.rest)
                .take((length - self.head.len()) as u64)
                .read_to_end(&mut self.head)
                .map_err(|error| Error::io(&self.path, "read it", &error))?;
        }
        Ok(&self.head)
    }
}

/// Whether what a path leads to can be read only once: a pipe, a terminal, a socket.
pub(crate) fn is_read_once(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// What to do about a pipe that would have to be read again.
pub(crate) const ONE_READING: &str = "a pipe can be read only once: write it to a file first, and give that";

/// A buffered reader of a file's text, unpacked if its first bytes say gzip or zstd.
pub(super) fn open_unpacked(path: &Path) -> io::Result<Box<dyn BufRead>> {
    packed::unpacked(BufReader::with_capacity(1 << 16, File::open(path)?))
}
