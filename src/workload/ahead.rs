//! Unpacking ahead of the reader: what a long packed file costs to unpack is paid by a thread of its own.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes of text that are handed over at a time.
const BLOCK: usize = 1 << 18;

/// Blocks that wait for the reader at most.
const WAITING: usize = 4;

/// Bytes of text that the reader unpacks itself: of a shorter file a thread would cost more than it saves.
const WITHOUT_THREAD: usize = 1 << 20;

/// A text that is made by reading a slow source, such as one that unpacks.
pub(super) struct Ahead {
    source: Source,
    block: Block,
    /// What was taken of the block.
    taken: usize,
    /// Bytes of text that came without a thread.
    given: usize,
}

enum Source {
    /// Read by the reader.
    Here(Box<dyn Read + Send>),
    /// Read by a thread, which sends what it read and gets the blocks back when they are empty.
    There { blocks: Receiver<io::Result<Block>>, empty: Sender<Block> },
    /// The text is over, or it failed.
    Over,
}

/// A piece of the text: the first `length` bytes. Without any, the text is over.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    length: usize,
}

impl Block {
    /// Reads until it is full or the text is over. An error comes after what was read before it.
    fn fill(&mut self, source: &mut dyn Read) -> io::Result<()> {
        self.bytes.resize(BLOCK, 0);
        self.length = 0;
        while self.length < BLOCK {
            match source.read(&mut self.bytes[self.length..]) {
                Ok(0) => break,
                Ok(read) => self.length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Ahead {
    pub(super) fn of(source: impl Read + Send + 'static) -> Self {
        Self { source: Source::Here(Box::new(source)), block: Block::default(), taken: 0, given: 0 }
    }

    /// Gets the next block in place of the one that was taken.
    fn next_block(&mut self) -> io::Result<()> {
        self.taken = 0;
        if self.given >= WITHOUT_THREAD && matches!(self.source, Source::Here(_)) {
            self.source = std::mem::replace(&mut self.source, Source::Over).with_thread();
        }
        let failed = match &mut self.source {
            Source::Here(source) => {
                let failed = self.block.fill(&mut **source).err();
                self.given += self.block.length;
                failed
            }
            Source::There { blocks, empty } => {
                // a thread that is gone needs no blocks
                let _ = empty.send(std::mem::take(&mut self.block));
                match blocks.recv() {
                    Ok(Ok(block)) => {
                        self.block = block;
                        None
                    }
                    Ok(Err(error)) => Some(error),
                    Err(_) => Some(io::Error::other("the thread that unpacks this file broke off")),
                }
            }
            Source::Over => {
                self.block.length = 0;
                None
            }
        };
        match failed {
            // what came before the error is given first
            Some(error) if self.block.length > 0 => self.source = Source::Here(Box::new(Failed(Some(error)))),
            Some(error) => {
                self.source = Source::Over;
                return Err(error);
            }
            None if self.block.length == 0 => self.source = Source::Over,
            None => {}
        }
        Ok(())
    }
}

/// A source that has nothing to give but its error.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl Source {
    /// The same source with a thread that reads it, where the machine has a processor to spare for one.
    fn with_thread(self) -> Self {
        let Self::Here(source) = self else { return self };
        if thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
            spawn(source)
        } else {
            Self::Here(source)
        }
    }
}

fn spawn(source: Box<dyn Read + Send>) -> Source {
    let (full, blocks) = sync_channel(WAITING);
    let (empty, empties) = channel();
    // the source is handed over once the thread is there, so that it is not lost when there can be none
    let (give, given) = channel::<Box<dyn Read + Send>>();
    let begin = move || {
        if let Ok(source) = given.recv() {
            read_on(source, &full, &empties);
        }
    };
    match thread::Builder::new().name("unpack".to_owned()).spawn(begin) {
        Ok(_) => match give.send(source) {
            Ok(()) => Source::There { blocks, empty },
            Err(unsent) => Source::Here(unsent.0),
        },
        Err(_) => Source::Here(source),
    }
}

/// Reads the source to its end, or until nobody wants more of it.
fn read_on(mut source: Box<dyn Read + Send>, full: &SyncSender<io::Result<Block>>, empties: &Receiver<Block>) {
    loop {
        let mut block = empties.try_recv().unwrap_or_default();
        let failed = block.fill(&mut *source).err();
        let is_last = block.length == 0;
        if (!is_last || failed.is_none()) && full.send(Ok(block)).is_err() {
            return;
        }
        if let Some(error) = failed {
            let _ = full.send(Err(error));
            return;
        }
        if is_last {
            return;
        }
    }
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.block.length {
            self.next_block()?;
        }
        Ok(&self.block.bytes[self.taken..self.block.length])
    }

    fn consume(&mut self, length: usize) {
        self.taken = (self.taken + length).min(self.block.length);
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    /// Gives `length` bytes in pieces of uneven size, then what `end` says.
    struct Source {
        given: usize,
        length: usize,
        end: fn() -> io::Result<usize>,
        _alive: Arc<()>,
    }

    impl Source {
        fn new(length: usize, end: fn() -> io::Result<usize>) -> Self {
            Self { given: 0, length, end, _alive: Arc::new(()) }
        }

        fn text(length: usize) -> Vec<u8> {
            (0..length).map(|place| (place % 251) as u8).collect()
        }
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.length - self.given).min(1 + self.given % 70_001);
            if length == 0 {
                return (self.end)();
            }
            for byte in &mut buffer[..length] {
                *byte = (self.given % 251) as u8;
                self.given += 1;
            }
            Ok(length)
        }
    }

    const LENGTHS: [usize; 7] =
        [0, 1, BLOCK, WITHOUT_THREAD - 1, WITHOUT_THREAD, WITHOUT_THREAD + 1, WITHOUT_THREAD + 9 * BLOCK + 5];

    #[test]
    fn the_text_is_that_of_its_source_whatever_its_length() {
        for length in LENGTHS {
            let mut text = Vec::new();
            Ahead::of(Source::new(length, || Ok(0))).read_to_end(&mut text).expect("good");
            assert!(text == Source::text(length), "{length} bytes");
        }
    }

    #[test]
    fn an_error_comes_after_all_text_before_it_and_once() {
        for length in LENGTHS {
            let mut ahead = Ahead::of(Source::new(length, || Err(io::ErrorKind::UnexpectedEof.into())));
            let mut text = Vec::new();
            let error = ahead.read_to_end(&mut text).expect_err("broken off");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} bytes");
            assert!(text == Source::text(length), "{length} bytes");
            assert_eq!(ahead.read(&mut [0; 8]).expect("over"), 0);
        }
    }

    #[test]
    fn a_thread_that_breaks_off_is_no_end_of_the_text() {
        let mut ahead = Ahead::of(Source::new(WITHOUT_THREAD + 1, || panic!("a fault of the decompressor")));
        if thread::available_parallelism().is_ok_and(|processors| processors.get() > 1) {
            let error = ahead.read_to_end(&mut Vec::new()).expect_err("broken off");
            assert_eq!(error.to_string(), "the thread that unpacks this file broke off");
        }
    }

    #[test]
    fn a_reader_that_stops_early_leaves_no_thread_behind() {
        let source = Source::new(1 << 30, || Ok(0));
        let alive = Arc::downgrade(&source._alive);
        let mut ahead = Ahead::of(source);
        ahead.read_exact(&mut vec![0; 2 * WITHOUT_THREAD]).expect("there is more");
        drop(ahead);
        let is_gone = (0..60_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            alive.strong_count() == 0
        });
        assert!(is_gone, "the thread reads on without a reader");
    }
}
