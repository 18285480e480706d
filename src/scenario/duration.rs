//! Lengths of time as people and the gateway write them: `30s`, `5m`, `1h 30m`, `250ms`, `1m30s`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use crate::units::Span;

/// A length of time: numbers with units, one after the other. Exact to the nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Span);

/// Units by name, with their nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// What a length of time looks like, for messages.
const SHAPE: &str =
    "a length of time is a number with a unit (ns, us, ms, s, m, h, d), as in `30s`, `250ms` or `1h 30m`";

impl Duration {
    /// From milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Span::from_millis(millis))
    }

    /// From seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Span::from_secs(secs))
    }

    /// Parses `1h 30m`, `1.5s`, `0`.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self::default());
        }
        if rest.starts_with('-') {
            return Err(format!("`{text}` is negative; a length of time is not"));
        }
        let mut nanos = 0_u128;
        let mut parts = 0;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(number_end);
            let after = after.trim_start();
            let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            if unit.is_empty() {
                return Err(format!("`{text}` has no unit; {SHAPE}"));
            }
            let Some(&(_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(format!("`{unit}` is no unit of time; {SHAPE}"));
            };
            let part = decimal(number, size).ok_or_else(|| format!("`{text}` is no length of time; {SHAPE}"))?;
            nanos = nanos.saturating_add(part);
            rest = after.trim_start();
            parts += 1;
        }
        if parts == 0 {
            return Err(format!("an empty text is no length of time; {SHAPE}"));
        }
        let nanos = u64::try_from(nanos).map_err(|_| format!("`{text}` is too long; at most about 584 years fit"))?;
        Ok(Self(Span::from_nanos(nanos)))
    }
}

/// `number * unit` in nanoseconds, what is smaller than one nanosecond cut off; `None` when it is no decimal number.
fn decimal(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok().map(u128::from) };
    // A whole part that does not fit is far too long in any unit: say so by the sum.
    let whole = if whole.len() > 19 { u128::from(u64::MAX) } else { digits(whole)? };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some(whole.saturating_mul(unit.into()).saturating_add(digits(fraction)? * u128::from(unit) / scale))
}

impl fmt::Display for Duration {
    /// The shortest exact text: `250ms`, `1.3s`, `1h30m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if nanos < 1_000_000_000 {
            return write_decimal(f, nanos, 1_000_000, "ms");
        }
        let (hours, rest) = (nanos / UNITS[6].1, nanos % UNITS[6].1);
        let (minutes, rest) = (rest / UNITS[5].1, rest % UNITS[5].1);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if rest > 0 { write_decimal(f, rest, 1_000_000_000, "s") } else { Ok(()) }
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, name: &str) -> fmt::Result {
    let places = unit.ilog10() as usize;
    let fraction = format!("{:0places$}", nanos % unit);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    write!(f, "{}{dot}{fraction}{name}", nanos / unit)
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as `30s` or `1h 30m`")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        Duration::parse(text).map_err(E::custom)
    }
    fn visit_i128<E: Error>(self, number: i128) -> Result<Duration, E> {
        Duration::parse(&number.to_string()).map_err(E::custom)
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Duration, E> {
        if number == 0.0 { Ok(Duration::default()) } else { Err(E::custom(format!("`{number}` has no unit; {SHAPE}"))) }
    }
}

impl schemars::JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let description =
            "A length of time: numbers with units (ns, us, ms, s, m, h, d), such as `30s`, `250ms`, `1h 30m`.";
        schemars::json_schema!({
            "description": description,
            "anyOf": [
                { "type": "string", "pattern": r"^\s*(0|(([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ns|us|µs|ms|s|m|h|d)\s*)+)$" },
                { "const": 0 }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ways_to_write_a_length_of_time() {
        let nanos = |text: &str| Duration::parse(text).unwrap().0.nanos();
        assert_eq!(nanos("30s"), 30_000_000_000);
        assert_eq!(nanos(" 1h 30m "), 5_400_000_000_000);
        assert_eq!(nanos("1m30s"), 90_000_000_000);
        assert_eq!(nanos("1.3s"), 1_300_000_000);
        assert_eq!(nanos("250ms"), 250_000_000);
        assert_eq!(nanos("0.5 us"), 500);
        assert_eq!(nanos("2d"), 172_800_000_000_000);
        assert_eq!(nanos("0"), 0);
        assert_eq!(nanos(".5s"), 500_000_000);
    }

    #[test]
    fn what_is_no_length_of_time_says_why() {
        for (text, why) in [
            ("30", "has no unit"),
            ("", "empty"),
            ("-3s", "negative"),
            ("5 parsecs", "`parsecs` is no unit"),
            ("1..2s", "is no length"),
            ("s", "is no length"),
            ("1e3s", "`e` is no unit"),
            ("1h-3m", "has no unit"),
            ("99999999999999999999999h", "too long"),
            ("1000000000h", "too long"),
            ("soon", "`soon` is no unit"),
        ] {
            let error = Duration::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_length_reads_back_as_written(nanos: u64) {
            let length = Duration(Span::from_nanos(nanos));
            prop_assert_eq!(Duration::parse(&length.to_string()), Ok(length));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}|[0-9.hmsun -]{0,40}") {
            let _ = Duration::parse(&text);
        }
    }
}
