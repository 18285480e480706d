//! Words of answers: numbers with their nouns, times of a run, sentences.

use crate::report::chart::Format;
use crate::report::format;

/// So many of something: `1 session`, `1,234 sessions`, `no sessions`. The noun is given in the singular, and takes an
/// `s`; `escape from it` becomes `escapes from it`.
pub fn plural(count: f64, noun: &str) -> String {
    let (first, rest) = noun.split_at(noun.find(' ').unwrap_or(noun.len()));
    match count {
        0.0 => format!("no {first}s{rest}"),
        1.0 => format!("1 {noun}"),
        n => format!("{} {first}s{rest}", format::count(n, None)),
    }
}

/// A time after the start of a run as charts write it: `5:00`, `5:00:31`, `3 d 8:00`.
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0).round();
    Format::Clock.tick(whole, if whole % 60.0 == 0.0 { 60.0 } else { 1.0 })
}

/// A sentence of clauses, which are set off by semicolons: begins with a capital letter and ends with a full stop.
pub fn sentence(clauses: &[String]) -> String {
    let joined = clauses.join("; ");
    let mut letters = joined.chars();
    let first: String = letters.next().map_or_else(String::new, |first| first.to_uppercase().collect());
    let stop = if joined.is_empty() || joined.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// A figure in plain words, where it has some that are shorter than its title.
pub fn plain(path: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 19] = [
        ("felt_ttft_ms.without_token", "requests without a first token"),
        ("requests.failed", "failed requests"),
        ("sessions.stuck", "stuck sessions"),
        ("sessions.over_slo_ratio", "sessions over the SLO"),
        ("sessions.worst_ttft_ms.p50", "worst turn of sessions, p50"),
        ("sessions.worst_ttft_ms.p99", "worst turn of sessions, p99"),
        ("felt_ttft_ms.p50", "felt TTFT, p50"),
        ("felt_ttft_ms.p99", "felt TTFT, p99"),
        ("felt_ttft_ms.over_slo_ratio", "requests over the SLO"),
        ("outcomes.goodput_ratio", "answered in full within the SLO"),
        ("waiting.waited_ratio", "requests that waited"),
        ("escapes.total", "escapes"),
        ("escapes.wasted_ratio", "escapes straight back"),
        ("detection.delay_s.mean", "time until it was seen"),
        ("detection.delay_s.p50", "time until it was seen"),
        ("detection.missed_turns", "turns kept on a sick account"),
        ("cost.cold_turn_ratio", "cold turns"),
        ("cost.cached_token_ratio", "input tokens found in a cache"),
        ("cost.price", "price"),
    ];
    NAMES.iter().find(|(known, _)| *known == path).map(|(_, name)| *name)
}

/// A list in words: `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A text of at most so many letters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}\u{2026}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_number() {
        for (count, noun, expected) in [
            (0.0, "session", "no sessions"),
            (1.0, "session", "1 session"),
            (1_234.0, "escape from it", "1,234 escapes from it"),
            (2.5, "escape", "2.5 escapes"),
        ] {
            assert_eq!(plural(count, noun), expected);
        }
    }

    #[test]
    fn times_are_hours_and_minutes_and_seconds_where_there_are_some() {
        assert_eq!(
            [clock(18_000.0), clock(18_031.2), clock(59.9), clock(604_800.0)],
            ["5:00", "5:00:31", "0:01", "7 d 0:00"]
        );
    }

    #[test]
    fn clauses_become_one_sentence() {
        assert_eq!(sentence(&["account 3 was slow".into(), "none saw it".into()]), "Account 3 was slow; none saw it.");
        assert_eq!((sentence(&[]), list(&["a".into(), "b".into(), "c".into()])), (String::new(), "a, b and c".into()));
        assert_eq!((shortened("abc", 3), shortened("abcd", 3)), ("abc".to_owned(), "ab\u{2026}".to_owned()));
    }
}
