//! What happened in equal stretches of time, of which there are never more than a few hundred.
//!
//! When time goes beyond the last one, neighbours are merged and the stretch is doubled: a run of any length has
//! between half and all of the stretches, and nobody needs to know how long it will be.

use crate::units::Span;

/// The most stretches, unless a grid says otherwise.
pub const MOST: usize = 480;
/// The shortest stretch.
const SHORTEST: Span = Span::from_millis(250);

/// What a stretch holds: it can be joined with its neighbour.
pub trait Joins: Clone + Default {
    /// Takes in the stretch that comes after.
    fn join(&mut self, later: &Self);
}

/// Stretches from the start of a run on.
#[derive(Clone, Debug)]
pub struct Grid<T, const CELLS: usize = MOST> {
    step: Span,
    stretches: Vec<T>,
}

impl<T: Joins, const CELLS: usize> Default for Grid<T, CELLS> {
    fn default() -> Self {
        Self { step: SHORTEST, stretches: Vec::new() }
    }
}

impl<T: Joins, const CELLS: usize> Grid<T, CELLS> {
    /// The stretch that holds this time after the start.
    pub fn at(&mut self, after: Span) -> &mut T {
        loop {
            let place = (after.nanos() / self.step.nanos()) as usize;
            if place < CELLS {
                if place >= self.stretches.len() {
                    self.stretches.resize_with(place + 1, T::default);
                }
                return &mut self.stretches[place];
            }
            self.double();
        }
    }

    /// The end of the stretch that holds this time after the start.
    pub fn end_of(&self, after: Span) -> Span {
        let step = self.step.nanos();
        Span::from_nanos((after.nanos() / step).saturating_add(1).saturating_mul(step))
    }

    /// Whether nothing happened at all.
    pub const fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// How long a stretch is, in seconds.
    pub fn step(&self) -> f64 {
        self.step.secs()
    }

    fn double(&mut self) {
        let pairs = self.stretches.chunks(2).map(|pair| {
            let mut first = pair[0].clone();
            if let Some(second) = pair.get(1) {
                first.join(second);
            }
            first
        });
        self.stretches = pairs.collect();
        self.step = Span::from_nanos(self.step.nanos().saturating_mul(2));
    }

    /// Each stretch with its beginning and end in seconds after the start.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64, &T)> {
        let step = self.step.secs();
        self.stretches.iter().enumerate().map(move |(i, stretch)| (i as f64 * step, (i + 1) as f64 * step, stretch))
    }
}

/// Counts of several kinds.
impl<const N: usize> Joins for [u64; N]
where
    [u64; N]: Default,
{
    fn join(&mut self, later: &Self) {
        self.iter_mut().zip(later).for_each(|(count, more)| *count += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_counts_in_few_stretches() {
        let mut grid = Grid::<[u64; 2], MOST>::default();
        for second in 0..100_000 {
            grid.at(Span::from_secs(second))[usize::from(second >= 50_000)] += 1;
        }
        let all: Vec<(f64, f64, &[u64; 2])> = grid.iter().collect();
        assert!(all.len() <= MOST && all.len() > MOST / 3, "{}", all.len());
        assert_eq!(all.iter().map(|stretch| stretch.2[0] + stretch.2[1]).sum::<u64>(), 100_000);
        // the stretches know when
        let early = all.iter().filter(|stretch| stretch.1 <= 49_000.0);
        assert_eq!(early.map(|stretch| stretch.2[1]).sum::<u64>(), 0);
    }
}
