//! Numbers as people read them: few digits, thousands apart, the unit where it stands alone.

/// What a number is, for ticks and tooltips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A plain number.
    Number,
    /// Seconds.
    Seconds,
    /// Seconds since the start, read as a clock.
    Clock,
    /// A ratio, read in percent.
    Percent,
    /// A change in percent, with its sign.
    Change,
}

impl Format {
    /// A value that stands alone, with its unit: about three digits.
    pub fn value(self, value: f64) -> String {
        if !value.is_finite() {
            return "no value".to_owned();
        }
        match self {
            Self::Number => number(value),
            Self::Seconds if value != 0.0 && value.abs() < 0.9995 => format!("{} ms", number(value * 1e3)),
            Self::Seconds => format!("{} s", number(value)),
            Self::Clock => clock(value, if value.abs() < 600.0 { 0.1 } else { 1.0 }),
            Self::Percent => format!("{} %", number(value * 100.0)),
            Self::Change if value > 0.0 => format!("+{} %", number(value)),
            Self::Change => format!("{} %", number(value)),
        }
    }

    /// A tick, whose neighbours are `step` away (0 on a logarithmic axis: as many digits as it needs).
    pub fn tick(self, value: f64, step: f64) -> String {
        match self {
            Self::Number | Self::Seconds => fixed(value, step),
            Self::Clock => clock(value, step),
            Self::Percent => format!("{} %", fixed(value * 100.0, step * 100.0)),
            Self::Change if value > 0.0 => format!("+{}", fixed(value, step)),
            Self::Change => fixed(value, step),
        }
    }
}

/// About three significant digits, without trailing zeros, thousands apart.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "no value".to_owned();
    }
    if size >= 1e9 {
        return format!("{} bn", number(value / 1e9));
    }
    if size != 0.0 && size < 1e-4 {
        return format!("{value:.1e}").replace('-', "\u{2212}");
    }
    let decimals = match size {
        s if s >= 99.95 => 0,
        s if s >= 9.995 => 1,
        s if s >= 0.9995 => 2,
        s if s >= 0.1 => 3,
        s if s >= 0.01 => 4,
        _ => 5,
    };
    trimmed(value, decimals)
}

/// With the decimals that tell `step` apart; with as many as needed where the step is 0.
fn fixed(value: f64, step: f64) -> String {
    if step <= 0.0 {
        return trimmed(value, if value.abs() < 1e-4 { 9 } else { 6 });
    }
    let mut decimals = 0;
    let mut scaled = step;
    while decimals < 9 && (scaled - scaled.round()).abs() > 1e-6 * scaled.abs() {
        scaled *= 10.0;
        decimals += 1;
    }
    grouped(&format!("{value:.decimals$}"))
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    grouped(text)
}

/// Thousands apart by commas, a real minus sign, no "-0".
fn grouped(text: &str) -> String {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (rest.bytes().any(|b| (b'1'..=b'9').contains(&b)), rest),
        None => (false, text),
    };
    let number = crate::units::thousands(digits);
    if negative { format!("\u{2212}{number}") } else { number }
}

/// Seconds as h:mm:ss, without seconds where `step` makes them superfluous; days where there are some. Never m:ss:
/// beside h:mm nobody could tell which it is.
fn clock(seconds: f64, step: f64) -> String {
    let negative = seconds < 0.0;
    let sign = if negative { "\u{2212}" } else { "" };
    let seconds = seconds.abs();
    if step > 0.0 && step < 1.0 {
        let minutes = (seconds / 60.0).floor();
        let rest = seconds - minutes * 60.0;
        let (hours, minutes) = ((minutes / 60.0).floor(), minutes % 60.0);
        let decimals = if step < 0.01 {
            3
        } else if step < 0.1 {
            2
        } else {
            1
        };
        let width = decimals + 3;
        return format!("{sign}{hours:.0}:{minutes:02.0}:{rest:0width$.decimals$}");
    }
    let whole = (seconds + 0.5).floor() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    if days > 0 && step >= 86_400.0 {
        return format!("{sign}{days} d");
    }
    let day = if days > 0 { format!("{days} d ") } else { String::new() };
    if step >= 60.0 {
        return format!("{sign}{day}{hours}:{minutes:02}");
    }
    format!("{sign}{day}{hours}:{minutes:02}:{rest:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_about_three_digits_and_a_unit() {
        let cases = [
            (Format::Number, 0.0, "0"),
            (Format::Number, 1234.6, "1,235"),
            (Format::Number, 9.996, "10"),
            (Format::Number, -0.000_004, "\u{2212}4.0e\u{2212}6"),
            (Format::Number, 2.5e12, "2,500 bn"),
            (Format::Number, f64::NAN, "no value"),
            (Format::Seconds, 0.25, "250 ms"),
            (Format::Seconds, 15.0, "15 s"),
            (Format::Percent, 0.0213, "2.13 %"),
            (Format::Change, -12.5, "\u{2212}12.5 %"),
            (Format::Change, 5.0, "+5 %"),
            (Format::Clock, 61.26, "0:01:01.3"),
            (Format::Clock, 3_725.0, "1:02:05"),
            (Format::Clock, 90_000.0, "1 d 1:00:00"),
        ];
        for (format, value, expected) in cases {
            assert_eq!(format.value(value), expected, "{format:?} {value}");
        }
    }

    #[test]
    fn ticks_show_what_tells_them_apart() {
        assert_eq!(Format::Number.tick(0.0, 0.25), "0.00");
        assert_eq!(Format::Number.tick(-0.0, 5.0), "0");
        assert_eq!(Format::Seconds.tick(10_000.0, 5_000.0), "10,000");
        assert_eq!(Format::Seconds.tick(0.05, 0.0), "0.05");
        assert_eq!(Format::Percent.tick(0.001, 0.0), "0.1 %");
        assert_eq!(Format::Clock.tick(5_400.0, 1_800.0), "1:30");
        assert_eq!(Format::Clock.tick(172_800.0, 86_400.0), "2 d");
    }
}
