//! Where a record may lie so that it is one more of the simulations: a global envelope, calibrated by the simulations
//! themselves.
//!
//! Record and simulations are put together. How far one of them lies off the others in a figure is measured in
//! spreads of those others, and how odd it is by its oddest figure. If the record came from the model, it is as
//! likely as any of them to be the oddest, whatever the laws of the figures are and however they hang together: the
//! bound that leaves the oddest 5 % outside holds for all figures at once (Myllymaki et al. 2017: a maximum absolute
//! deviation test, studentised by direction).
//!
//! A figure with a law of heavy tails would set that bound for all others: where one simulation in forty waits at
//! all, it lies twenty spreads off, and a median that is wrong by a factor of two, ten spreads off, would pass. So
//! each figure has its own scale: how far off the oddest few of the others lie in it.

/// Spread of a figure's simulations, in logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Their mean.
    pub middle: f64,
    /// Spread below it, above 0.
    pub below: f64,
    /// Spread above it.
    pub above: f64,
}

/// The share of simulations that lie outside.
const OUTSIDE: f64 = 0.05;
/// Values by which a tail is measured, and how far off these are on average in a normal sample of forty, in standard
/// deviations: a figure that is much off now and then has a wider spread than its standard deviation says.
const TAIL: usize = 3;
const TAIL_SDS: f64 = 1.9;
/// How many spreads the [`TAIL`] of a usual figure that are furthest off lie off on average, each against the others.
const USUAL_TAIL: f64 = 2.2;
/// From so many simulations on the bound is one of them; with fewer it is reckoned from all.
pub const ENOUGH: usize = 39;
/// The 95th percentile of Gumbel's distribution, in standard deviations above its mean.
const GUMBEL: f64 = 1.87;

impl Spread {
    /// Of values; no less than `least` to either side.
    pub fn of(values: &[f64], least: f64) -> Self {
        let n = values.len().max(1) as f64;
        let middle = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|value| (value - middle) * (value - middle)).sum::<f64>();
        let sd = (square / (n - 1.0).max(1.0)).sqrt();
        let tail = |sign: f64| {
            let mut off: Vec<f64> =
                values.iter().map(|value| sign * (value - middle)).filter(|&off| off > 0.0).collect();
            off.sort_by(|a, b| b.total_cmp(a));
            off.truncate(TAIL);
            off.iter().sum::<f64>() / off.len().max(1) as f64 / TAIL_SDS
        };
        Self { middle, below: sd.max(tail(-1.0)).max(least), above: sd.max(tail(1.0)).max(least) }
    }

    /// How many spreads a value lies off, once `allowed` of its distance is taken off.
    pub fn deviation(&self, value: f64, allowed: f64) -> f64 {
        let off = value - self.middle;
        (off.abs() - allowed).max(0.0) / if off < 0.0 { self.below } else { self.above }
    }
}

/// A figure of a record and of its simulations, in logarithms.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// In the record, brought nearer to the simulations by what is tolerated.
    pub recorded: f64,
    /// In each simulation.
    pub simulated: Vec<f64>,
    /// The least spread that counts.
    pub least: f64,
    /// By how much the record is less sure than a simulation.
    pub unsure: f64,
}

/// Where the record may lie.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// How odd the record is.
    pub record: f64,
    /// How odd each simulation is.
    pub simulations: Vec<f64>,
    /// How odd the record may be: outside lies one in twenty.
    pub bound: f64,
    /// Of each figure: how many spreads count as one.
    pub scales: Vec<f64>,
}

impl Envelope {
    /// Of figures that all have the same number of simulations.
    pub fn of(figures: &[Measured]) -> Self {
        let members = figures.first().map_or(0, |figure| figure.simulated.len()) + 1;
        let mut odd = vec![0.0_f64; members];
        let mut scales = Vec::with_capacity(figures.len());
        for figure in figures {
            let (deviations, of_member) = figure.deviations();
            for ((odd, deviation), scale) in odd.iter_mut().zip(&deviations).zip(&of_member) {
                *odd = odd.max(deviation / scale);
            }
            scales.extend(of_member.last());
        }
        let record = odd.pop().unwrap_or(0.0);
        Self { record, bound: bound(&odd), simulations: odd, scales }
    }

    /// Whether more simulations would not change the answer: the record is clearly one of them, or clearly none.
    pub fn is_clear(&self) -> bool {
        is_clear(self.record, &self.simulations)
    }
}

impl Measured {
    /// How many spreads each simulation, and last the record, lies off the others; and how many spreads count as one
    /// for it: a figure by which the others lie far off now and then (mostly zero, of two levels) must lie further
    /// off to be odd, but takes nothing away from the rest.
    fn deviations(&self) -> (Vec<f64>, Vec<f64>) {
        let mut members = self.simulated.clone();
        members.push(self.recorded);
        let last = members.len() - 1;
        let deviations: Vec<f64> = (0..members.len())
            .map(|member| {
                let others: Vec<f64> = without(&members, member);
                let deviation = Spread::of(&others, self.least).deviation(members[member], 0.0);
                if member == last { deviation / self.unsure } else { deviation }
            })
            .collect();
        let scale = |member: usize| {
            let mut others = without(&deviations, member);
            others.sort_by(|a, b| b.total_cmp(a));
            others.truncate(TAIL);
            (others.iter().sum::<f64>() / others.len().max(1) as f64 / USUAL_TAIL).max(1.0)
        };
        let scales = (0..members.len()).map(scale).collect();
        (deviations, scales)
    }
}

fn without(values: &[f64], place: usize) -> Vec<f64> {
    values.iter().enumerate().filter(|&(at, _)| at != place).map(|(_, value)| *value).collect()
}

/// How odd the record may be, by how odd simulations are: outside lies one in twenty.
fn bound(oddness: &[f64]) -> f64 {
    let n = oddness.len();
    if n < 2 {
        return f64::INFINITY;
    }
    let mut sorted = oddness.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    if n >= ENOUGH {
        let place = (OUTSIDE * (n + 1) as f64) as usize;
        return sorted[place.max(1) - 1];
    }
    let mean = oddness.iter().sum::<f64>() / n as f64;
    let sd = (oddness.iter().map(|odd| (odd - mean) * (odd - mean)).sum::<f64>() / (n - 1) as f64).sqrt();
    sorted[0].max(mean + GUMBEL * sd * (1.0 + 3.0 / n as f64))
}

fn is_clear(record: f64, oddness: &[f64]) -> bool {
    let mut sorted = oddness.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let [greatest, second, ..] = sorted[..] else { return false };
    let above = oddness.iter().filter(|&&odd| odd >= record).count();
    // a bound that hangs on one simulation is none
    (above * 4 >= oddness.len() && greatest <= 1.5 * second) || record > 2.5 * greatest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Distribution, Luck, Stream};

    /// Figures as they come: normal, heavy-tailed, mostly zero, of two levels; all but the first hang together.
    fn draw(stream: &mut Stream) -> Vec<f64> {
        let unit = Distribution::lognormal(0.0, 1.0).unwrap();
        let mut normal = || libm::log(unit.sample(stream));
        let (a, b, common) = (normal(), normal(), normal());
        let rare = if common > 1.5 { 3.0 } else { 0.0 };
        let level = if b > 0.8 { 2.5 + 0.1 * b } else { 0.1 * b };
        let mut figures = vec![0.1 * a, libm::exp(0.9 * b), rare, level];
        figures.extend((0..30).map(|_| 0.2 * (common + libm::log(unit.sample(stream)))));
        figures
    }

    fn called_off(simulations: usize, trials: u64, shift: f64) -> usize {
        (0..trials)
            .filter(|&trial| {
                let mut stream = Luck::new(trial).stream(1, 0, 0);
                let mut record = draw(&mut stream);
                record[0] += shift;
                let runs: Vec<Vec<f64>> = (0..simulations).map(|_| draw(&mut stream)).collect();
                let figures: Vec<Measured> = (0..record.len())
                    .map(|figure| Measured {
                        recorded: record[figure],
                        simulated: runs.iter().map(|run| run[figure]).collect(),
                        least: 0.01,
                        unsure: 1.0,
                    })
                    .collect();
                let envelope = Envelope::of(&figures);
                envelope.record > envelope.bound
            })
            .count()
    }

    #[test]
    fn one_more_of_the_simulations_is_called_off_five_times_in_a_hundred_whatever_the_laws() {
        // 95 % interval of 5 % in 400 trials: 12 to 29
        let off = called_off(40, 400, 0.0);
        assert!((8..=29).contains(&off), "{off} of 400");
        let off = called_off(12, 400, 0.0);
        assert!(off <= 32, "{off} of 400 by twelve simulations");
    }

    #[test]
    fn a_figure_that_is_off_is_found_among_many() {
        let off = called_off(40, 100, 1.5);
        assert!(off > 90, "{off} of 100");
    }

    #[test]
    fn a_clear_answer_needs_no_more_simulations() {
        let odd: Vec<f64> = (1..=20).map(|i| f64::from(i) / 5.0).collect();
        assert!(is_clear(0.5, &odd) && is_clear(11.0, &odd) && !is_clear(3.9, &odd) && !is_clear(5.0, &odd));
        assert!(bound(&[]).is_infinite() && bound(&[1.0]).is_infinite());
    }
}
