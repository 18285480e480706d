//! When sessions arrive: a renewal process of mean-one gaps, spent at the rate that the profile gives at each moment
//! (time change: exact for every profile, as the profile is piecewise constant).

use crate::engine::{Distribution, Luck, Stream};
use crate::units::Span;
use crate::workload::Error;
use crate::workload::config::{ArrivalProcess, Arrivals, Profile};
use crate::workload::purpose;

/// The arrival times of sessions, as spans from the start.
#[derive(Clone, Debug)]
pub(super) struct ArrivalClock {
    gaps: Gaps,
    rate: f64,
    profile: Profile,
    stream: Stream,
    now_s: f64,
    /// The gap before the first arrival, where it is not like the others.
    first: Option<f64>,
}

#[derive(Clone, Debug)]
enum Gaps {
    Even,
    Drawn(Distribution),
}

impl ArrivalClock {
    /// With `stationary` the first gap is the rest of one that was under way before the start.
    pub(super) fn new(arrivals: &Arrivals, luck: Luck, stationary: bool) -> Result<Self, Error> {
        if !(arrivals.rate_per_s > 0.0 && arrivals.rate_per_s.is_finite()) {
            return Err(wrong("the rate of arrivals", "above 0", arrivals.rate_per_s));
        }
        let gaps = match arrivals.process {
            ArrivalProcess::Poisson => Gaps::Drawn(Distribution::exponential(1.0)?),
            ArrivalProcess::Constant => Gaps::Even,
            ArrivalProcess::Gamma { cv } => Gaps::Drawn(Distribution::gamma_mean_cv(1.0, cv)?),
        };
        check(&arrivals.profile)?;
        let mut stream = luck.stream(purpose::ARRIVALS, 0, 0);
        // Poisson arrivals have no memory
        let first = match &gaps {
            Gaps::Even if stationary => Some(stream.open01()),
            Gaps::Drawn(gap) if stationary && arrivals.process != ArrivalProcess::Poisson => {
                Some(gap.length_biased().sample(&mut stream) * stream.open01())
            }
            Gaps::Even | Gaps::Drawn(_) => None,
        };
        Ok(Self { gaps, rate: arrivals.rate_per_s, profile: arrivals.profile.clone(), stream, now_s: 0.0, first })
    }

    /// The next arrival.
    pub(super) fn next(&mut self) -> Option<Span> {
        let mut left = match (self.first.take(), &self.gaps) {
            (Some(first), _) => first,
            (None, Gaps::Even) => 1.0,
            (None, Gaps::Drawn(gap)) => gap.sample(&mut self.stream),
        };
        // a gap spans some cycles at most; 10 million steps without an arrival is a profile that stays at 0
        for _ in 0..10_000_000 {
            let (factor, until_s) = piece(&self.profile, self.now_s);
            let rate = self.rate * factor;
            let room = rate * (until_s - self.now_s);
            if left <= room {
                self.now_s += left / rate;
                return Some(Span::from_secs_f64(self.now_s));
            }
            left -= room;
            self.now_s = until_s;
        }
        None
    }
}

fn wrong(what: &str, expected: &str, got: f64) -> Error {
    Error::new(format!("{what} must be {expected}, not {got}"), "")
}

fn check(profile: &Profile) -> Result<(), Error> {
    let factor = |factor: f64| {
        if factor >= 0.0 && factor.is_finite() { Ok(()) } else { Err(wrong("a profile's factor", "0 or more", factor)) }
    };
    match profile {
        Profile::Flat => Ok(()),
        Profile::Cycle { period, factors } => {
            factors.iter().try_for_each(|&f| factor(f))?;
            if period.is_zero() || !factors.iter().any(|&f| f > 0.0) {
                return Err(Error::new("a cycle needs a period above 0 and a factor above 0", ""));
            }
            Ok(())
        }
        Profile::Burst { every, lasts, factor: height, .. } => {
            factor(*height)?;
            if lasts.is_zero() || every.is_some_and(|every| every <= *lasts) {
                return Err(Error::new("a burst must last longer than 0 and shorter than the span between bursts", ""));
            }
            Ok(())
        }
    }
}

/// The factor at any time, before the start as well: a cycle went on before it, bursts did not.
pub(super) fn factor_at(profile: &Profile, now_s: f64) -> f64 {
    match profile {
        Profile::Cycle { period, factors } => {
            let step = libm::floor(now_s / (period.secs() / factors.len() as f64));
            let index = step.rem_euclid(factors.len() as f64) as usize;
            factors.get(index).copied().unwrap_or(0.0)
        }
        Profile::Burst { .. } if now_s < 0.0 => 1.0,
        Profile::Flat | Profile::Burst { .. } => piece(profile, now_s).0,
    }
}

/// The largest factor before the start.
pub(super) fn largest_factor(profile: &Profile) -> f64 {
    match profile {
        Profile::Flat | Profile::Burst { .. } => 1.0,
        Profile::Cycle { factors, .. } => factors.iter().copied().fold(0.0, f64::max),
    }
}

/// The mean factor; of bursts that between them.
pub(super) fn mean_factor(profile: &Profile) -> f64 {
    match profile {
        Profile::Flat | Profile::Burst { .. } => 1.0,
        Profile::Cycle { factors, .. } => factors.iter().sum::<f64>() / factors.len() as f64,
    }
}

/// The factor at `now_s`, and until when it stays so; always later than `now_s`.
fn piece(profile: &Profile, now_s: f64) -> (f64, f64) {
    let later = |until: f64| if until > now_s { until } else { now_s + now_s.abs().max(1.0) * 1e-12 };
    match profile {
        Profile::Flat => (1.0, f64::INFINITY),
        Profile::Cycle { period, factors } => {
            let width = period.secs() / factors.len() as f64;
            let step = libm::floor(now_s / width * (1.0 + 1e-15));
            let index = (step % factors.len() as f64) as usize;
            (factors.get(index).copied().unwrap_or(0.0), later((step + 1.0) * width))
        }
        Profile::Burst { first, every, lasts, factor } => {
            let since = now_s - first.secs();
            if since < 0.0 {
                return (1.0, later(first.secs()));
            }
            let (begin, next) = match every {
                Some(every) => {
                    let begin = first.secs() + libm::floor(since / every.secs() * (1.0 + 1e-15)) * every.secs();
                    (begin, begin + every.secs())
                }
                None => (first.secs(), f64::INFINITY),
            };
            if now_s < begin + lasts.secs() { (*factor, later(begin + lasts.secs())) } else { (1.0, later(next)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(process: ArrivalProcess, profile: Profile, rate: f64, until_s: f64) -> Vec<f64> {
        let arrivals = Arrivals { rate_per_s: rate, process, profile };
        let mut clock = ArrivalClock::new(&arrivals, Luck::new(5), false).expect("valid");
        std::iter::from_fn(|| clock.next().map(Span::secs)).take_while(|&t| t < until_s).collect()
    }

    fn gap_mean_and_cv(times: &[f64]) -> (f64, f64) {
        let gaps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean) * (g - mean)).sum::<f64>() / gaps.len() as f64;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn gaps_have_the_rate_and_the_variation_asked_for() {
        // 100,000 gaps: standard error of the mean is cv/316 of it, of the cv about cv/316 (more for heavy gammas)
        for (process, cv) in [
            (ArrivalProcess::Poisson, 1.0),
            (ArrivalProcess::Gamma { cv: 2.0 }, 2.0),
            (ArrivalProcess::Gamma { cv: 0.5 }, 0.5),
            (ArrivalProcess::Constant, 0.0),
        ] {
            let (mean, got) = gap_mean_and_cv(&times(process, Profile::Flat, 4.0, 25_000.0));
            assert!((mean - 0.25).abs() < 0.25 * (cv * 5.0 / 316.0 + 1e-4), "{process:?}: mean gap {mean}");
            assert!((got - cv).abs() < cv * 0.04 + 1e-6, "{process:?}: cv {got}");
        }
    }

    #[test]
    fn a_stationary_start_has_the_rate_from_the_first_moment_on() {
        // 40,000 clocks: arrivals in the first half gap, expected 0.5 a clock; variance at most that of a Poisson count
        // times cv squared
        for (process, cv) in [(ArrivalProcess::Gamma { cv: 2.0 }, 2.0), (ArrivalProcess::Constant, 1.0)] {
            let arrivals = Arrivals { rate_per_s: 1.0, process, profile: Profile::Flat };
            let early = |seed| {
                let mut clock = ArrivalClock::new(&arrivals, Luck::new(seed), true).expect("valid");
                std::iter::from_fn(|| clock.next()).take_while(|at| at.secs() < 0.5).count() as f64
            };
            let mean = (0..40_000).map(early).sum::<f64>() / 40_000.0;
            assert!((mean - 0.5).abs() < 5.0 * cv * (0.5f64 / 40_000.0).sqrt(), "{process:?}: {mean}");
        }
    }

    #[test]
    fn a_cycle_went_on_before_the_start_and_bursts_did_not() {
        let cycle = Profile::Cycle { period: Span::from_secs(40), factors: vec![0.0, 1.0, 3.0, 0.5] };
        assert_eq!([-5.0, -15.0, -45.0, 5.0, 15.0].map(|at| factor_at(&cycle, at)), [0.5, 3.0, 0.5, 0.0, 1.0]);
        assert_eq!((largest_factor(&cycle), mean_factor(&cycle)), (3.0, 1.125));
        let burst = Profile::Burst { first: Span::ZERO, every: None, lasts: Span::SECOND, factor: 9.0 };
        assert_eq!([-0.5, 0.5, 2.0].map(|at| factor_at(&burst, at)), [1.0, 9.0, 1.0]);
    }

    #[test]
    fn a_cycle_gives_each_step_its_share() {
        let profile = Profile::Cycle { period: Span::from_secs(40), factors: vec![0.0, 1.0, 3.0, 0.5] };
        let times = times(ArrivalProcess::Poisson, profile, 10.0, 40_000.0);
        let mut counts = [0.0f64; 4];
        for t in &times {
            counts[((t % 40.0) / 10.0) as usize] += 1.0;
        }
        assert_eq!(counts[0], 0.0);
        // 1,000 cycles of 10 s: expected 100,000 a step at factor 1; five standard errors of a Poisson count
        for (got, expected) in counts.iter().zip([0.0, 1e5, 3e5, 0.5e5]) {
            assert!((got - expected).abs() <= 5.0 * f64::sqrt(expected), "{got} for {expected}");
        }
    }

    #[test]
    fn a_burst_multiplies_the_rate_while_it_lasts() {
        let profile = Profile::Burst {
            first: Span::from_secs(10),
            every: Some(Span::from_secs(100)),
            lasts: Span::from_secs(5),
            factor: 8.0,
        };
        let times = times(ArrivalProcess::Constant, profile, 2.0, 1_000.0);
        let inside = times.iter().filter(|&&t| t >= 10.0 && (t - 10.0) % 100.0 < 5.0).count();
        // ten bursts of 5 s at 16/s, the rest of 1,000 s at 2/s; evenly spaced, so within one arrival a burst
        assert!((790..=810).contains(&inside), "{inside}");
        assert!((1_890..=1_910).contains(&(times.len() - inside)), "{}", times.len() - inside);
    }

    #[test]
    fn the_daily_profile_has_mean_one() {
        let Profile::Cycle { factors, .. } = Profile::daily() else { panic!("a cycle") };
        assert!((factors.iter().sum::<f64>() / 24.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn settings_without_sense_are_refused() {
        for (rate, profile) in [
            (0.0, Profile::Flat),
            (f64::NAN, Profile::Flat),
            (1.0, Profile::Cycle { period: Span::SECOND, factors: vec![0.0] }),
            (1.0, Profile::Burst { first: Span::ZERO, every: Some(Span::SECOND), lasts: Span::SECOND, factor: 1.0 }),
        ] {
            let arrivals = Arrivals { rate_per_s: rate, process: ArrivalProcess::Poisson, profile };
            assert!(ArrivalClock::new(&arrivals, Luck::new(1), true).is_err(), "{arrivals:?}");
        }
    }
}
