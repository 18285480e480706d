//! The stationary state of a synthetic workload: what is under way when a run begins.
//!
//! Sessions arrive as a Poisson process, and each passes through its turns: a turn is served, then its client thinks.
//! So every stage (i turns sent, the next one still to come) is the station of a queueing network without queues, and
//! at time 0 the numbers of sessions in all stages are independent Poisson numbers (the M/G/infinity network: Kingman,
//! Poisson processes, 1993, chapter 6). Their means are rate x P(turns > i) x E[service + think]. Nothing of the past
//! has to be simulated: a session under way gets its stage by these weights, its number of turns by what is left of the
//! distribution beyond the stage, and its next turn the residual of a span that is weighted by its length.
//!
//! Under a profile the past had other rates. There a session's age is drawn stage by stage, and the session is kept
//! with the probability that the profile's factor had when it arrived (thinning, exact as well). Other arrivals than
//! Poisson have the same means; how much the number of sessions varies from run to run is then an approximation.
//!
//! The mean service time is known in an open loop and an estimate in a closed one (simulation/lower/service.rs).

use super::arrivals::{factor_at, largest_factor, mean_factor};
use crate::engine::{Distribution, Stream};
use crate::units::Span;
use crate::workload::config::{Profile, Start, SynthConfig, SynthTiming};

/// Turns beyond which a distribution of turns is cut for the stationary state.
const MOST_STAGES: usize = 1 << 20;
/// A stage that so small a share of sessions reaches is the last one that counts.
const RARE: f64 = 1e-9;

/// What is to be expected of a workload in its stationary state, at the mean rate of its profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Sessions under way at a moment.
    pub sessions: f64,
    /// Mean length of a session in seconds, from its first arrival to the end of its last turn.
    pub session_s: f64,
    /// Turns of a session.
    pub turns: f64,
    /// Requests per second.
    pub requests_per_s: f64,
    /// Mean service time of a request in seconds, given or estimated.
    pub service_s: f64,
    /// Requests under way at a moment.
    pub busy: f64,
    /// Mean input of a request in tokens; a limit on the input is not part of it.
    pub input_tokens: f64,
    /// Mean place of a request in its session, from 0.
    pub turn: f64,
}

/// The stationary state that a workload starts in.
#[derive(Clone, Debug)]
pub(super) struct Equilibrium {
    /// P(turns > i) for i = 0, 1, 2...; starts with 1 and falls.
    reach: Vec<f64>,
    /// Sums of `reach[1..]` up to each stage.
    stages: Vec<f64>,
    think: Distribution,
    think_under_way: Distribution,
    service_s: f64,
    service_share: f64,
    /// Sessions that are under way at the profile's largest factor and will send again.
    candidates: f64,
    profile: Profile,
}

/// A session under way at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnderWay {
    /// Turns that it has sent, at least 1.
    pub(super) sent: u32,
    /// Turns that it will have sent in the end, more than `sent`.
    pub(super) turns: u32,
    /// When its next turn arrives.
    pub(super) next: Span,
}

/// Seconds of service of a request: its own in an open loop, otherwise the estimate.
fn mean_service_s(config: &SynthConfig, estimate: f64) -> f64 {
    match &config.timing {
        SynthTiming::Open { service_s } => service_s.mean(),
        SynthTiming::Closed => estimate,
    }
}

/// P(turns > i), as turns are rounded and at least 1.
fn reach(turns: &Distribution) -> Vec<f64> {
    let mut reach = vec![1.0];
    while reach.len() < MOST_STAGES {
        let beyond = 1.0 - turns.cdf((reach.len() as f64 + 0.5).next_down());
        if beyond <= RARE {
            break;
        }
        reach.push(beyond);
    }
    reach
}

impl Equilibrium {
    /// The stationary state of these settings; `None` where sessions start empty.
    pub(super) fn of(config: &SynthConfig) -> Option<Self> {
        let Start::Equilibrium { service_s } = config.start else { return None };
        let service_s = mean_service_s(config, service_s);
        let reach = reach(&config.turns);
        let mut sum = 0.0;
        let stages: Vec<f64> = reach[1..]
            .iter()
            .map(|reach| {
                sum += reach;
                sum
            })
            .collect();
        let cycle_s = service_s + config.think_s.mean();
        let rate = config.arrivals.rate_per_s * largest_factor(&config.arrivals.profile);
        Some(Self {
            candidates: if cycle_s.is_finite() { rate * sum * cycle_s } else { 0.0 },
            think_under_way: config.think_s.length_biased(),
            think: config.think_s.clone(),
            service_share: if cycle_s > 0.0 { service_s / cycle_s } else { 0.0 },
            service_s,
            profile: config.arrivals.profile.clone(),
            reach,
            stages,
        })
    }

    /// Whether one more session is under way; `place` counts from 0 to 1 over all that may be.
    pub(super) fn one_more(&self, place: &mut f64, stream: &mut Stream) -> bool {
        if self.candidates <= 0.0 {
            return false;
        }
        *place -= libm::log(stream.open01()) / self.candidates;
        *place < 1.0
    }

    /// A session under way; `None` where the profile had fewer arrivals when it would have begun. Takes a number of
    /// words that depends on the stage.
    pub(super) fn draw(&self, stream: &mut Stream) -> Option<UnderWay> {
        let total = self.stages.last().copied().unwrap_or(0.0);
        let place = stream.open01() * total;
        let stage = self.stages.partition_point(|&sum| sum <= place).min(self.stages.len().saturating_sub(1)) + 1;
        // turns, given that there are more than `stage`
        let left = stream.open01() * self.reach.get(stage).copied().unwrap_or(0.0);
        let turns = self.reach.partition_point(|&reach| reach > left).max(stage + 1);
        let served = stream.chance(self.service_share);
        let inside = stream.open01();
        let think = stream.open01();
        let (since_s, next_s) = if served {
            ((1.0 - inside) * self.service_s, inside * self.service_s + self.think.draw(think))
        } else {
            let think = self.think_under_way.draw(think);
            ((1.0 - inside) * think + self.service_s, inside * think)
        };
        if self.profile != Profile::Flat {
            let earlier: f64 = (1..stage).map(|_| self.service_s + self.think.sample(stream)).sum();
            let then = factor_at(&self.profile, -(earlier + since_s));
            if !stream.chance(then / largest_factor(&self.profile)) {
                return None;
            }
        }
        Some(UnderWay { sent: stage as u32, turns: turns as u32, next: Span::from_secs_f64(next_s) })
    }
}

impl SynthConfig {
    /// What is to be expected of this workload in its stationary state. `service_s` is the mean service time of a
    /// closed loop in seconds; an open loop brings its own.
    pub fn expected(&self, service_s: f64) -> Expected {
        let service_s = mean_service_s(self, service_s);
        let reach = reach(&self.turns);
        let turns: f64 = reach.iter().sum();
        let rate = self.arrivals.rate_per_s * mean_factor(&self.arrivals.profile);
        let session_s = turns * service_s + (turns - 1.0) * self.think_s.mean();
        let left = 1.0 - self.input.compaction_probability * (1.0 - self.input.compaction_factor);
        let growth = self.input.growth_tokens.mean().max(0.0);
        let (mut input, mut inputs, mut places) = (self.input.start_tokens.mean(), 0.0, 0.0);
        for (place, reach) in reach.iter().enumerate() {
            if place > 0 {
                input = (input + growth) * left;
            }
            inputs += reach * input;
            places += reach * place as f64;
        }
        Expected {
            sessions: rate * session_s,
            session_s,
            turns,
            requests_per_s: rate * turns,
            service_s,
            busy: rate * turns * service_s,
            input_tokens: inputs / turns,
            turn: places / turns,
        }
    }
}
