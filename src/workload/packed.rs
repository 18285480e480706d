//! Packed text: gzip and zstd by their first bytes when reading, by the file's ending when writing.
//!
//! Zstd is read and written by a crate in pure Rust: it builds without a C compiler, also for WebAssembly. It reads one
//! frame at a time and writes whole frames only, so this file joins frames on both sides.

use std::io::{self, BufRead, Read, Write};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::ahead::Ahead;

/// Bytes of text in one frame that is written: large enough to pack well, small enough to keep in memory.
const FRAME: usize = 1 << 20;

/// The text behind `raw`, unpacked if its first bytes say gzip or zstd: by a thread of its own where it is long.
///
/// # Errors
/// When it cannot be read. A packed file that was cut off gives `UnexpectedEof`, here or while it is read.
pub fn unpacked(mut raw: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead>> {
    let head = raw.fill_buf()?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(Ahead::of(flate2::bufread::MultiGzDecoder::new(raw)))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(Ahead::of(Frames::new(raw)))
    } else {
        Box::new(raw)
    })
}

/// A source that remembers whether it was asked for more than it had: a file that was cut off.
struct Watched<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

/// All frames of a zstd file as one text.
struct Frames<R> {
    source: Watched<R>,
    decoder: FrameDecoder,
    /// A frame was begun and not all of its text was taken.
    within: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(raw: R) -> Self {
        Self { source: Watched { inner: raw, ended: false }, decoder: FrameDecoder::new(), within: false }
    }

    /// Begins the frame at which the source stands, or passes over one that holds no text; `false` at the end of the
    /// file.
    fn begin(&mut self) -> io::Result<bool> {
        if self.source.inner.fill_buf()?.is_empty() {
            return Ok(false);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.within = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = u64::from(length);
                if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(self.failed(error)),
        }
        Ok(true)
    }

    fn end(&mut self) -> io::Result<()> {
        self.within = false;
        let stored = self.decoder.get_checksum_from_data();
        if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of the zstd file does not match"));
        }
        Ok(())
    }

    fn failed(&self, error: FrameDecoderError) -> io::Error {
        let kind = if self.source.ended { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, error)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.within {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|error| self.failed(error))?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.end()?;
        }
    }
}

/// Writes text as zstd, in frames of 1 MiB of text.
pub struct ZstdWriter<W> {
    inner: W,
    text: Vec<u8>,
    frames: u64,
}

impl<W: Write> ZstdWriter<W> {
    /// Writes to `inner`.
    pub const fn new(inner: W) -> Self {
        Self { inner, text: Vec::new(), frames: 0 }
    }

    /// Writes what is left and gives `inner` back.
    ///
    /// # Errors
    /// When `inner` cannot be written to.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.text.is_empty() || self.frames == 0 {
            self.frame()?;
        }
        Ok(self.inner)
    }

    fn frame(&mut self) -> io::Result<()> {
        self.frames += 1;
        self.inner.write_all(&compress_to_vec(self.text.as_slice(), CompressionLevel::Fastest))?;
        self.text.clear();
        Ok(())
    }
}

impl<W: Write> Write for ZstdWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let taken = buffer.len().min(FRAME - self.text.len());
        self.text.extend_from_slice(&buffer[..taken]);
        if self.text.len() == FRAME {
            self.frame()?;
        }
        Ok(taken)
    }

    /// Passes on what was packed so far; the frame that is being filled stays open.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"0123456789,\n"[(state >> 24) as usize % 12]
        })
        .take(bytes)
        .collect()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut writer = ZstdWriter::new(Vec::new());
        writer.write_all(text).expect("written to memory");
        writer.finish().expect("written to memory")
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        unpacked(io::Cursor::new(bytes))?.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn what_was_packed_comes_back_whatever_the_number_of_frames() {
        for bytes in [0, 1, 5_000, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME + 77] {
            let text = text(bytes);
            assert!(read(packed(&text)).expect("good") == text, "{bytes} bytes");
        }
    }

    #[test]
    fn a_file_of_the_zstd_program_is_read() {
        #[rustfmt::skip]
        let file = vec![
            0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x88, 0x75, 0x01, 0x00, 0x54, 0x02, 0x61, 0x74, 0x5f, 0x73, 0x2c,
            0x73, 0x65, 0x73, 0x73, 0x69, 0x6f, 0x6e, 0x0a, 0x30, 0x2c, 0x61, 0x6c, 0x70, 0x68, 0x61, 0x0a,
            0x31, 0x32, 0x2c, 0x62, 0x65, 0x74, 0x61, 0x0a, 0x33, 0x34, 0x2c, 0x62, 0x65, 0x74, 0x61, 0x0a,
            0x02, 0x00, 0x32, 0x33, 0x37, 0xbb, 0x4d, 0x8b, 0xf4, 0xc1, 0x5d,
        ];
        assert_eq!(read(file).expect("good"), b"at_s,session\n0,alpha\n1,alpha\n2,beta\n3,alpha\n4,beta\n");
    }

    #[test]
    fn frames_without_text_are_passed_over() {
        let mut file = packed(b"a\n");
        file.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
        file.extend(packed(b"b\n"));
        assert_eq!(read(file).expect("good"), b"a\nb\n");
    }

    #[test]
    fn a_file_that_was_cut_off_says_so_wherever_the_cut_is() {
        let whole = packed(&text(3_000));
        for length in 5..whole.len() {
            let error = read(whole[..length].to_vec()).expect_err("cut off");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "after {length} bytes: {error}");
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_is_caught_by_the_checksum() {
        let whole = packed(&text(3_000));
        for place in 10..whole.len() {
            let mut file = whole.clone();
            file[place] ^= 4;
            assert!(read(file).is_err(), "a flipped bit in byte {place} passed");
        }
    }
}
