//! Formats figures for people: with units, rounded to three significant digits, with intervals as plus or minus.

use std::borrow::Cow;

use super::document::Estimate;
use crate::measure::figures::{Unit, no_token};
use crate::units::Span;

/// The text for a figure without a value.
pub const NONE: &str = "-";

/// A figure of this unit; `-` if it has no value, `no token` if it falls among requests without a first token.
pub fn figure(estimate: Option<Estimate>, unit: Unit) -> String {
    let Some(estimate) = estimate else { return NONE.into() };
    let mean = estimate.mean();
    if no_token::is_score(mean) {
        return no_token::WORDS.into();
    }
    // an interval of width 0 says nothing
    let half = estimate.half_width().filter(|&half| half > 0.0);
    match unit {
        Unit::Ms => time(mean / 1e3, half.map(|half| half / 1e3)),
        Unit::Seconds => time(mean, half),
        Unit::Ratio => with(mean * 100.0, half.map(|half| half * 100.0), " %"),
        Unit::PerSecond => with(mean, half, "/s"),
        Unit::Tokens if mean >= 1e7 => with(mean / 1e6, half.map(|half| half / 1e6), " M"),
        Unit::Count | Unit::Tokens => count(mean, half),
        Unit::Money | Unit::Plain => with(mean, half, ""),
    }
}

/// A share in percent with so many decimals; `-` if there is none, `no token` where the figure that it is a share of
/// falls among requests without a first token.
pub fn share(share: Option<f64>, decimals: usize) -> String {
    match share {
        None => NONE.into(),
        Some(share) if no_token::is_score(share) => no_token::WORDS.into(),
        Some(share) => format!("{:.decimals$} %", share * 100.0),
    }
}

/// Seconds in the unit that suits them.
pub fn time(secs: f64, half: Option<f64>) -> String {
    let (scale, unit) = match secs.abs() {
        0.0 => (1.0, " s"),
        // 999.5 ms would read 1000 ms
        s if s < 0.999_5 => (1e3, " ms"),
        s if s < 119.95 => (1.0, " s"),
        s if s < 7_199.5 => (1.0 / 60.0, " min"),
        _ => (1.0 / 3_600.0, " h"),
    };
    with(secs * scale, half.map(|half| half * scale), unit)
}

/// A text in which a number and its unit are held together by a hard space, for lines that are broken at others.
pub fn with_hard_spaces(text: &str) -> String {
    const UNITS: [&str; 8] = ["ms", "s", "min", "h", "d", "%", "pp", "M"];
    let mut out = String::with_capacity(text.len());
    for word in text.split(' ') {
        let unit = UNITS.contains(&word.trim_end_matches([';', ',', '.', ')', ':']));
        let number = out.ends_with(|c: char| c.is_ascii_digit());
        if !out.is_empty() {
            out.push(if unit && number { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
    }
    out
}

/// A length of time as it was set, without trailing zeros.
pub fn setting(span: Span) -> String {
    let text = time(span.secs(), None);
    let Some((number, unit)) = text.split_once(' ') else { return text };
    format!("{} {unit}", trimmed(number))
}

/// A number without zeros at the end of its decimals.
pub fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A count: a whole number in groups of three digits; a mean that is not whole has a decimal.
pub fn count(value: f64, half: Option<f64>) -> String {
    let plain =
        |value: f64| if value.fract() == 0.0 || value.abs() >= 100.0 { grouped(value) } else { fixed(value, 1) };
    half.map_or_else(|| plain(value), |half| format!("{} ±{}", plain(value), plain(half)))
}

fn with(value: f64, half: Option<f64>, unit: &str) -> String {
    let Some(half) = half else { return format!("{}{unit}", rounded(value)) };
    // three digits of the mean, and the first one of the interval
    let first = if half >= 1.0 {
        0
    } else if half >= 0.1 {
        1
    } else if half >= 0.01 {
        2
    } else {
        3
    };
    let decimals = decimals_of(value.abs()).max(first);
    let text = |value: f64| if decimals == 0 { grouped(value) } else { fixed(value, decimals) };
    format!("{} ±{}{unit}", text(value), text(half))
}

/// A number with three significant digits.
pub fn rounded(value: f64) -> String {
    if value.abs() >= 1_000.0 { grouped(value) } else { fixed(value, decimals_of(value.abs())) }
}

/// The number of decimals for three significant digits, at most 3.
fn decimals_of(magnitude: f64) -> usize {
    match magnitude {
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.099_95 || m == 0.0 => 2,
        _ => 3,
    }
}

fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // zero needs no decimals, and has no sign
    if text.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'-')) { "0".into() } else { text }
}

/// A text as a cell of CSV. What a spreadsheet would take for a formula stands after a quote, as it shows texts.
pub fn cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A whole number in groups of three.
pub fn grouped(value: f64) -> String {
    let sign = if value <= -0.5 { "-" } else { "" };
    crate::units::thousands(&format!("{sign}{:.0}", value.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::stats::Interval;

    #[test]
    fn a_number_and_its_unit_are_held_together() {
        let text = "seen after 43.2 s; 1 % of 20 sessions (0.40 %) took 2.07 min. p50 x or 3";
        let held = with_hard_spaces(text);
        assert_eq!(held, text.replace("2 s;", "2\u{a0}s;").replace(" %", "\u{a0}%").replace(" min", "\u{a0}min"));
    }

    #[test]
    fn single_values_have_three_digits_and_a_unit() {
        for (value, unit, expected) in [
            (0.0, Unit::Ms, "0 s"),
            (0.042, Unit::Ms, "0.042 ms"),
            (999.4, Unit::Ms, "999 ms"),
            (999.6, Unit::Ms, "1.00 s"),
            (1_843.2, Unit::Ms, "1.84 s"),
            (61_300.0, Unit::Ms, "61.3 s"),
            (300.0, Unit::Seconds, "5.00 min"),
            (9_000.0, Unit::Seconds, "2.50 h"),
            (0.012_34, Unit::Ratio, "1.23 %"),
            (1.0, Unit::Ratio, "100 %"),
            (12_345_678.0, Unit::Count, "12,345,678"),
            (8_981_957_974.0, Unit::Tokens, "8,982 M"),
            (999.0, Unit::Count, "999"),
            (2.5, Unit::Count, "2.5"),
            (12.345, Unit::PerSecond, "12.3/s"),
        ] {
            assert_eq!(figure(Some(Estimate::Single(value)), unit), expected);
        }
        assert_eq!(figure(None, Unit::Ms), "-");
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_stay() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-x", "'-x"),
            ("-1.5e-3", "-1.5e-3"),
            ("+2", "+2"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn settings_have_no_idle_digits() {
        for (secs, expected) in [(15.0, "15 s"), (1.5, "1.5 s"), (600.0, "10 min"), (100.0, "100 s"), (0.25, "250 ms")]
        {
            assert_eq!(setting(Span::from_secs_f64(secs)), expected);
        }
    }

    #[test]
    fn intervals_share_unit_and_decimals_with_their_mean() {
        for (mean, half, unit, expected) in [
            (1_843.2, 31.0, Unit::Ms, "1.84 ±0.03 s"),
            (1_843.2, 3_100.0, Unit::Ms, "1.84 ±3.10 s"),
            (8.769e9, 4.57e8, Unit::Tokens, "8,769 ±457 M"),
            (0.5, 0.001, Unit::Ratio, "50.0 ±0.1 %"),
            (12_345.6, 78.0, Unit::Count, "12,346 ±78"),
            (3.25, 1.0, Unit::Count, "3.2 ±1"),
            (5.0, 0.0, Unit::Ms, "5.00 ms"),
        ] {
            let several =
                Interval { mean, lo: Some(mean - half), hi: Some(mean + half), n: 5, missing: 0, no_token: 0 };
            assert_eq!(figure(Some(Estimate::Several(several)), unit), expected);
        }
    }
}
