//! Tail latency per session: what one user experienced, turn after turn.
//!
//! The TTFT of a turn is the felt one. A turn without a first token is worse than any turn with one, whatever the
//! cause: it is over the SLO and slow, and a session with such a turn ranks above all sessions without (see `tail`), in
//! its worst turn as in its mean. `answered_worst_ttft_ms` and `answered_mean_ttft_ms` cover the turns that were
//! answered.

use super::figures::{Figures, Row};
use super::histogram::Percentiles;
use super::nanos::{millis, secs};
use super::tail::Tail;
use super::{Finished, Observer, Settings};
use crate::ids::SessionRef;
use crate::units::{Span, Time};
use crate::workload::{Request, SessionHash};

/// The summary of one session, over its turns that arrived after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its number in the run.
    pub number: u64,
    /// The hash by which the gateway knew it.
    pub hash: SessionHash,
    /// Arrival of its first turn.
    pub first_arrival: Time,
    /// End of its last turn.
    pub last_end: Time,
    /// Turns with a first token.
    pub turns: u32,
    /// Turns without a first token.
    pub turns_without_token: u32,
    /// Sum of the TTFTs.
    pub ttft_sum: Span,
    /// The largest TTFT.
    pub worst_ttft: Span,
    /// The sum of the times that its turns without a first token lasted.
    pub lasted_sum: Span,
    /// The longest time that a turn without a first token lasted.
    pub longest_without_token: Span,
    /// Turns over the SLO, those without a first token included.
    pub turns_over_slo: u32,
    /// Slow turns, those without a first token included.
    pub slow_turns: u32,
    /// Turns with an escape.
    pub escaped_turns: u32,
    /// The largest number of slow turns in a row.
    pub longest_slow_row: u32,
    /// The longest time for which the session was stuck: from the arrival of the first slow turn of a row to the first
    /// token (or end) of the last.
    pub longest_stuck: Span,
    /// Whether it was stuck.
    pub stuck: bool,
}

impl Summary {
    const fn new(number: u64, hash: SessionHash, first_arrival: Time) -> Self {
        Self {
            number,
            hash,
            first_arrival,
            last_end: first_arrival,
            turns: 0,
            turns_without_token: 0,
            ttft_sum: Span::ZERO,
            worst_ttft: Span::ZERO,
            lasted_sum: Span::ZERO,
            longest_without_token: Span::ZERO,
            turns_over_slo: 0,
            slow_turns: 0,
            escaped_turns: 0,
            longest_slow_row: 0,
            longest_stuck: Span::ZERO,
            stuck: false,
        }
    }

    /// The mean TTFT of its turns with a first token, rounded down to a nanosecond; `None` if no turn had one.
    pub fn mean_ttft(&self) -> Option<Span> {
        (self.turns > 0).then(|| Span::from_nanos(self.ttft_sum.nanos() / u64::from(self.turns)))
    }

    /// Lower bounds of the worst and the mean wait of a session with turns without a first token.
    fn at_least(&self) -> (Span, Span) {
        let turns = u64::from(self.turns) + u64::from(self.turns_without_token);
        let sum = self.ttft_sum.nanos().saturating_add(self.lasted_sum.nanos());
        (self.worst_ttft.max(self.longest_without_token), Span::from_nanos(sum / turns.max(1)))
    }
}

/// One session under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    summary: Summary,
    row: u32,
    row_since: Time,
}

/// Keeps one entry for each live session and returns its summary when the session is over.
#[derive(Clone, Debug)]
pub struct Ledger {
    warmup_end: Time,
    slo: Span,
    slow: Span,
    stuck_turns: u32,
    /// If sessions are followed to their end: the window in which the first turn of such a session arrives.
    followed: Option<(Time, Time)>,
    open: Vec<Option<Open>>,
}

impl Ledger {
    /// The sessions of a run that has not begun.
    pub fn new(settings: &Settings) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            slo: settings.slo_ttft,
            slow: settings.slow_ttft,
            stuck_turns: settings.stuck_turns.max(1),
            followed: settings.whole_sessions.then_some((settings.warmup_end, settings.horizon)),
            open: Vec::new(),
        }
    }

    /// A request arrived. If sessions are followed, a first turn within the window opens its session.
    #[inline]
    pub fn arrived(&mut self, request: &Request) -> Option<Summary> {
        let (from, horizon) = self.followed?;
        let begins = request.turn == 0 && (from..horizon).contains(&request.at);
        let session = request.session.filter(|_| begins)?;
        self.entry(session, request).1
    }

    /// Enters a turn. Returns the session that used the same slot before, if its end was not reported.
    #[inline]
    pub fn turn(&mut self, finished: &Finished<'_>) -> Option<Summary> {
        let request = finished.request;
        let session = request.session.filter(|_| request.at >= self.warmup_end)?;
        let (slo, slow, stuck_turns) = (self.slo, self.slow, self.stuck_turns);
        if self.followed.is_some() {
            let entry = self.open.get_mut(session.slot as usize)?.as_mut();
            if let Some(open) = entry.filter(|open| open.summary.number == session.number) {
                open.turn(finished, slo, slow, stuck_turns);
            }
            return None;
        }
        let (open, stale) = self.entry(session, request);
        open.turn(finished, slo, slow, stuck_turns);
        stale
    }

    /// The entry of a session, and the other session that was in its slot.
    #[inline]
    fn entry(&mut self, session: SessionRef, request: &Request) -> (&mut Open, Option<Summary>) {
        let slot = session.slot as usize;
        if slot >= self.open.len() {
            self.open.resize(slot + 1, None);
        }
        let entry = &mut self.open[slot];
        let stale = entry.take_if(|open| open.summary.number != session.number);
        let open = entry.get_or_insert_with(|| Open {
            summary: Summary::new(session.number, request.session_hash, request.at),
            row: 0,
            row_since: request.at,
        });
        (open, stale.map(|open| open.summary))
    }

    /// Takes a session that is over, if one of its turns counted.
    #[inline]
    pub fn over(&mut self, session: SessionRef) -> Option<Summary> {
        let entry = self.open.get_mut(session.slot as usize)?;
        entry.take_if(|open| open.summary.number == session.number).map(|open| open.summary)
    }

    /// Removes the sessions that are under way, in the order of their slots.
    pub fn drain(&mut self) -> impl Iterator<Item = Summary> {
        std::mem::take(&mut self.open).into_iter().flatten().map(|open| open.summary)
    }
}

impl Open {
    #[inline]
    fn turn(&mut self, finished: &Finished<'_>, slo: Span, slow: Span, stuck_turns: u32) {
        let arrival = finished.request.at;
        let summary = &mut self.summary;
        summary.last_end = summary.last_end.max(finished.end);
        summary.first_arrival = summary.first_arrival.min(arrival);
        summary.escaped_turns += u32::from(finished.escape.is_some());
        let until = if let Some(token) = finished.first_token {
            let ttft = token.since(arrival);
            summary.turns += 1;
            summary.ttft_sum += ttft;
            summary.worst_ttft = summary.worst_ttft.max(ttft);
            summary.turns_over_slo += u32::from(ttft > slo);
            token
        } else {
            let lasted = finished.lasted();
            summary.turns_without_token += 1;
            summary.lasted_sum += lasted;
            summary.longest_without_token = summary.longest_without_token.max(lasted);
            summary.turns_over_slo += 1;
            finished.end
        };
        if finished.first_token.is_some() && until.since(arrival) <= slow {
            self.row = 0;
            return;
        }
        self.row_since = if self.row == 0 { arrival } else { self.row_since.min(arrival) };
        self.row += 1;
        summary.slow_turns += 1;
        summary.longest_slow_row = summary.longest_slow_row.max(self.row);
        if self.row >= stuck_turns {
            summary.stuck = true;
            summary.longest_stuck = summary.longest_stuck.max(until.since(self.row_since));
        }
    }
}

/// Figures over sessions. Depending on `measure.sessions`, they cover the sessions that had a turn in the measured
/// time, cut off at its ends, or those that began in it, as a whole.
#[derive(Clone, Debug)]
pub struct Sessions {
    ledger: Ledger,
    total: u64,
    turns: u64,
    turns_without_token: u64,
    with_turn_without_token: u64,
    worst: Tail,
    mean: Tail,
    answered_worst: Percentiles,
    answered_mean: Percentiles,
    over_slo: u64,
    stuck: u64,
    longest_stuck: Span,
}

impl Sessions {
    /// The sessions of a run that has not begun.
    pub fn new(settings: &Settings) -> Self {
        Self {
            ledger: Ledger::new(settings),
            total: 0,
            turns: 0,
            turns_without_token: 0,
            with_turn_without_token: 0,
            worst: Tail::new(),
            mean: Tail::new(),
            answered_worst: Percentiles::new(),
            answered_mean: Percentiles::new(),
            over_slo: 0,
            stuck: 0,
            longest_stuck: Span::ZERO,
        }
    }

    /// The number of sessions with a turn that counts.
    pub const fn total(&self) -> u64 {
        self.total
    }

    fn enter(&mut self, summary: &Summary) {
        self.total += 1;
        self.turns += u64::from(summary.turns);
        self.turns_without_token += u64::from(summary.turns_without_token);
        self.with_turn_without_token += u64::from(summary.turns_without_token > 0);
        let answered = summary.mean_ttft();
        if let Some(mean) = answered {
            self.answered_mean.record_span(mean);
            self.answered_worst.record_span(summary.worst_ttft);
        }
        match answered.filter(|_| summary.turns_without_token == 0) {
            Some(mean) => {
                self.mean.record(mean);
                self.worst.record(summary.worst_ttft);
            }
            None => {
                let (worst, mean) = summary.at_least();
                self.mean.record_without(mean);
                self.worst.record_without(worst);
            }
        }
        self.over_slo += u64::from(summary.turns_over_slo > 0);
        self.stuck += u64::from(summary.stuck);
        self.longest_stuck = self.longest_stuck.max(summary.longest_stuck);
    }

    /// Puts the figures of group `sessions`.
    pub fn put(&mut self, figures: &mut Figures) {
        let run = &mut figures.run;
        run.count("sessions.total", self.total);
        run.count("sessions.turns", self.turns);
        run.count("sessions.turns_without_token", self.turns_without_token);
        run.count("sessions.with_turn_without_token", self.with_turn_without_token);
        for (name, tail) in [("worst_ttft_ms", &mut self.worst), ("mean_ttft_ms", &mut self.mean)] {
            put(run, name, tail.mean(), |p| tail.quantile(p));
        }
        for (name, times) in
            [("answered_worst_ttft_ms", &mut self.answered_worst), ("answered_mean_ttft_ms", &mut self.answered_mean)]
        {
            put(run, name, times.mean().map(millis), |p| times.quantile(p).map(millis));
        }
        run.count("sessions.over_slo", self.over_slo);
        run.ratio("sessions.over_slo_ratio", self.over_slo, self.total);
        run.count("sessions.stuck", self.stuck);
        run.ratio("sessions.stuck_ratio", self.stuck, self.total);
        run.put("sessions.longest_stuck_s", (self.total > 0).then(|| secs(self.longest_stuck.nanos() as f64)));
    }
}

/// The figures of one tail over sessions.
fn put(run: &mut Row, name: &str, mean: Option<f64>, mut quantile: impl FnMut(f64) -> Option<f64>) {
    run.put(&format!("sessions.{name}.mean"), mean);
    for (field, p) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
        run.put(&format!("sessions.{name}.{field}"), quantile(p));
    }
}

impl Observer for Sessions {
    #[inline]
    fn arrived(&mut self, _now: Time, _number: u64, request: &Request) {
        if let Some(stale) = self.ledger.arrived(request) {
            self.enter(&stale);
        }
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if let Some(stale) = self.ledger.turn(finished) {
            self.enter(&stale);
        }
    }

    #[inline]
    fn session_over(&mut self, _now: Time, session: SessionRef) {
        if let Some(summary) = self.ledger.over(session) {
            self.enter(&summary);
        }
    }

    fn run_over(&mut self, _now: Time) {
        let left: Vec<_> = self.ledger.drain().collect();
        left.iter().for_each(|summary| self.enter(summary));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::no_token;
    use crate::measure::testing::{Turn, at};

    fn sessions() -> Sessions {
        Sessions::new(&Settings {
            warmup_end: at(1_000),
            slo_ttft: Span::from_secs(2),
            slow_ttft: Span::from_secs(5),
            stuck_turns: 3,
            ..Settings::default()
        })
    }

    fn figures(sessions: &mut Sessions) -> impl Fn(&str) -> Option<f64> {
        sessions.run_over(at(1_000_000));
        let mut figures = Figures::new();
        sessions.put(&mut figures);
        move |path| figures.run.get(&format!("sessions.{path}")).flatten()
    }

    #[test]
    fn worst_and_mean_are_per_session_and_warm_up_turns_do_not_count() {
        let mut seen = sessions();
        Turn::at(0).of(0, 7).ttft(90_000).tell(&mut seen);
        for (ms, slot, ttft) in [(2_000, 0, 1_000), (3_000, 1, 100), (9_000, 0, 3_000), (10_000, 1, 300)] {
            Turn::at(ms).of(slot, 7 + u64::from(slot)).ttft(ttft).tell(&mut seen);
        }
        Turn::at(20_000).tell(&mut seen); // belongs to no session
        let value = figures(&mut seen);
        assert_eq!((value("total"), value("turns")), (Some(2.0), Some(4.0)));
        assert_eq!((value("worst_ttft_ms.p50"), value("worst_ttft_ms.max")), (Some(1_650.0), Some(3_000.0)));
        assert_eq!((value("mean_ttft_ms.p50"), value("mean_ttft_ms.max")), (Some(1_100.0), Some(2_000.0)));
        assert_eq!((value("over_slo"), value("over_slo_ratio"), value("stuck")), (Some(1.0), Some(0.5), Some(0.0)));
    }

    #[test]
    fn three_slow_turns_in_a_row_are_stuck_and_a_fast_one_ends_the_row() {
        let mut seen = sessions();
        for (slot, ttfts) in [(0, [6, 6, 1, 6, 6]), (1, [6, 1, 6, 7, 8])] {
            for (turn, secs) in ttfts.into_iter().enumerate() {
                Turn::at(10_000 * (turn as u64 + 1)).of(slot, 3).ttft(secs * 1_000).tell(&mut seen);
            }
        }
        let value = figures(&mut seen);
        assert_eq!(value("stuck"), Some(1.0));
        // arrival at 30 s, first token of the last at 50 s + 8 s
        assert_eq!(value("longest_stuck_s"), Some(28.0));
    }

    #[test]
    fn turns_without_a_token_are_slow_over_the_slo_and_the_worst_however_short() {
        let mut seen = sessions();
        Turn::at(10_000).of(0, 1).ttft(6_000).tell(&mut seen);
        Turn::at(20_000).of(0, 1).without_token(9_000).tell(&mut seen);
        Turn::at(40_000).of(0, 1).without_token(10).tell(&mut seen);
        Turn::at(50_000).of(1, 2).without_token(9_000).tell(&mut seen);
        Turn::at(60_000).of(2, 3).ttft(1_000).tell(&mut seen);
        let value = figures(&mut seen);
        assert_eq!((value("total"), value("stuck"), value("over_slo")), (Some(3.0), Some(1.0), Some(2.0)));
        assert_eq!((value("turns"), value("turns_without_token")), (Some(2.0), Some(3.0)));
        assert_eq!(value("with_turn_without_token"), Some(2.0));
        // arrival at 10 s, the end of the last at 40.01 s
        assert_eq!(value("longest_stuck_s"), Some(30.01));
        assert_eq!(value("worst_ttft_ms.p50"), Some(no_token::score(2.0 / 3.0)));
        assert_eq!(value("answered_worst_ttft_ms.p50"), Some(3_500.0));
        // at least 9 s, twice, beside 1 s: two thirds of the sessions wait on from 1 to 9 s
        let restricted = value("worst_ttft_ms.mean").unwrap();
        assert!((restricted - (1_000.0 + 2.0 / 3.0 * 8_000.0)).abs() < 1e-6, "{restricted}");
        assert_eq!(value("answered_mean_ttft_ms.max"), Some(6_000.0));
    }

    #[test]
    fn a_slot_used_again_is_another_session() {
        let mut seen = sessions();
        Turn::at(10_000).of(0, 1).ttft(1_000).tell(&mut seen);
        seen.session_over(at(20_000), SessionRef { slot: 0, number: 99 }); // not that one
        seen.session_over(at(20_000), SessionRef { slot: 0, number: 1 });
        Turn::at(30_000).of(0, 2).ttft(3_000).tell(&mut seen);
        Turn::at(40_000).of(0, 3).ttft(5_000).tell(&mut seen); // nobody said that 2 was over
        let value = figures(&mut seen);
        assert_eq!((value("total"), value("worst_ttft_ms.p50")), (Some(3.0), Some(3_000.0)));
    }

    #[test]
    fn whole_sessions_are_those_that_begin_in_the_window_with_all_their_turns() {
        let window = Settings { horizon: at(5_000), whole_sessions: true, ..Settings::default() };
        let mut seen = Sessions::new(&Settings { warmup_end: at(1_000), ..window });
        let mut play =
            |ms: u64, slot: u32, turn: u32| Turn::at(ms).of(slot, u64::from(slot)).turn(turn).tell(&mut seen);
        play(500, 0, 0); // began in the warm-up
        play(2_000, 0, 1);
        play(2_000, 1, 0);
        play(9_000, 1, 1);
        play(3_000, 2, 4); // began before the run did
        play(6_000, 3, 0); // begins after the horizon
        let value = figures(&mut seen);
        assert_eq!((value("total"), value("turns")), (Some(1.0), Some(2.0)));
    }
}
