//! Times as traces write them: dates with or without zone and fraction, and plain seconds. Exact to the nanosecond.

use crate::units::Span;

const NANOS: i128 = 1_000_000_000;

/// Whether a number is Unix time in milliseconds, microseconds or nanoseconds: twelve digits and more before the point.
pub(super) fn is_unix_millis(text: &str) -> bool {
    if text.len() < 12 {
        return false;
    }
    let text = text.as_bytes();
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits >= 12 && text[0] != b'0' && matches!(text.get(digits), None | Some(b'.'))
}

/// Nanoseconds since the Unix epoch of a date such as `2023-11-16 18:17:03.9799600`, `2024-05-10 00:00:00.009930+00:00`
/// or `2024-10-15T12:00:00.269Z`: blank or `T` between date and time, any number of digits in the fraction (beyond nine
/// they are cut off), a zone or none (then UTC).
pub(super) fn date(text: &str) -> Option<i128> {
    let bytes = text.trim().as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let separators = [(4, "-"), (7, "-"), (10, " Tt"), (13, ":"), (16, ":")];
    if !separators.iter().all(|&(at, allowed)| bytes.get(at).is_some_and(|b| allowed.as_bytes().contains(b))) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for place in 0..9 {
            fraction = fraction * 10 + after[..digits].get(place).map_or(0, |b| i128::from(b - b'0'));
        }
        rest = &after[digits..];
    }
    let offset_s = match rest {
        b"" | b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let zone = std::str::from_utf8(zone).ok()?;
            let (hours, minutes) = match zone.len() {
                2 => (zone, "0"),
                4 => (zone.get(..2)?, zone.get(2..)?),
                5 if zone.as_bytes()[2] == b':' => (zone.get(..2)?, zone.get(3..)?),
                _ => return None,
            };
            let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    // days since 1970-01-01 of the proleptic Gregorian calendar, counting years from March
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_s;
    Some(i128::from(seconds) * NANOS + fraction)
}

/// Nanoseconds of decimal seconds such as `19440110.0` or `82`, not negative. Digits beyond the ninth are cut off.
pub(super) fn seconds(text: &str) -> Option<i128> {
    plain(text.as_bytes()).or_else(|| seconds_in_any_form(text.trim()))
}

/// Those without blanks and exponent, of so few digits that all are kept, as nearly all are.
#[inline]
fn plain(text: &[u8]) -> Option<i128> {
    let (mut value, mut point) = (0_u64, None);
    if text.len() > 19 {
        return None;
    }
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let whole = point.unwrap_or(text.len());
    let places = text.len().saturating_sub(whole + 1);
    if whole > 12 || places > 9 || whole + places == 0 {
        return None;
    }
    Some(i128::from(value) * i128::from(10_u64.pow(9 - places as u32)))
}

#[cold]
fn seconds_in_any_form(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || whole.len() > 12 {
        // exponents and the like
        let value: f64 = text.parse().ok()?;
        return (0.0..1e12).contains(&value).then_some((value * 1e9 + 0.5) as i128);
    }
    let mut nanos: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    for place in 0..9 {
        nanos = nanos * 10 + fraction.as_bytes().get(place).map_or(0, |b| i128::from(b - b'0'));
    }
    Some(nanos)
}

/// A span of decimal seconds, not negative and below 10^10 (300 years).
pub(super) fn span(text: &str) -> Option<Span> {
    u64::try_from(seconds(text)?).ok().filter(|&nanos| nanos < 10_000_000_000_000_000_000).map(Span::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_all_forms_of_the_traces() {
        let base = 1_700_158_623 * NANOS;
        assert_eq!(date("2023-11-16 18:17:03.9799600"), Some(base + 979_960_000));
        assert_eq!(date("2023-11-16 18:17:03+00:00"), Some(base));
        assert_eq!(date("2023-11-16T18:17:03Z"), Some(base));
        assert_eq!(date("2023-11-16T20:47:03.25+02:30"), Some(base + 250_000_000));
        assert_eq!(date("2023-11-16 13:17:03.123456789999-0500"), Some(base + 123_456_789));
        assert_eq!(date("1970-01-01T00:00:00"), Some(0));
        assert_eq!(date("2000-02-29T00:00:00Z"), Some(951_782_400 * NANOS));
        assert_eq!(date("2026-01-01T00:00:00Z"), Some(1_767_225_600 * NANOS));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2023-11-16",
            "2023-13-01 00:00:00",
            "2023-02-29 00:00:00",
            "2023-11-16 24:00:00",
            "2023-11-16 18:17:03.",
            "2023-11-16 18:17:03X",
            "2023-11-16 18:17:03+1",
            "2023-11-16 18:17:0a",
            "1700158623",
            "2023-11-16 18:17:03+é0",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn agrees_with_jiff_on_every_day_of_four_centuries() {
        let mut day = jiff::civil::date(1900, 1, 1);
        while day.year() < 2300 {
            let text = format!("{day} 12:34:56.789");
            let expected = jiff::tz::TimeZone::UTC.to_timestamp(day.at(12, 34, 56, 789_000_000)).expect("in range");
            assert_eq!(date(&text), Some(expected.as_nanosecond()), "{text}");
            day = day.tomorrow().expect("in range");
        }
    }

    proptest::proptest! {
        #[test]
        fn seconds_are_the_same_by_the_short_way(text in "[0-9.]{0,21}|[0-9]{0,13}\\.?[0-9]{0,10}") {
            if let Some(nanos) = plain(text.as_bytes()) {
                proptest::prop_assert_eq!(Some(nanos), seconds_in_any_form(&text));
            }
        }
    }

    #[test]
    fn seconds_are_exact() {
        assert_eq!(seconds("19440110.0"), Some(19_440_110 * NANOS));
        assert_eq!(seconds("82"), Some(82 * NANOS));
        assert_eq!(seconds("0.000000001"), Some(1));
        assert_eq!(seconds(".5"), Some(500_000_000));
        assert_eq!(seconds("1e3"), Some(1_000 * NANOS));
        for text in ["", ".", "-1", "x", "nan", "1.2.3", "inf", "1e300"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(span("1.5"), Some(Span::from_millis(1_500)));
        assert_eq!(span("10000000000"), None);
    }
}
