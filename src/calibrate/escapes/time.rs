//! Times as logs write them.

/// A moment in ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) ms: i64,
    /// Whether its zone was said; if not, UTC is assumed.
    pub(super) has_zone: bool,
}

/// Brackets, quotes and commas around a word.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| matches!(c, '[' | ']' | '(' | ')' | '"' | '\'' | ',' | ';' | '|' | '<' | '>'))
}

/// A date and a time: RFC 3339, the zone also as +0800, slashes in the date, a comma before the fraction; without a
/// zone: UTC.
pub(super) fn instant(text: &str) -> Option<Moment> {
    let text = bare(text.trim());
    if text.len() < 19 || !text.is_ascii() {
        return None;
    }
    let (date, clock) = text.split_at(10);
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => matches!(byte, b'-' | b'/' | b'.'),
        _ => byte.is_ascii_digit(),
    });
    let clock = clock.strip_prefix(['T', 't', ' ', '_'])?.trim_end();
    if !is_date || clock.as_bytes().get(2) != Some(&b':') {
        return None;
    }
    let (clock, zone) = match clock.find(['Z', 'z', '+', '-', ' ']) {
        Some(at) => clock.split_at(at),
        None => (clock, ""),
    };
    let zone = zone.trim();
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let offset = match zone.chars().next() {
        None => "Z".to_owned(),
        Some('Z' | 'z') if zone.len() == 1 => "Z".to_owned(),
        Some('+' | '-') if zone.len() > 6 => return None,
        Some(sign @ ('+' | '-')) if digits.len() == 4 => format!("{sign}{}:{}", &digits[..2], &digits[2..]),
        Some(sign @ ('+' | '-')) if digits.len() == 2 => format!("{sign}{digits}:00"),
        Some(_) if zone == "UTC" || zone == "GMT" => "Z".to_owned(),
        Some(_) => return None,
    };
    let date = date.replace(['/', '.'], "-");
    let moment = format!("{date}T{}{offset}", clock.replace(',', ".")).parse::<jiff::Timestamp>().ok()?;
    Some(Moment { ms: moment.as_millisecond(), has_zone: !zone.is_empty() })
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since 1970; its size shows which.
pub(super) fn unix(value: f64) -> Option<Moment> {
    let ms = match value {
        1e9..1e11 => value * 1e3,
        1e11..1e14 => value,
        1e14..1e17 => value / 1e3,
        1e17..1e20 => value / 1e6,
        _ => return None,
    };
    Some(Moment { ms: ms as i64, has_zone: true })
}

/// A value of a record.
pub(super) fn of_value(value: &serde_json::Value) -> Option<Moment> {
    match value {
        serde_json::Value::String(text) => instant(text).or_else(|| unix(text.trim().parse().ok()?)),
        serde_json::Value::Number(number) => unix(number.as_f64()?),
        _ => None,
    }
}

/// The last date and time in a text: what stands nearest to the message is the program's own.
pub(super) fn last_in(text: &str) -> Option<Moment> {
    let text = text.replace('"', " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    (0..words.len()).rev().find_map(|at| {
        let two = |word: &str| instant(&format!("{}T{}", bare(word), bare(words.get(at + 1)?)));
        starts(words[at]).find_map(|word| instant(word).or_else(|| two(word)))
    })
}

/// A word, and what follows each sign in it that something may have been put before it with: `gateway.log:12:2026-...`.
fn starts(word: &str) -> impl Iterator<Item = &str> {
    let after = word.match_indices([':', '=', '|']).filter_map(|(at, sign)| word.get(at + sign.len()..));
    std::iter::once(word).chain(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_usual_forms_of_a_time_are_one_moment() {
        for text in [
            "2026-11-23T11:50:51.768Z",
            "2026-11-23T19:50:51.768+0800",
            "2026-11-23T19:50:51.768+08:00",
            "[2026-11-23 11:50:51.768 UTC]",
            "2026/11/23 11:50:51.768",
            "2026-11-23 11:50:51,768",
        ] {
            assert_eq!(instant(text).map(|moment| moment.ms), Some(1_795_434_651_768), "{text}");
        }
        assert!(!instant("2026/11/23 11:50:51.768").unwrap().has_zone);
        for seconds in [1_795_434_651.768, 1_795_434_651_768.0, 1_795_434_651_768_000.0, 1_795_434_651_768_000_000.0] {
            assert!((unix(seconds).unwrap().ms - 1_795_434_651_768).abs() <= 1, "{seconds}");
        }
        for text in ["", "2026-11-23", "account_id=3", "12:30:00", "é2026-11-23T11:50:51Z"] {
            assert_eq!(instant(text), None, "{text}");
        }
        let line = "Nov 23 11:50:51 gw1 2026-11-23 10:00:00.000 x time=2026-11-23T11:50:51.768Z INFO ";
        assert_eq!(last_in(line).map(|moment| moment.ms), Some(1_795_434_651_768));
    }
}
