//! The accounts' state over time, on a grid of bounded size.
//!
//! The state is sampled at equal steps. When the grid is full, every second point is dropped and the step is doubled,
//! so a run of any length has at most `MAX_POINTS` points at equal distances. A point shows the state just before
//! anything happens at its instant. With several replicas, the averages are those after the latest report, whichever
//! replica it went to.

use super::{Observer, Reported, Settings, StateChange};
use crate::ids::AccountIx;
use crate::units::{Span, Time};
use crate::upstream::HealthChange;

/// The most points that a series has.
pub const MAX_POINTS: usize = 512;

/// The state of an account at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// TTFT EWMA in ms, once there is one.
    pub ewma_ttft_ms: Option<f64>,
    /// Error-rate EWMA.
    pub ewma_error_rate: f64,
    /// Slots taken (always 0 on accounts without a limit).
    pub held: u32,
    /// Requests that wait for it.
    pub waiting: u32,
    /// How many conditions degrade it (ground truth).
    pub conditions: u32,
    /// Whether an upstream status keeps it unschedulable or blocked.
    pub blocked: bool,
    /// Whether it is on the list of candidates.
    pub listed: bool,
}

/// The current state of an account.
#[derive(Clone, Copy, Debug)]
struct Present {
    sample: Sample,
    blocked_until: Time,
}

/// The samples of all accounts.
#[derive(Clone, Debug)]
pub struct Series {
    start: Time,
    step: Span,
    next: Time,
    now: Vec<Present>,
    /// All accounts of the first point, then all of the second, and so on.
    samples: Vec<Sample>,
}

impl Series {
    /// Begins at the run's start with a step of 1 s.
    pub fn new(settings: &Settings, accounts: usize) -> Self {
        let sample = Sample {
            ewma_ttft_ms: None,
            ewma_error_rate: 0.0,
            held: 0,
            waiting: 0,
            conditions: 0,
            blocked: false,
            listed: true,
        };
        Self {
            start: settings.start,
            step: Span::SECOND,
            next: settings.start,
            now: vec![Present { sample, blocked_until: Time::ZERO }; accounts],
            samples: Vec::new(),
        }
    }

    /// When the run started: the first point's time.
    pub const fn start(&self) -> Time {
        self.start
    }

    /// The distance between points.
    pub const fn step(&self) -> Span {
        self.step
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.samples.len().checked_div(self.now.len()).unwrap_or(0)
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// All accounts at a point, in order; none past the last point.
    pub fn point(&self, point: usize) -> &[Sample] {
        let accounts = self.now.len();
        self.samples.get(point * accounts..(point + 1) * accounts).unwrap_or(&[])
    }

    /// The points with their distance from the start, in order.
    pub fn points(&self) -> impl Iterator<Item = (Span, &[Sample])> {
        let at = |point: usize| Span::from_nanos(self.step.nanos().saturating_mul(point as u64));
        (0..self.len()).map(move |point| (at(point), self.point(point)))
    }

    #[inline]
    fn catch_up(&mut self, now: Time) {
        while self.next <= now && !self.now.is_empty() {
            self.sample();
        }
    }

    #[cold]
    fn sample(&mut self) {
        let at = self.next;
        self.samples.extend(self.now.iter().map(|now| Sample { blocked: at < now.blocked_until, ..now.sample }));
        if self.len() == MAX_POINTS {
            let accounts = self.now.len();
            let mut place = 0;
            self.samples.retain(|_| {
                place += 1;
                ((place - 1) / accounts).is_multiple_of(2)
            });
            self.step += self.step;
        }
        let points = self.len() as u64;
        self.next = self.start + Span::from_nanos(self.step.nanos().saturating_mul(points));
    }

    #[inline]
    fn account(&mut self, now: Time, account: AccountIx) -> &mut Present {
        self.catch_up(now);
        &mut self.now[account.at()]
    }
}

impl Observer for Series {
    #[inline]
    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.account(now, account).sample.held = held;
    }

    fn waiting(&mut self, now: Time, account: AccountIx, waiting: u32) {
        self.account(now, account).sample.waiting = waiting;
    }

    #[inline]
    fn reported(&mut self, report: &Reported) {
        let sample = &mut self.account(report.now, report.account).sample;
        sample.ewma_ttft_ms = report.health.ttft_ms.or(sample.ewma_ttft_ms);
        sample.ewma_error_rate = report.health.error_rate;
    }

    fn state_changed(&mut self, change: &StateChange) {
        let until = change.unschedulable_until.max(change.blocked_until);
        self.account(change.now, change.account).blocked_until = until;
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        self.catch_up(now);
        for (account, &listed) in self.now.iter_mut().zip(listed) {
            account.sample.listed = listed;
        }
    }

    fn health_changed(&mut self, change: &HealthChange) {
        let conditions = &mut self.account(change.at, change.account).sample.conditions;
        *conditions = if change.degraded { *conditions + 1 } else { conditions.saturating_sub(1) };
    }

    fn run_over(&mut self, now: Time) {
        self.catch_up(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::testing::{at, health};

    #[test]
    fn a_point_shows_the_state_that_its_instant_found() {
        let mut seen = Series::new(&Settings { start: at(1_000), ..Settings::default() }, 2);
        seen.slots(at(1_500), AccountIx(1), 3);
        seen.slots(at(3_000), AccountIx(1), 5);
        health(&mut seen, 3_500, 0, 0, true);
        seen.run_over(at(5_999));
        let held: Vec<_> =
            seen.points().map(|(after, all)| (after.whole_millis(), all[1].held, all[0].conditions)).collect();
        assert_eq!(held, [(0, 0, 0), (1_000, 3, 0), (2_000, 3, 0), (3_000, 5, 1), (4_000, 5, 1)]);
    }

    #[test]
    fn the_grid_thins_out_and_stays_even() {
        let mut seen = Series::new(&Settings::default(), 3);
        for second in 0..100_000_u32 {
            seen.waiting(at(u64::from(second) * 1_000 + 1), AccountIx(2), second + 1);
        }
        seen.run_over(at(100_000_000));
        assert!(seen.len() < MAX_POINTS && seen.len() >= MAX_POINTS / 2, "{}", seen.len());
        for (after, all) in seen.points() {
            assert_eq!(all[2].waiting, after.secs() as u32, "the state at the point itself, not near it");
        }
        let last = seen.points().last().map(|(after, _)| after);
        assert!(last.is_some_and(|last| last + seen.step() > Span::from_secs(100_000)));
    }

    #[test]
    fn a_block_ends_between_events() {
        let mut seen = Series::new(&Settings::default(), 1);
        seen.state_changed(&StateChange {
            now: at(500),
            replica: 0,
            account: AccountIx(0),
            status: 429,
            unschedulable_until: at(2_000),
            blocked_until: at(2_000),
        });
        seen.run_over(at(3_000));
        assert_eq!(seen.points().map(|(_, all)| all[0].blocked).collect::<Vec<_>>(), [false, true, false, false]);
    }
}
