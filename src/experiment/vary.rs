//! The axes of a sweep: `KEY=1000:60000:log:25`, `KEY=0.1:0.9:lin:9`, `KEY=a,b,c`.
//!
//! Points are values as one would write them by hand. Both ends are taken exactly as written. In between:
//!
//! - between whole numbers every point is rounded to a whole number (halves away from zero);
//! - `lin` otherwise to the decimal place of a millionth of the step, so that 0.1:0.9:lin:9 holds 0.3 and not
//!   0.30000000000000004;
//! - `log` otherwise to six significant digits.
//!
//! Points that coincide after that are an error, not a smaller sweep. A list takes any values, also words, and commas
//! within brackets, braces and quotes do not separate.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Beyond this whole numbers are not exact.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The most combinations that are accepted. Each is a scenario of its own, and all are checked before the first run.
pub const MOST_CELLS: usize = 100_000;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "KeyValue")]
pub struct Point {
    /// The value as it is set in the scenario.
    pub text: String,
    /// The value as a number, if it is one: for axes of charts.
    pub number: Option<f64>,
}

/// How points lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// At equal distances.
    Lin,
    /// At equal ratios.
    Log,
    /// As listed.
    List,
}

/// A key with its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Axis {
    /// The key of the scenario, as it was written.
    pub key: String,
    /// How the points lie.
    pub scale: Scale,
    /// The values, at least one, all different.
    pub points: Vec<Point>,
}

/// A specification that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot vary by `{text}`: {problem}")]
pub struct BadAxis {
    /// The specification as it was written.
    pub text: String,
    /// What is wrong, and what to do.
    pub problem: Problem,
}

/// What may be wrong with a specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No `=`.
    #[error("it has no `=`; write KEY=LOW:HIGH:log:N, KEY=LOW:HIGH:lin:N or KEY=a,b,c")]
    NoEquals,
    /// Nothing before the `=`.
    #[error("`{0}` is not a key; write one like `gateway.openai_scheduler.sticky_escape_ttft_ms`")]
    NotAKey(String),
    /// Nothing after the `=`, or between two commas.
    #[error("it has an empty value; write KEY=a,b,c without gaps")]
    EmptyValue,
    /// A bracket or quote without its partner.
    #[error("a bracket or quote in it is never closed")]
    Unbalanced,
    /// Not four parts.
    #[error("a range has four parts, LOW:HIGH:log:N or LOW:HIGH:lin:N, e.g. 1000:60000:log:25")]
    NotARange,
    /// An end that is no number.
    #[error("`{0}` is not a number; both ends of a range are plain numbers in the key's own unit")]
    NotANumber(String),
    /// A scale that does not exist.
    #[error("`{0}` is not a scale; write `log` (equal ratios) or `lin` (equal distances)")]
    NotAScale(String),
    /// A number of points that is none.
    #[error("`{0}` is not a number of points; write a whole number from 2 to {MOST_CELLS}")]
    NotACount(String),
    /// The ends are the same, or the wrong way round.
    #[error("the low end {0} must be below the high end {1}")]
    WrongWay(String, String),
    /// A logarithmic range from 0 or below.
    #[error("a log range cannot start at {0}: it must be above 0; use `lin`, or start higher")]
    NotPositive(String),
    /// Rounded points coincide.
    #[error(
        "its {points} points have only {different} different values ({example} occurs twice); ask for fewer, or write \
         the ends with a decimal point for values between whole numbers"
    )]
    Coincide {
        /// How many were asked for.
        points: usize,
        /// How many there are.
        different: usize,
        /// The first that comes twice.
        example: String,
    },
    /// The same value twice in a list.
    #[error("`{0}` comes twice")]
    Twice(String),
}

impl Axis {
    /// Parses `KEY=SPEC`. Whether the key exists is for the scenario to say.
    ///
    /// # Errors
    /// When it is no axis; the error says what one looks like.
    pub fn parse(text: &str) -> Result<Self, BadAxis> {
        Self::parse_inner(text.trim()).map_err(|problem| BadAxis { text: text.trim().to_owned(), problem })
    }

    fn parse_inner(text: &str) -> Result<Self, Problem> {
        let (key, spec) = text.split_once('=').ok_or(Problem::NoEquals)?;
        let (key, spec) = (key.trim(), spec.trim());
        // which keys there are is for the scenario to say: conditions may have any name
        if key.is_empty() {
            return Err(Problem::NotAKey(key.to_owned()));
        }
        let items = split_list(spec)?;
        let (scale, points) = match items.as_slice() {
            [one] if looks_like_range(one) => range(one)?,
            _ => (Scale::List, list(&items)?),
        };
        Ok(Self { key: key.to_owned(), scale, points })
    }
}

/// The value as a number, if it is one in plain decimal or scientific notation.
fn number(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() && text.contains(|c: char| c.is_ascii_digit())).then_some(value)
}

/// Whether the writer meant a range: colons, and numbers or a scale where a range has them. (A time of day or a mapping
/// has colons too.)
fn looks_like_range(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let numbers = parts.iter().filter(|part| number(part).is_some()).count();
    let scale = parts.iter().any(|part| matches!(part.to_ascii_lowercase().as_str(), "log" | "lin"));
    parts.len() >= 2 && !text.starts_with(['{', '[', '"', '\'']) && (scale || numbers == parts.len() || numbers >= 3)
}

fn range(text: &str) -> Result<(Scale, Vec<Point>), Problem> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let &[low_text, high_text, scale, count] = parts.as_slice() else { return Err(Problem::NotARange) };
    let end = |text: &str| number(text).ok_or_else(|| Problem::NotANumber(text.to_owned()));
    let (low, high) = (end(low_text)?, end(high_text)?);
    let scale = match scale {
        "log" => Scale::Log,
        "lin" => Scale::Lin,
        other => return Err(Problem::NotAScale(other.to_owned())),
    };
    let bad_count = || Problem::NotACount(count.to_owned());
    let count: usize = count.parse().map_err(|_| bad_count())?;
    if !(2..=MOST_CELLS).contains(&count) {
        return Err(bad_count());
    }
    if low >= high {
        return Err(Problem::WrongWay(low_text.to_owned(), high_text.to_owned()));
    }
    if scale == Scale::Log && low <= 0.0 {
        return Err(Problem::NotPositive(low_text.to_owned()));
    }
    let is_whole = |text: &str, value: f64| !text.contains(['.', 'e', 'E']) && value.abs() <= LARGEST_WHOLE;
    let whole = is_whole(low_text, low) && is_whole(high_text, high);
    let last = (count - 1) as f64;
    let between = |i: usize| {
        let share = i as f64 / last;
        match scale {
            Scale::Log if high / low < f64::INFINITY => low * libm::pow(high / low, share),
            Scale::Log => libm::pow(low, 1.0 - share) * libm::pow(high, share),
            // of the two ends, so that neither overflow nor cancellation can leave the range
            Scale::Lin | Scale::List => low * (1.0 - share) + high * share,
        }
    };
    let points: Vec<Point> = (0..count)
        .map(|i| match i {
            0 => point(low_text),
            i if i == count - 1 => point(high_text),
            i => {
                let value = between(i);
                let rounded = match scale {
                    _ if whole => value.round(),
                    Scale::Log => significant(value),
                    Scale::Lin | Scale::List => to_place(value, (high / last - low / last) * 1e-6),
                };
                point(&written(rounded))
            }
        })
        .collect();
    if let Some(pair) = points.windows(2).find(|pair| pair[0].number >= pair[1].number) {
        let different = 1 + points.windows(2).filter(|pair| pair[0].number < pair[1].number).count();
        return Err(Problem::Coincide { points: count, different, example: pair[0].text.clone() });
    }
    Ok((scale, points))
}

fn point(text: &str) -> Point {
    Point { text: text.to_owned(), number: number(text) }
}

/// A number as one would write it: very large and very small ones with an exponent, in place of hundreds of digits.
fn written(value: f64) -> String {
    if value == 0.0 || (1e-7..1e17).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

/// Rounded to six significant digits: by way of decimal text, which rounds exactly.
fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Rounded to the decimal place at or below `unit`, never coarser than whole numbers.
fn to_place(value: f64, unit: f64) -> f64 {
    const MOST_DIGITS: i32 = 17; // of a number in binary, no more can be told apart
    let places = (-libm::log10(unit)).ceil().clamp(0.0, 300.0) as i32;
    let digits = places + libm::log10(value.abs()).floor().max(-400.0) as i32;
    match digits {
        _ if value == 0.0 || digits >= MOST_DIGITS => value,
        0.. => format!("{value:.*e}", digits as usize).parse().unwrap_or(value),
        _ => format!("{value:.*}", places as usize).parse().unwrap_or(value),
    }
}

fn list(items: &[&str]) -> Result<Vec<Point>, Problem> {
    let points: Vec<Point> = items.iter().map(|item| point(item)).collect();
    let (mut texts, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for this in &points {
        if this.text.is_empty() {
            return Err(Problem::EmptyValue);
        }
        // 0 and -0 are the same number
        let is_new_number = this.number.is_none_or(|number| numbers.insert((number + 0.0).to_bits()));
        if !texts.insert(&this.text) || !is_new_number {
            return Err(Problem::Twice(this.text.clone()));
        }
    }
    Ok(points)
}

/// Splits at commas outside brackets, braces and quotes.
fn split_list(text: &str) -> Result<Vec<&str>, Problem> {
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut items = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.checked_sub(1).ok_or(Problem::Unbalanced)?,
            (None, ',') if depth == 0 => {
                items.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    if depth > 0 || quote.is_some() {
        return Err(Problem::Unbalanced);
    }
    items.push(text[start..].trim());
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spec: &str) -> Vec<String> {
        Axis::parse(&format!("key={spec}")).unwrap().points.into_iter().map(|point| point.text).collect()
    }

    fn error(text: &str) -> String {
        Axis::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_log_range_of_whole_numbers_is_whole_and_keeps_its_ends() {
        assert_eq!(texts("1000:64000:log:7"), ["1000", "2000", "4000", "8000", "16000", "32000", "64000"]);
        let points = texts("1000:60000:log:25");
        assert_eq!((points.len(), points[0].as_str(), points[24].as_str()), (25, "1000", "60000"));
        assert_eq!(points[12], "7746"); // the geometric mean, 7745.97
        let numbers: Vec<f64> = points.iter().map(|point| point.parse().unwrap()).collect();
        let ratio = libm::pow(60.0, 1.0 / 24.0);
        assert!(numbers.windows(2).all(|pair| (pair[1] / pair[0] / ratio - 1.0).abs() < 1e-3));
    }

    #[test]
    fn a_linear_range_holds_the_decimals_that_one_would_write() {
        assert_eq!(texts("0.1:0.9:lin:9"), ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]);
        assert_eq!(texts("-1.5:1.5:lin:3"), ["-1.5", "0", "1.5"]);
        assert_eq!(texts("0:10:lin:5"), ["0", "3", "5", "8", "10"]);
        assert_eq!(texts("0.0:10.0:lin:5"), ["0.0", "2.5", "5", "7.5", "10.0"]);
        assert_eq!(texts("1000000.5:1000001.5:lin:3"), ["1000000.5", "1000001", "1000001.5"]);
        assert_eq!(texts("0.0:1.0:lin:4"), ["0.0", "0.3333333", "0.6666667", "1.0"]);
        assert_eq!(texts("0:1e308:lin:3"), ["0", "5e307", "1e308"]);
        assert_eq!(texts("1e-300:3e-300:lin:3"), ["1e-300", "2e-300", "3e-300"]);
        assert_eq!(texts("1e-300:1e300:log:3"), ["1e-300", "1", "1e300"]);
    }

    #[test]
    fn a_log_range_of_fractions_has_six_digits() {
        assert_eq!(texts("0.01:1:log:5"), ["0.01", "0.0316228", "0.1", "0.316228", "1"]);
        assert_eq!(texts("1e-3:1e3:log:3"), ["1e-3", "1", "1e3"]);
    }

    #[test]
    fn a_list_takes_words_numbers_and_values_with_commas_of_their_own() {
        assert_eq!(texts("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(texts("off,15000"), ["off", "15000"]);
        assert_eq!(texts("{p50: 1, p90: 2},[1,2],\"x,y\""), ["{p50: 1, p90: 2}", "[1,2]", "\"x,y\""]);
        assert_eq!(texts("15000"), ["15000"]);
        assert_eq!(texts("2026-01-01T00:00:00Z"), ["2026-01-01T00:00:00Z"]);
        let axis = Axis::parse("conditions.slow at noon, ñ.effect.ttft_factor=2,3").unwrap();
        assert_eq!((axis.key.as_str(), axis.points.len()), ("conditions.slow at noon, ñ.effect.ttft_factor", 2));
        let axis = Axis::parse("accounts[0].name = b2,3.5").unwrap();
        assert_eq!((axis.key.as_str(), axis.scale), ("accounts[0].name", Scale::List));
        assert_eq!(axis.points.iter().map(|point| point.number).collect::<Vec<_>>(), [None, Some(3.5)]);
    }

    #[test]
    fn what_is_no_axis_shows_what_one_looks_like() {
        for (text, part) in [
            ("ttft", "no `=`; write KEY=LOW:HIGH:log:N"),
            ("=1,2", "`` is not a key"),
            ("key=", "empty value"),
            ("key=1,,2", "empty value"),
            ("key=[1,2", "never closed"),
            ("key=1]", "never closed"),
            ("key=1:5", "a range has four parts"),
            ("key=1:5:3", "a range has four parts"),
            ("key=1:5:lin", "a range has four parts"),
            ("key=1:5:lin:3:4", "a range has four parts"),
            ("key=1s:5s:lin:3", "`1s` is not a number"),
            ("key=1:inf:lin:3", "`inf` is not a number"),
            ("key=1:5:linear:3", "`linear` is not a scale; write `log`"),
            ("key=1:5:lin:1", "`1` is not a number of points"),
            ("key=1:5:lin:many", "`many` is not a number of points"),
            ("key=1:5:lin:9999999", "`9999999` is not a number of points"),
            ("key=5:1:lin:3", "the low end 5 must be below the high end 1"),
            ("key=0:9:log:3", "a log range cannot start at 0"),
            ("key=1:5:log:25", "its 25 points have only 5 different values (1 occurs twice)"),
            ("key=1,2,1", "`1` comes twice"),
            ("key=1,1.0", "`1.0` comes twice"),
        ] {
            assert!(error(text).contains(part), "{text}: {}", error(text));
        }
    }

    #[test]
    fn points_of_any_range_ascend_and_stay_inside() {
        let mut stream = crate::engine::Luck::new(4).stream(7, 0, 0);
        for _ in 0..2_000 {
            let low = libm::pow(10.0, stream.between(-12.0, 12.0));
            let high = low * libm::pow(10.0, stream.between(0.01, 6.0));
            let count = 2 + stream.bits() % 40;
            let scale = if stream.chance(0.5) { "lin" } else { "log" };
            let spec = format!("k={low:e}:{high:e}:{scale}:{count}");
            let axis = Axis::parse(&spec).unwrap_or_else(|error| panic!("{error}"));
            let numbers: Vec<f64> = axis.points.iter().map(|point| point.number.unwrap()).collect();
            assert_eq!(numbers.len() as u64, count);
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{spec}: {numbers:?}");
            assert_eq!((numbers[0], numbers[numbers.len() - 1]), (low, high));
        }
    }
}
