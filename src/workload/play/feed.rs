//! The rows to play, in order of time: those of the trace, dealt to assumed sessions where asked for, whole sessions
//! left out or copied (`rate_scale`), the trace played again (`repeat`).

use std::collections::BTreeMap;

use super::assume::Assume;
use crate::engine::{Luck, Stream};
use crate::units::Span;
use crate::workload::config::{RESAMPLE_BLOCK, ReadConfig, ReplayConfig, Resample, Sessions};
use crate::workload::replay::{Names, TraceReader, TraceRow};
use crate::workload::{Error, purpose};

/// A row to play.
#[derive(Debug)]
pub(super) struct Play {
    /// The row; its times count from the start of the replay, not yet scaled.
    pub(super) row: TraceRow,
    /// Names the session among all rounds and copies.
    pub(super) session: Option<u64>,
    /// Tells the names (of users, of responses) of one copy and round from those of others.
    pub(super) version: u64,
    pub(super) luck: u64,
}

#[derive(Debug)]
pub(super) struct Feed {
    read: ReadConfig,
    reader: TraceReader,
    luck: Luck,
    rate_scale: f64,
    copy_shift: Span,
    resample: Resample,
    assume: Option<Assume>,
    rounds_left: u32,
    round: u32,
    /// Where this round starts.
    offset: Span,
    index: u64,
    first_at: Span,
    last_at: Span,
    /// Rows that may still be overtaken, or wait their turn.
    held: BTreeMap<(Span, u64), Play>,
    sequence: u64,
    /// No row that is still to be read comes before this.
    position: Span,
    read_out: bool,
    earlier_rows: u64,
    earlier_notes: Vec<String>,
}

impl Feed {
    pub(super) fn open(config: &ReplayConfig, luck: Luck) -> Result<Self, Error> {
        let mut reader = TraceReader::open(&config.read, luck)?;
        reader.number_models(&config.models);
        reader.set_default_model(&config.default_model);
        let mut feed = Self {
            read: config.read.clone(),
            reader,
            luck,
            rate_scale: config.rate_scale,
            copy_shift: config.copy_shift,
            resample: config.resample,
            assume: match &config.sessions {
                Sessions::AsRecorded => None,
                Sessions::Assume(assumed) => Some(Assume::new(assumed.clone(), luck)),
            },
            rounds_left: config.repeat - 1,
            round: 0,
            offset: Span::ZERO,
            index: 0,
            first_at: Span::ZERO,
            last_at: Span::ZERO,
            held: BTreeMap::new(),
            sequence: 0,
            position: Span::ZERO,
            read_out: false,
            earlier_rows: 0,
            earlier_notes: Vec::new(),
        };
        if !feed.read_one()? {
            return Err(feed.reader.without_rows());
        }
        Ok(feed)
    }

    /// The next row to play; times never go back.
    pub(super) fn next(&mut self) -> Result<Option<Play>, Error> {
        loop {
            let first = self.held.first_key_value().map(|(&(at, _), _)| at);
            if self.read_out || first.is_some_and(|at| at <= self.position) {
                return Ok(self.held.pop_first().map(|(_, play)| play));
            }
            if !self.read_one()? && !self.begin_next_round()? {
                self.read_out = true;
            }
        }
    }

    /// Reads a row and puts its copies among the held ones; false at the end of the trace.
    fn read_one(&mut self) -> Result<bool, Error> {
        let Some(mut row) = self.reader.next_row()? else { return Ok(false) };
        let index = self.index;
        self.index += 1;
        if index == 0 {
            self.first_at = row.at;
        }
        self.last_at = row.at;
        row.at += self.offset;
        row.ended = row.ended.map(|ended| ended + self.offset);
        self.position = row.at;
        if row.session.is_none()
            && let Some(assume) = &mut self.assume
        {
            row.session = Some(format!("assumed-{}", assume.deal(row.at)).into());
        }
        let key = row.session.as_ref().map(|name| hash(name));
        let copies = self.copies(key, index);
        for copy in 0..copies {
            let mut row = if copy + 1 == copies { std::mem::take(&mut row) } else { row.clone() };
            let mut version = 0;
            let mut luck = index;
            if copy > 0 || self.round > 0 {
                version = (u64::from(self.round) << 32) | u64::from(copy);
                luck = Luck::new(index).key(purpose::COPIES, version, 0);
                row.session = row.session.map(|name| format!("{name}~{}.{copy}", self.round).into());
            }
            if copy > 0 {
                let shift = self.shift(key.unwrap_or(index), version);
                row.at += shift;
                row.ended = row.ended.map(|ended| ended + shift);
            }
            let session = row.session.as_ref().map(|name| hash(name));
            self.held.insert((row.at, self.sequence), Play { row, session, version, luck });
            self.sequence += 1;
        }
        Ok(true)
    }

    /// How often the session or lone row is played.
    fn copies(&self, session: Option<u64>, index: u64) -> u32 {
        let about = u64::from(self.round) << 1;
        let luck = |purpose| match session {
            Some(key) => self.luck.stream(purpose, key, about),
            None => self.luck.stream(purpose, index, about | 1),
        };
        let scaled = if self.rate_scale == 1.0 {
            1
        } else {
            let whole = libm::floor(self.rate_scale);
            whole as u32 + u32::from(luck(purpose::COPIES).chance(self.rate_scale - whole))
        };
        match self.resample {
            Resample::Nothing => scaled,
            Resample::Sessions => {
                let mut stream = luck(purpose::RESAMPLE);
                (0..scaled).map(|_| poisson_one(&mut stream)).sum()
            }
        }
    }

    /// How much later a copy of a session starts; all its rows are shifted alike.
    fn shift(&self, key: u64, version: u64) -> Span {
        let most = match self.resample {
            Resample::Nothing => self.copy_shift,
            Resample::Sessions => self.copy_shift.max(RESAMPLE_BLOCK),
        };
        most.scale(self.luck.stream(purpose::SHIFT, key, version).open01())
    }

    /// Opens the trace once more; false when it was played often enough.
    fn begin_next_round(&mut self) -> Result<bool, Error> {
        if self.rounds_left == 0 {
            return Ok(false);
        }
        self.rounds_left -= 1;
        self.round += 1;
        // the pause between two rounds is the mean pause between two rows
        let span = self.last_at.saturating_sub(self.first_at);
        let pause = if self.index > 1 { span.scale(1.0 / (self.index - 1) as f64) } else { Span::SECOND };
        self.offset += span + pause;
        self.index = 0;
        self.earlier_rows += self.reader.rows();
        self.earlier_notes = self.reader.notes();
        self.reader.read_again(&self.read, self.luck)?;
        Ok(true)
    }

    #[cfg(test)]
    pub(super) fn held_rows(&self) -> usize {
        self.held.len()
    }

    pub(super) const fn names(&self) -> &Names {
        self.reader.names()
    }

    pub(super) const fn rows_read(&self) -> u64 {
        self.earlier_rows + self.reader.rows()
    }

    pub(super) const fn skipped_lines(&self) -> u64 {
        self.reader.skipped()
    }

    pub(super) fn assumed_sessions(&self) -> u64 {
        self.assume.as_ref().map_or(0, Assume::started)
    }

    /// What the reader has to say; of a trace that is played again, what it said the first time.
    pub(super) fn notes(&self) -> Vec<String> {
        if self.round == 0 { self.reader.notes() } else { self.earlier_notes.clone() }
    }
}

/// A Poisson number of mean 1, by inversion: one word.
fn poisson_one(stream: &mut Stream) -> u32 {
    let u = stream.open01();
    let (mut count, mut term) = (0, 1.0 / std::f64::consts::E);
    let mut sum = term;
    while u > sum && count < 20 {
        count += 1;
        term /= f64::from(count);
        sum += term;
    }
    count
}

fn hash(name: &str) -> u64 {
    xxhash_rust::xxh64::xxh64(name.as_bytes(), 0)
}
