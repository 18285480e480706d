//! Playing a trace: rows become requests, in an open or a closed loop.
mod assume;
mod closed;
mod feed;
mod maker;
mod open;
#[cfg(test)]
mod tests;

use crate::engine::Luck;
use crate::ids::{ModelId, SessionRef};
use crate::units::{Time, count};
use crate::workload::config::{ReplayConfig, Resample, Sessions, Timing};
use crate::workload::{Ending, Error, Request, Workload};

use closed::ClosedLoop;
use feed::Feed;
use maker::Maker;
use open::OpenLoop;

/// A trace being played.
///
/// Memory holds the live sessions and what the reader needs. In a closed loop it also holds rows read ahead: where the
/// simulation is faster than reality was, a session's next row lies further on in the trace.
#[derive(Debug)]
pub struct ReplayWorkload {
    feed: Feed,
    maker: Maker,
    loop_: Loop,
    note_assumed: bool,
    scaled: Option<String>,
}

#[derive(Debug)]
enum Loop {
    Open(OpenLoop),
    Closed(ClosedLoop),
}

impl ReplayWorkload {
    /// Opens a trace, to be played from `start` on.
    ///
    /// # Errors
    /// When the trace cannot be read, has no rows, or a setting is out of range.
    pub fn open(config: ReplayConfig, luck: Luck, start: Time) -> Result<Self, Error> {
        if !(config.time_scale > 0.0 && config.time_scale.is_finite()) {
            return Err(Error::new(format!("time_scale must be above 0, not {}", config.time_scale), ""));
        }
        if !(0.0..=10_000.0).contains(&config.rate_scale) {
            return Err(Error::new(format!("rate_scale must be between 0 and 10,000, not {}", config.rate_scale), ""));
        }
        if config.repeat == 0 {
            return Err(Error::new("repeat must be at least 1", ""));
        }
        let scaled = (config.rate_scale != 1.0)
            .then(|| format!("whole sessions were played {} times on average (rate_scale)", config.rate_scale));
        let feed = Feed::open(&config, luck)?;
        let note_assumed = matches!(config.sessions, Sessions::Assume(_));
        let loop_ = match config.timing {
            Timing::Recorded => Loop::Open(OpenLoop::new(config.session_idle)),
            Timing::Think => Loop::Closed(ClosedLoop::new(config.session_idle)),
        };
        let maker = Maker::new(config, luck, start);
        Ok(Self { feed, maker, loop_, note_assumed, scaled })
    }

    /// Assumptions and oddities of what was played so far, for reports.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.feed.notes();
        if self.note_assumed {
            let sessions = count(self.feed.assumed_sessions(), "session");
            notes.push(format!("{sessions} assumed for requests that have none"));
        }
        notes.extend(self.scaled.clone());
        notes.push(
            match self.maker.config.resample {
                Resample::Sessions => "whole sessions were drawn anew from the trace (resample: sessions)",
                Resample::Nothing => {
                    "given these arrivals: every replication plays the trace's requests at the same times; with \
                     resample: sessions it draws whole sessions anew, so that intervals cover the traffic as well"
                }
            }
            .to_owned(),
        );
        notes.extend(self.maker.notes());
        if let Loop::Closed(closed) = &self.loop_ {
            notes.extend(closed.notes());
        }
        notes
    }

    /// How many rows of the trace were read so far (over all rounds).
    pub fn rows_read(&self) -> u64 {
        self.feed.rows_read()
    }

    /// How many bad lines were left out so far.
    pub const fn skipped_lines(&self) -> u64 {
        self.feed.skipped_lines()
    }
}

impl Workload for ReplayWorkload {
    fn peek(&mut self) -> Result<Option<Time>, Error> {
        match &mut self.loop_ {
            Loop::Open(open) => open.peek(&mut self.feed, &mut self.maker),
            Loop::Closed(closed) => closed.peek(&mut self.feed, &mut self.maker),
        }
    }

    fn next(&mut self) -> Result<Option<Request>, Error> {
        match &mut self.loop_ {
            Loop::Open(open) => open.next(&mut self.feed, &mut self.maker),
            Loop::Closed(closed) => closed.next(&mut self.feed, &mut self.maker),
        }
    }

    fn ended(&mut self, request: &Request, ending: Ending) {
        let Some(session) = request.session else { return };
        match &mut self.loop_ {
            Loop::Open(open) => open.ended(session, ending.at, &mut self.maker),
            Loop::Closed(closed) => closed.ended(session, ending.at, &mut self.maker),
        }
    }

    fn retired(&mut self) -> Option<SessionRef> {
        self.maker.slots.retired()
    }

    fn model_name(&self, model: ModelId) -> &str {
        self.feed.names().model_name(model)
    }
}
