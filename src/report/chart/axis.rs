//! Axes with numbers: from the values that are there to a range, a place for each value, and ticks that fit.

use super::figure::{Axis, Scale};
use super::format::Format;

/// An axis with its range and its place on the paper.
#[derive(Clone, Debug)]
pub(super) struct Ruler {
    log: bool,
    /// In units of the scale: the logarithm of the value on a logarithmic axis.
    low: f64,
    high: f64,
    /// Where `low` and `high` lie, in px.
    from: f64,
    to: f64,
}

/// A tick: its value and its label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

impl Ruler {
    /// For `values` (any that are not finite, or have no place on the scale, are passed over); `None` where none is
    /// left.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let log = axis.scale == Scale::Log;
        if let Scale::Category(names) = &axis.scale {
            let ends = (-0.5, names.len() as f64 - 0.5);
            return (!names.is_empty()).then_some(Self { log, low: ends.0, high: ends.1, from, to });
        }
        let placed = |value: f64| place(log, value);
        let mut seen = Bounds::EMPTY;
        values.filter_map(placed).for_each(|value| seen.add(value));
        if seen.is_empty() {
            return None;
        }
        if let Some((low, high)) = axis.range
            && let (Some(low), Some(high)) = (placed(low), placed(high))
            && low < high
        {
            return Some(Self { log, low, high, from, to });
        }
        axis.include.iter().copied().filter_map(placed).for_each(|value| seen.add(value));
        let (low, high) = if log { log_range(seen) } else { linear_range(seen) };
        Some(Self { log, low, high, from, to })
    }

    /// Where a value lies in px, also beyond the ends; `None` for values without a place.
    pub fn at(&self, value: f64) -> Option<f64> {
        let part = (place(self.log, value)? - self.low) / (self.high - self.low);
        Some(self.from + part * (self.to - self.from))
    }

    /// Where a value lies, moved to the nearer end if it is outside.
    pub fn within(&self, value: f64) -> Option<f64> {
        let (low, high) = (self.from.min(self.to), self.from.max(self.to));
        if value == f64::INFINITY {
            return Some(self.to);
        }
        if value == f64::NEG_INFINITY || (self.log && value <= 0.0) {
            return Some(self.from);
        }
        Some(self.at(value)?.clamp(low, high))
    }

    /// Whether a value lies on the axis.
    pub fn holds(&self, value: f64) -> bool {
        place(self.log, value).is_some_and(|value| {
            let slack = 1e-9 * (self.high - self.low);
            self.low - slack <= value && value <= self.high + slack
        })
    }

    /// The range in units of the scale, for scripts: (logarithmic, low, high).
    pub fn range(&self) -> (bool, f64, f64) {
        (self.log, self.low, self.high)
    }

    /// The densest ticks whose labels, of a width that `width` tells, do not come nearer than `gap` px.
    /// For vertical axes `width` is the height of a line.
    pub fn ticks(&self, format: Format, gap: f64, width: impl Fn(&str) -> f64) -> Vec<Tick> {
        let fits = |ticks: &[Tick]| {
            ticks.windows(2).all(|pair| match (self.at(pair[0].value), self.at(pair[1].value)) {
                (Some(a), Some(b)) => (b - a).abs() >= 0.5 * (width(&pair[0].label) + width(&pair[1].label)) + gap,
                _ => false,
            })
        };
        let mut last = Vec::new();
        for candidate in 0..64 {
            let Some(ticks) = self.candidate(format, candidate) else { break };
            if fits(&ticks) {
                return ticks;
            }
            last = ticks;
        }
        last.truncate(1);
        last
    }

    /// Sets of ticks from dense to sparse.
    fn candidate(&self, format: Format, which: usize) -> Option<Vec<Tick>> {
        if !self.log {
            let step = match format {
                Format::Clock => *clock_steps(self.high - self.low).get(which)?,
                Format::Percent => nice_step((self.high - self.low) * 100.0, which)? / 100.0,
                _ => nice_step(self.high - self.low, which)?,
            };
            return Some(self.every(step, format));
        }
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let narrow = self.high - self.low < 1.0;
        let multiples: &[&[f64]] = if narrow {
            &[
                &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
                &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
                &[1.0, 2.0, 3.0, 5.0],
            ]
        } else {
            &[]
        };
        let wide: [(&[f64], i32); 6] =
            [(&[1.0, 2.0, 5.0], 1), (&[1.0, 3.0], 1), (&[1.0], 1), (&[1.0], 2), (&[1.0], 4), (&[1.0], 8)];
        let (multiples, stride) = match multiples.get(which) {
            Some(multiples) => (*multiples, 1),
            None => *wide.get(which - multiples.len())?,
        };
        let mut ticks = Vec::new();
        for decade in (first..=last).filter(|decade| decade.rem_euclid(stride) == 0) {
            for multiple in multiples {
                let value = if decade < 0 { multiple / power_of_ten(-decade) } else { multiple * power_of_ten(decade) };
                if self.holds(value) {
                    ticks.push(Tick { value, label: format.tick(value, 0.0) });
                }
            }
        }
        Some(ticks)
    }

    fn every(&self, step: f64, format: Format) -> Vec<Tick> {
        let slack = 1e-9 * (self.high - self.low);
        let (first, last) = (((self.low - slack) / step).ceil() as i64, ((self.high + slack) / step).floor() as i64);
        (first..=last.min(first + 200))
            .map(|i| i as f64 * step)
            .map(|value| Tick { value, label: format.tick(value, step) })
            .collect()
    }
}

/// The place of a value in units of the scale.
fn place(log: bool, value: f64) -> Option<f64> {
    match log {
        _ if !value.is_finite() => None,
        true if value <= 0.0 => None,
        true => Some(libm::log10(value)),
        false => Some(value),
    }
}

/// The smallest interval that holds what was added.
#[derive(Clone, Copy, Debug)]
struct Bounds(f64, f64);

impl Bounds {
    const EMPTY: Self = Self(f64::INFINITY, f64::NEG_INFINITY);

    fn add(&mut self, value: f64) {
        self.0 = self.0.min(value);
        self.1 = self.1.max(value);
    }

    fn is_empty(self) -> bool {
        self.0 > self.1
    }
}

fn log_range(Bounds(low, high): Bounds) -> (f64, f64) {
    let pad = (0.04 * (high - low)).max(0.03);
    if high - low < 0.3 {
        let middle = 0.5 * (low + high);
        return (middle - 0.3, middle + 0.3);
    }
    (low - pad, high + pad)
}

/// Rounded out to ticks, so that a curve never touches the frame; zero stays the end where it is one.
fn linear_range(Bounds(low, high): Bounds) -> (f64, f64) {
    if high - low <= 1e-12 * high.abs().max(low.abs()) {
        return match high {
            0.0 => (0.0, 1.0),
            v if v > 0.0 => (0.0, 2.0 * v),
            v => (2.0 * v, 0.0),
        };
    }
    let pad = 0.05 * (high - low);
    (if low == 0.0 { 0.0 } else { low - pad }, if high == 0.0 { 0.0 } else { high + pad })
}

/// 10^exponent, exact as far as a double can hold it.
fn power_of_ten(exponent: i32) -> f64 {
    (0..exponent.min(300)).fold(1.0, |power, _| power * 10.0)
}

/// The `which`-th of 1, 2, 5, 10, ... times a power of ten that gives about 12 ticks or fewer.
fn nice_step(range: f64, which: usize) -> Option<f64> {
    let raw = range / 12.0;
    if raw <= 0.0 || !raw.is_finite() || which > 9 {
        return None;
    }
    let decade = libm::log10(raw).floor() as i32;
    let unit = if decade < 0 { 1.0 / power_of_ten(-decade) } else { power_of_ten(decade) };
    let first = [1.0, 2.0, 5.0, 10.0].iter().position(|multiple| multiple * unit >= raw * (1.0 - 1e-9)).unwrap_or(3);
    let at = first + which;
    Some([1.0, 2.0, 5.0][at % 3] * unit * power_of_ten((at / 3) as i32))
}

fn clock_steps(range: f64) -> Vec<f64> {
    const STEPS: [f64; 30] = [
        0.001,
        0.002,
        0.005,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.5,
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        172_800.0,
        604_800.0,
        2_592_000.0,
    ];
    let mut steps: Vec<f64> = STEPS.into_iter().filter(|step| range / step <= 16.0).collect();
    if steps.is_empty() {
        steps.push(31_536_000.0 * (range / 31_536_000.0 / 10.0).ceil().max(1.0));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis, values: &[f64], px: f64) -> Vec<String> {
        let ruler = Ruler::new(axis, values.iter().copied(), 0.0, px).unwrap();
        ruler.ticks(axis.format, 10.0, |label| 7.0 * label.len() as f64).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn a_linear_axis_has_round_ticks_that_fit() {
        let axis = Axis::linear("", Format::Number);
        assert_eq!(
            ticks(&axis, &[0.0, 97.0], 400.0),
            ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]
        );
        assert_eq!(ticks(&axis, &[0.0, 97.0], 150.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(ticks(&axis, &[0.0, 0.0], 200.0).first().map(String::as_str), Some("0.0"));
    }

    #[test]
    fn a_logarithmic_axis_thins_out() {
        let axis = Axis::log("", Format::Seconds);
        assert_eq!(ticks(&axis, &[1.0, 60.0], 600.0), ["1", "2", "5", "10", "20", "50"]);
        assert_eq!(ticks(&axis, &[0.001, 1000.0], 300.0), ["0.001", "0.01", "0.1", "1", "10", "100", "1,000"]);
        assert_eq!(ticks(&axis, &[0.001, 1000.0], 120.0), ["0.01", "1", "100"]);
    }

    #[test]
    fn a_clock_ticks_in_minutes_and_hours() {
        let axis = Axis::linear("", Format::Clock);
        assert_eq!(ticks(&axis, &[0.0, 7_000.0], 300.0)[..3], ["0:00", "0:30", "1:00"]);
    }

    #[test]
    fn what_has_no_place_is_passed_over() {
        let axis = Axis::log("", Format::Seconds);
        assert!(Ruler::new(&axis, [0.0, -1.0, f64::NAN, f64::INFINITY].into_iter(), 0.0, 1.0).is_none());
        let ruler = Ruler::new(&axis, [0.0, 5.0].into_iter(), 0.0, 100.0).unwrap();
        assert!((ruler.at(5.0).unwrap() - 50.0).abs() < 1e-9);
        assert_eq!(ruler.at(0.0), None);
        assert_eq!(ruler.within(0.0), Some(0.0));
        assert!(Ruler::new(&Axis::names("", vec![]), [1.0].into_iter(), 0.0, 1.0).is_none());
    }

    #[test]
    fn tiny_and_huge_ranges_end() {
        for values in [[1e-300, 2e-300], [1e300, 1.5e308], [-1e-9, 1e9], [5.0, 5.0 + 1e-13]] {
            let axis = Axis::linear("", Format::Number);
            let ruler = Ruler::new(&axis, values.into_iter(), 0.0, 500.0).unwrap();
            assert!(ruler.ticks(Format::Number, 8.0, |label| label.len() as f64).len() < 60);
        }
    }
}
