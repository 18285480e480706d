//! Percentiles of many whole numbers in little memory: exact at first, then a log-linear histogram.
//!
//! Up to `EXACT_LIMIT` values are kept as they are. For more values, each octave [2^e, 2^(e+1)) is cut into 512 buckets
//! of equal width, and a value is represented by the middle of its bucket. The error is at most 1/1024 of the value,
//! less than 0.1 %; values under 512 stay exact. Count, mean, minimum and maximum are always exact.
//!
//! The percentile is the one that linear interpolation between order statistics gives (Hyndman and Fan's type 7, the
//! default of R and NumPy): with n values in order, p lies at position p(n-1), counted from 0.
//!
//! Values enter the histogram in batches. Each count lies in some cache line; with a batch, the processor can wait for
//! many of these lines at the same time instead of one after the other.
//!
//! Merging is exact arithmetic on counts and integer sums, so its result does not depend on the order.

use crate::units::Span;

/// How many values are kept as they are before a histogram takes over.
pub const EXACT_LIMIT: usize = 4_096;

/// How many values wait for the histogram to take them in.
const BATCH: usize = 256;

/// The largest relative error of a percentile of more than `EXACT_LIMIT` values.
pub const RELATIVE_ERROR: f64 = 1.0 / 1_024.0;

const BITS: u32 = 9;
const PAGE: usize = 1 << BITS;
/// Page 0 holds the values under 512, page p those of octave p + 8.
const PAGES: usize = 64 - BITS as usize + 1;
const NO_PAGE: u8 = u8::MAX;

/// A growing set of values that can be asked for its percentiles.
#[derive(Clone, Debug)]
pub struct Percentiles {
    /// All values, or those that have not entered the histogram yet.
    exact: Vec<u64>,
    /// The most values that `exact` may hold: `EXACT_LIMIT`, then `BATCH`.
    room: usize,
    sorted: bool,
    /// Where each page lies in `counts`, in units of pages.
    page_of: [u8; PAGES],
    /// Pages in order of first use; a bucket holds up to 2^32 - 1 values.
    counts: Vec<u32>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Default for Percentiles {
    fn default() -> Self {
        Self::new()
    }
}

impl Percentiles {
    /// An empty set.
    pub const fn new() -> Self {
        Self {
            exact: Vec::new(),
            room: EXACT_LIMIT,
            sorted: true,
            page_of: [NO_PAGE; PAGES],
            counts: Vec::new(),
            count: 0,
            sum: 0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// Adds a value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.count += 1;
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if self.exact.len() == self.room {
            self.spill();
        }
        self.exact.push(value);
        self.sorted = false;
    }

    /// Adds a span, in nanoseconds.
    #[inline]
    pub fn record_span(&mut self, span: Span) {
        self.record(span.nanos());
    }

    /// Moves the waiting values into the histogram.
    #[cold]
    fn spill(&mut self) {
        let mut waiting = std::mem::take(&mut self.exact);
        for value in waiting.drain(..) {
            self.count_bucket(value, 1);
        }
        waiting.shrink_to(BATCH);
        self.exact = waiting;
        self.room = BATCH;
    }

    #[inline]
    fn count_bucket(&mut self, value: u64, times: u32) {
        let (page, bucket) = place(value);
        if self.page_of[page] == NO_PAGE {
            self.page_of[page] = (self.counts.len() / PAGE) as u8;
            self.counts.resize(self.counts.len() + PAGE, 0);
        }
        let slot = &mut self.counts[usize::from(self.page_of[page]) * PAGE + bucket];
        *slot = slot.saturating_add(times);
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() && other.counts.is_empty() && self.exact.len() + other.exact.len() <= EXACT_LIMIT {
            self.exact.extend_from_slice(&other.exact);
            self.sorted = false;
        } else {
            self.spill();
            for &value in &other.exact {
                self.count_bucket(value, 1);
            }
            other.each_bucket(|low, _, times| self.count_bucket(low, times));
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Calls `visit` with the lowest value, the middle and the count of every bucket in use, in the order of values.
    fn each_bucket(&self, mut visit: impl FnMut(u64, f64, u32)) {
        for (page, &at) in self.page_of.iter().enumerate().filter(|&(_, &at)| at != NO_PAGE) {
            let (first, shift) = if page == 0 { (0, 0) } else { (PAGE as u64, page as u32 - 1) };
            for (bucket, &times) in self.counts[usize::from(at) * PAGE..][..PAGE].iter().enumerate() {
                if times > 0 {
                    let low = (first + bucket as u64) << shift;
                    let width = 1_u64 << shift;
                    visit(low, low as f64 + (width - 1) as f64 / 2.0, times);
                }
            }
        }
    }

    /// How many values there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The exact mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The exact maximum.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max as f64)
    }

    /// The exact minimum.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min as f64)
    }

    /// Whether percentiles are still exact.
    pub const fn is_exact(&self) -> bool {
        self.counts.is_empty()
    }

    /// The quantile at `p` in 0..=1; `None` when there are no values.
    pub fn quantile(&mut self, p: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        self.at(p.clamp(0.0, 1.0) * last as f64)
    }

    /// The value at a position among the sorted values, counted from 0 and interpolated; `None` beyond the last.
    pub fn at(&mut self, position: f64) -> Option<f64> {
        let last = self.count.checked_sub(1)?;
        let below = position as u64;
        let rest = position - below as f64;
        if below > last || (below == last && rest > 0.0) {
            return None;
        }
        let (low, high) = self.order_statistics(below, (below + 1).min(last));
        Some(low + (high - low) * rest)
    }

    /// Calls `visit` with each value and its count, in order; once there is a histogram, with the middles of its
    /// buckets.
    pub fn each(&mut self, mut visit: impl FnMut(f64, u64)) {
        if self.is_exact() {
            self.sort();
            self.exact.iter().for_each(|&value| visit(value as f64, 1));
            return;
        }
        self.spill();
        let (least, most) = (self.min as f64, self.max as f64);
        self.each_bucket(|_, middle, times| visit(middle.clamp(least, most), u64::from(times)));
    }

    fn sort(&mut self) {
        if !self.sorted {
            self.exact.sort_unstable();
            self.sorted = true;
        }
    }

    /// The values at two neighbouring ranks (from 0).
    fn order_statistics(&mut self, below: u64, above: u64) -> (f64, f64) {
        if self.is_exact() {
            self.sort();
            return (self.exact[below as usize] as f64, self.exact[above as usize] as f64);
        }
        self.spill();
        let (least, most) = (self.min as f64, self.max as f64);
        let (mut before, mut low, mut high) = (0_u64, None, None);
        self.each_bucket(|_, middle, times| {
            before += u64::from(times);
            let value = middle.clamp(least, most);
            if low.is_none() && before > below {
                low = Some(value);
            }
            if high.is_none() && before > above {
                high = Some(value);
            }
        });
        // the first and the last are known exactly
        let low = if below == 0 { least } else { low.unwrap_or(most) };
        (
            if below + 1 == self.count { most } else { low },
            if above + 1 == self.count { most } else { high.unwrap_or(most) },
        )
    }
}

/// Page and bucket of a value.
#[inline]
const fn place(value: u64) -> (usize, usize) {
    if value < PAGE as u64 {
        (0, value as usize)
    } else {
        let octave = 63 - value.leading_zeros();
        ((octave - BITS + 1) as usize, (value >> (octave - BITS)) as usize & (PAGE - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    fn of(values: impl IntoIterator<Item = u64>) -> Percentiles {
        let mut set = Percentiles::new();
        values.into_iter().for_each(|value| set.record(value));
        set
    }

    #[test]
    fn percentiles_interpolate_between_order_statistics() {
        // what numpy.percentile gives for these
        let mut set = of([40, 10, 30, 20]);
        let got: Vec<_> = [0.0, 0.25, 0.5, 0.9, 1.0].map(|p| set.quantile(p)).to_vec();
        assert_eq!(got, [Some(10.0), Some(17.5), Some(25.0), Some(37.0), Some(40.0)]);
        assert_eq!((set.mean(), set.max(), set.min(), set.count()), (Some(25.0), Some(40.0), Some(10.0), 4));
        assert_eq!((of([]).quantile(0.5), of([]).mean(), of([7]).quantile(0.99)), (None, None, Some(7.0)));
    }

    #[test]
    fn a_histogram_is_off_by_less_than_one_in_a_thousand() {
        let mut stream = Luck::new(5).stream(1, 0, 0);
        // log-uniform over 1 to 2^50: every octave, the exact ones included
        let mut values: Vec<u64> = (0..60_000).map(|_| libm::exp2(50.0 * stream.open01()) as u64).collect();
        let mut set = of(values.iter().copied());
        assert!(!set.is_exact());
        values.sort_unstable();
        let mut worst = 0.0_f64;
        for step in 0..=10_000 {
            let p = f64::from(step) / 10_000.0;
            let position = p * (values.len() - 1) as f64;
            let (low, high) = (values[position as usize] as f64, values[(position as usize + 1).min(59_999)] as f64);
            let truth = low + (high - low) * (position - position.floor());
            let error = (set.quantile(p).unwrap_or(f64::NAN) - truth).abs() / truth;
            assert!(error <= RELATIVE_ERROR, "p {p}: off by {error}");
            worst = worst.max(error);
        }
        assert!(worst > RELATIVE_ERROR / 4.0, "the bound was never put to the test: {worst}");
        assert_eq!(set.max(), Some(values[59_999] as f64));
    }

    #[test]
    fn extreme_values_have_their_buckets() {
        let mut set = of((0..5_000).map(|i| if i % 2 == 0 { 0 } else { u64::MAX }));
        assert_eq!((set.quantile(0.0), set.quantile(1.0)), (Some(0.0), Some(u64::MAX as f64)));
        assert_eq!(set.mean(), Some(u64::MAX as f64 / 2.0));
    }

    #[test]
    fn merging_is_the_same_in_any_order_and_as_recording_together() {
        let parts: Vec<Vec<u64>> = [3_000_u64, 1_000, 6_000, 10]
            .iter()
            .enumerate()
            .map(|(part, &n)| {
                let mut stream = Luck::new(9).stream(part as u64, 0, 0);
                (0..n).map(|_| stream.bits() >> 30).collect()
            })
            .collect();
        let merged = |order: &[usize]| {
            let mut all = Percentiles::new();
            order.iter().for_each(|&part| all.merge(&of(parts[part].iter().copied())));
            let mut ask = |p| all.quantile(p);
            [ask(0.01), ask(0.5), ask(0.99), ask(0.999), all.mean(), all.max(), all.min()]
        };
        let mut together = of(parts.iter().flatten().copied());
        let expected = [0.01, 0.5, 0.99, 0.999].map(|p| together.quantile(p));
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            assert_eq!(merged(&order)[..4], expected);
            assert_eq!(merged(&order), merged(&[0, 1, 2, 3]));
        }
        assert!(merged(&[0, 1]).iter().all(Option::is_some));
    }
}
