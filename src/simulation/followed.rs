//! A workload that continues unchanged until the sessions of the measured window are over (`measure.sessions: whole`).
//!
//! Sessions that are cut off at the end of a window look shorter and better than they are. So the traffic does not stop
//! at the horizon. It continues until every session that began in the window has sent its last turn. What arrives after
//! the horizon keeps the load on the pool as it was. The figures count only those of its turns that belong to the
//! followed sessions (`measure::Settings::horizon`).

use std::collections::BTreeSet;

use crate::ids::{ModelId, SessionRef};
use crate::units::Time;
use crate::workload::{Ending, Error, Request, Source, Workload};

/// A workload and the sessions that are followed; without a window it is the plain workload.
pub struct Followed {
    source: Source,
    window: Option<Window>,
}

/// The window: sessions whose first turn arrives between its ends are followed.
struct Window {
    from: Time,
    horizon: Time,
    /// The numbers of the followed sessions that are not over.
    open: BTreeSet<u64>,
    /// Whether all of them have begun and are over.
    done: bool,
}

impl Followed {
    /// The workload up to its own end or, if a window is given, until the sessions that begin in it are over.
    pub fn new(source: Source, window: Option<(Time, Time)>) -> Self {
        let window = window.map(|(from, horizon)| Window { from, horizon, open: BTreeSet::new(), done: false });
        Self { source, window }
    }

    /// What the workload assumed.
    pub fn notes(&self) -> Vec<String> {
        self.source.notes()
    }
}

impl Window {
    /// Whether requests that would arrive at this time are no longer needed.
    fn closes(&mut self, next: Time) -> bool {
        self.done |= next >= self.horizon && self.open.is_empty();
        self.done
    }

    /// A session that begins within the window is followed.
    fn took(&mut self, request: &Request) {
        if let Some(session) = request.session
            && request.turn == 0
            && (self.from..self.horizon).contains(&request.at)
        {
            self.open.insert(session.number);
        }
    }
}

impl Workload for Followed {
    #[inline]
    fn peek(&mut self) -> Result<Option<Time>, Error> {
        let next = self.source.peek()?;
        let Some(window) = &mut self.window else { return Ok(next) };
        Ok(next.filter(|&at| !window.closes(at)))
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Request>, Error> {
        if self.window.is_none() {
            return self.source.next();
        }
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let request = self.source.next()?;
        if let (Some(window), Some(request)) = (&mut self.window, &request) {
            window.took(request);
        }
        Ok(request)
    }

    #[inline]
    fn ended(&mut self, request: &Request, ending: Ending) {
        self.source.ended(request, ending);
    }

    #[inline]
    fn retired(&mut self) -> Option<SessionRef> {
        let session = self.source.retired()?;
        if let Some(window) = &mut self.window {
            window.open.remove(&session.number);
        }
        Some(session)
    }

    fn model_name(&self, model: ModelId) -> &str {
        self.source.model_name(model)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::engine::Luck;
    use crate::scenario::Document;
    use crate::simulation::{lower, simulate};

    /// Sessions of an hour and more, each turn of which is late with a probability of 1.8 %.
    const POOL: &str = "
warmup: 6h
measure: {slo_ttft: 6s}
accounts: [{count: 5, concurrency: 100, ttft: {lognormal: {p50: 1s, p90: 3s}}, decode: {time: {constant: 2s}}}]
workload:
  synth:
    sessions_per_hour: 60
    turns: {geometric: {mean: 40}}
    think_time: {lognormal: {p50: 60s, p90: 240s}}
    input_tokens: {start: {constant: 2000}, growth: {constant: 100}, compaction_probability: 0}
    output_tokens: {constant: 100}
";

    /// Means over replications of these figures.
    fn means<const N: usize>(duration: &str, sessions: &str, replications: u64, paths: [&str; N]) -> [f64; N] {
        let text =
            format!("duration: {duration}\n{}", POOL.replace("slo_ttft", &format!("sessions: {sessions}, slo_ttft")));
        let scenario =
            Document::parse(&text, Path::new("pool.yaml"), Path::new("")).unwrap().resolve(&[]).unwrap().scenario;
        let lowered = lower(&scenario).unwrap();
        let mut sums = [0.0; N];
        for replication in 0..replications {
            let run = simulate(&lowered, Luck::new(3).replication(replication).seed()).unwrap();
            for (sum, path) in sums.iter_mut().zip(paths) {
                *sum += run.results.figures.run.get(path).flatten().unwrap() / replications as f64;
            }
        }
        sums
    }

    const OF_SESSIONS: [&str; 3] = ["sessions.total", "sessions.turns", "sessions.over_slo_ratio"];

    #[test]
    fn whole_sessions_of_three_hours_have_the_turns_and_the_lateness_of_those_of_a_hundred() {
        let [whole, seen, long] =
            [("9h", "whole", 20), ("9h", "seen", 20), ("106h", "seen", 1)].map(|(d, s, r)| means(d, s, r, OF_SESSIONS));
        let turns = |of: [f64; 3]| of[1] / of[0];
        // some 3,600 and 6,000 sessions: standard errors of 2.1 % of the turns and of 0.010 of the share
        assert!((turns(whole) / turns(long) - 1.0).abs() < 0.065, "{whole:?} {long:?}");
        assert!((whole[2] - long[2]).abs() < 0.03, "{whole:?} {long:?}");
        // what cutting them does
        assert!(turns(seen) < 0.85 * turns(long) && seen[2] < long[2] - 0.04, "{seen:?} {long:?}");
    }

    #[test]
    fn following_sessions_changes_no_other_figure_where_nobody_waits() {
        let paths = [
            "requests.total",
            "requests.measured_s",
            "felt_ttft_ms.p99",
            "outcomes.goodput_per_s",
            "requests.unfinished",
        ];
        let (seen, whole) = (means("9h", "seen", 1, paths), means("9h", "whole", 1, paths));
        assert_eq!(seen, whole);
        assert_eq!(seen[1], 10_800.0);
    }
}
