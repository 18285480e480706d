//! One account's part of a recording.

use super::grid::{Grid, Joins};
use crate::report::chart::{self, AccountTrack, Counted, Escapes};
use crate::scheduler::EscapeReason;
use crate::units::{Span, Time};

/// Up to so many attempts are kept one by one.
const EACH: usize = 3_000;
/// Steps of TTFT, evenly on a logarithmic scale: 9 a factor of ten, from 1 ms to 10,000 s.
const LEVELS: usize = 63;
const PER_TEN: f64 = 9.0;

/// Stretches of averages: fine enough that zooming shows more.
const FINE: usize = 1_440;

/// What happened on one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    attempts: u64,
    /// (time after the start, TTFT in ms), until there are too many.
    each: Vec<(f32, f32)>,
    counted: Option<Grid<Levels>>,
    ewma: Grid<Envelope, FINE>,
    escapes: Grid<[u64; 3]>,
    escaped: u64,
    conditions: u32,
    degraded: Spans,
    off_list: Spans,
    blocked: Vec<(Time, Time)>,
}

/// Stretches between an on and an off.
#[derive(Clone, Debug, Default)]
struct Spans {
    open: Option<Time>,
    done: Vec<(Time, Time)>,
}

impl Spans {
    fn set(&mut self, now: Time, on: bool) {
        match (on, self.open) {
            (true, None) => self.open = Some(now),
            (false, Some(since)) => {
                self.open = None;
                if since < now {
                    self.done.push((since, now));
                }
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

/// A curve within a stretch of time; `first` is NaN where there was none.
#[derive(Clone, Debug)]
struct Envelope {
    first: f64,
    low: f64,
    high: f64,
    last: f64,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { first: f64::NAN, low: f64::NAN, high: f64::NAN, last: f64::NAN }
    }
}

impl Joins for Envelope {
    fn join(&mut self, later: &Self) {
        if self.first.is_nan() {
            *self = later.clone();
        } else if !later.first.is_nan() {
            self.low = self.low.min(later.low);
            self.high = self.high.max(later.high);
            self.last = later.last;
        }
    }
}

/// How many attempts had a TTFT of each step.
#[derive(Clone, Debug)]
struct Levels([u32; LEVELS]);

impl Default for Levels {
    fn default() -> Self {
        Self([0; LEVELS])
    }
}

impl Joins for Levels {
    fn join(&mut self, later: &Self) {
        self.0.iter_mut().zip(&later.0).for_each(|(count, more)| *count = count.saturating_add(*more));
    }
}

impl Account {
    /// An attempt had its first token; `counts`: its request arrived after the warm-up.
    pub fn attempt(&mut self, after: Span, ttft_ms: f64, counts: bool) {
        self.attempts += u64::from(counts);
        match &mut self.counted {
            Some(counted) => counted.at(after).0[level(ttft_ms)] += 1,
            None if self.each.len() < EACH => self.each.push((after.secs() as f32, ttft_ms as f32)),
            None => {
                let mut counted = Grid::<Levels>::default();
                for (secs, ms) in std::mem::take(&mut self.each) {
                    counted.at(Span::from_secs_f64(f64::from(secs))).0[level(f64::from(ms))] += 1;
                }
                counted.at(after).0[level(ttft_ms)] += 1;
                self.counted = Some(counted);
            }
        }
    }

    pub fn average(&mut self, after: Span, ewma_ms: f64) {
        let now = Envelope { first: ewma_ms, low: ewma_ms, high: ewma_ms, last: ewma_ms };
        self.ewma.at(after).join(&now);
    }

    /// A session escaped from it; `counts`: the request arrived after the warm-up.
    pub fn escape(&mut self, after: Span, reason: EscapeReason, counts: bool) {
        self.escaped += u64::from(counts);
        let place = EscapeReason::ALL.iter().position(|other| *other == reason).unwrap_or(0);
        self.escapes.at(after)[place] += 1;
    }

    pub fn health(&mut self, now: Time, degraded: bool) {
        self.conditions = if degraded { self.conditions + 1 } else { self.conditions.saturating_sub(1) };
        self.degraded.set(now, self.conditions > 0);
    }

    pub fn listed(&mut self, now: Time, listed: bool) {
        self.off_list.set(now, !listed);
    }

    /// Blocks that follow on each other are one.
    pub fn block(&mut self, now: Time, until: Time) {
        match self.blocked.last_mut() {
            Some(last) if last.1 >= now => last.1 = last.1.max(until),
            _ if until > now => self.blocked.push((now, until)),
            _ => {}
        }
    }

    /// As the timeline wants it.
    pub fn track(&self, name: String, start: Time, end: Time) -> AccountTrack {
        let stretch = |&(from, to): &(Time, Time)| chart::Span {
            from: from.since(start).secs(),
            to: to.min(end).since(start).secs(),
        };
        let stretches = |spans: &Spans| -> Vec<(Time, Time)> {
            spans.done.iter().copied().chain(spans.open.map(|since| (since, end))).collect()
        };
        let off = stretches(&self.off_list);
        AccountTrack {
            name,
            attempts: self.attempts,
            escaped: self.escaped,
            ttft_ms: self.each.iter().map(|&(at, ms)| (f64::from(at), f64::from(ms))).collect(),
            counted: self.counted.as_ref().map(counted).unwrap_or_default(),
            ewma_ms: self.ewma_points(),
            ewma_band: self.ewma_band(),
            degraded: stretches(&self.degraded).iter().map(stretch).collect(),
            blocked: self.blocked.iter().map(stretch).collect(),
            away: without(&off, &self.blocked).iter().map(stretch).collect(),
            escapes: self.escapes(),
        }
    }

    /// The last value of each stretch, at its end.
    fn ewma_points(&self) -> Vec<(f64, f64)> {
        self.ewma.iter().filter(|part| !part.2.first.is_nan()).map(|(_, to, part)| (to, part.last)).collect()
    }

    /// Between which values it was in each stretch.
    fn ewma_band(&self) -> Vec<(f64, f64, f64)> {
        let known = self.ewma.iter().filter(|part| !part.2.first.is_nan());
        known.flat_map(|(from, to, part)| [(from, part.low, part.high), (to, part.low, part.high)]).collect()
    }

    fn escapes(&self) -> Vec<Escapes> {
        let mut out = Vec::new();
        for (from, to, counts) in self.escapes.iter() {
            for (reason, &count) in EscapeReason::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
                out.push(Escapes { at_s: (from + to) / 2.0, reason: reason.name().to_owned(), count });
            }
        }
        out
    }
}

/// The step of a TTFT.
fn level(ms: f64) -> usize {
    // log10 of what is not positive is no number or minus infinity: the lowest step
    ((libm::log10(ms) * PER_TEN) as usize).min(LEVELS - 1)
}

fn counted(grid: &Grid<Levels>) -> Vec<Counted> {
    let edge = |level: usize| libm::pow(10.0, level as f64 / PER_TEN);
    let edges: Vec<f64> = (0..=LEVELS).map(edge).collect();
    let mut out = Vec::new();
    // Pictures are not so wide that every stretch would show.
    let stretches: Vec<(f64, f64, &Levels)> = grid.iter().collect();
    for pair in stretches.chunks(2) {
        let [(from, mut to, first), ..] = *pair else { continue };
        let mut counts = first.clone();
        if let Some((_, end, second)) = pair.get(1) {
            counts.join(second);
            to = *end;
        }
        for (level, &count) in counts.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            let ttft_ms = (edges[level], edges[level + 1]);
            out.push(Counted { span: chart::Span { from, to }, ttft_ms, count: u64::from(count) });
        }
    }
    out
}

/// What of `spans` lies in none of `others`; both in order.
fn without(spans: &[(Time, Time)], others: &[(Time, Time)]) -> Vec<(Time, Time)> {
    let mut out = Vec::new();
    for &(from, to) in spans {
        let mut left = from;
        for &(start, end) in others {
            if end <= left || start >= to {
                continue;
            }
            if start > left {
                out.push((left, start));
            }
            left = end;
        }
        if left < to {
            out.push((left, to));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::at;

    #[test]
    fn an_account_is_away_from_the_end_of_its_block_until_it_is_listed_again() {
        let mut account = Account::default();
        account.listed(at(0), true);
        account.block(at(1_000), at(5_000));
        account.listed(at(2_000), false);
        account.block(at(4_000), at(6_000));
        account.listed(at(9_000), true);
        let track = account.track("a".into(), at(0), at(10_000));
        assert_eq!(track.blocked, [chart::Span { from: 1.0, to: 6.0 }]);
        assert_eq!(track.away, [chart::Span { from: 6.0, to: 9.0 }]);
    }

    #[test]
    fn conditions_that_overlap_are_one_span_and_end_with_the_run() {
        let mut account = Account::default();
        for (ms, degraded) in [(1_000, true), (2_000, true), (3_000, false), (4_000, false), (8_000, true)] {
            account.health(at(ms), degraded);
        }
        let track = account.track("a".into(), at(0), at(10_000));
        assert_eq!(track.degraded, [chart::Span { from: 1.0, to: 4.0 }, chart::Span { from: 8.0, to: 10.0 }]);
    }

    #[test]
    fn many_attempts_are_counted_and_none_is_lost() {
        let mut account = Account::default();
        for i in 0..20_000_u64 {
            account.attempt(Span::from_millis(i * 100), 100.0 + (i % 7) as f64 * 1_000.0, true);
        }
        let track = account.track("a".into(), at(0), at(2_000_000));
        assert!(track.ttft_ms.is_empty());
        assert_eq!(track.counted.iter().map(|counted| counted.count).sum::<u64>(), 20_000);
        assert!(track.counted.iter().all(|c| c.ttft_ms.0 <= 6_100.0 && c.ttft_ms.1 >= 100.0));
    }

    #[test]
    fn an_average_keeps_its_extremes() {
        let mut account = Account::default();
        for i in 0..100_000_u64 {
            account.average(Span::from_millis(i * 10), if i == 77_777 { 9_000.0 } else { 1_000.0 });
        }
        let (points, band) = (account.ewma_points(), account.ewma_band());
        assert!(points.len() <= FINE && band.len() == 2 * points.len());
        assert!(points.iter().all(|point| point.1 < 9_000.0), "an extreme that is over is in the band alone");
        assert!(band.iter().any(|part| part.2 == 9_000.0));
    }
}
