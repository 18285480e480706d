//! The figures that the answer of a comparison speaks of: what users feel and what it costs, and of all others what
//! surely got worse, each thing once and in words that need no other.

use super::{Answer, Tone};
use crate::experiment::compare::{Comparison, Row};
use crate::experiment::stats::Verdict;
use crate::measure::figures::Meta;

/// What users feel, failures first.
pub(super) const HARM: [&str; 9] = [
    "requests.failed",
    "sessions.stuck",
    "sessions.over_slo_ratio",
    "sessions.worst_ttft_ms.p99",
    "sessions.worst_ttft_ms.p50",
    "felt_ttft_ms.p99",
    "felt_ttft_ms.p50",
    "outcomes.goodput_ratio",
    "waiting.waited_ratio",
];
/// What it costs.
pub(super) const COST: [&str; 3] = ["cost.price", "cost.cold_turn_ratio", "cost.cached_token_ratio"];

/// Figures that say in other words, or of a part, what the answer's own or another one here says.
const SAME: [&str; 19] = [
    "answered_ttft_ms.",
    "sessions.answered_worst_ttft_ms.",
    "sessions.answered_mean_ttft_ms.",
    "felt_ttft_ms.",
    "upstream_ttft_ms.",
    "sessions.worst_ttft_ms.",
    "sessions.mean_ttft_ms.",
    "sessions.over_slo",
    "sessions.stuck_ratio",
    "requests.ok",
    "statuses.ok",
    "outcomes.goodput",
    "waiting.wait",
    "escapes.wasted",
    "cost.cold_turns",
    "cost.uncached_input_tokens",
    "detection.missed_turns",
    "detection.false_escapes_ratio",
    "detection.late_escapes",
];

/// Names of figures whose titles need the one before them, by the beginning of their paths.
const NAMES: [(&str, &str); 4] = [
    ("detection.detected", "onsets that were seen"),
    ("detection.completions.", "results until an onset was seen"),
    ("detection.false_escapes", "false alarms: escapes from a healthy account"),
    ("outcomes.failed_attempts", "forwards that failed"),
];

/// So many figures are named.
const MOST: usize = 6;

/// Whether a difference is claimed that stands among all figures.
pub(super) fn sure(row: &Row) -> bool {
    row.verdict.claims() && row.stands == Some(true)
}

/// Whatever else is surely worse.
pub(super) fn also_worse(comparison: &Comparison, answer: &mut Answer) {
    let mut names: Vec<String> = Vec::new();
    for row in &comparison.rows {
        let figure = &row.figure;
        if row.verdict == Verdict::Worse && sure(row) && !said(&figure.path) && figure.is_of_run() {
            let name = name(figure.meta);
            names.extend((!names.contains(&name)).then_some(name));
        }
    }
    let left = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    names.extend((left > 0).then(|| format!("{left} more")));
    if !names.is_empty() {
        answer.point(format!("Also worse: {}.", names.join("; ")), Tone::Bad);
    }
}

/// Whether a figure of the answer says it.
fn said(path: &str) -> bool {
    HARM.contains(&path) || COST.contains(&path) || SAME.iter().any(|same| path.starts_with(same))
}

/// What it is called; of a distribution the whole, since its mean and percentiles would be a list of one thing.
fn name(meta: &Meta) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(path, _)| meta.path.starts_with(path)) {
        return (*name).to_owned();
    }
    if let Some(status) = meta.path.strip_prefix("statuses.") {
        return format!("requests that ended as {status}");
    }
    let is_one_of_many = |what: &str| {
        let percentile = what.strip_prefix('p').and_then(|digits| digits.parse::<f64>().ok());
        percentile.is_some() || matches!(what, "mean" | "minimum" | "maximum")
    };
    let whole = meta.title.rsplit_once(", ").filter(|(_, what)| is_one_of_many(what)).map(|(whole, _)| whole);
    whole.unwrap_or(meta.title).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::registry;

    #[test]
    fn every_name_that_may_stand_here_is_clear_by_itself() {
        let names: Vec<String> = registry::RUN.iter().filter(|meta| !said(meta.path)).map(name).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in &names {
            let leans = ["of these", "until then"].iter().any(|word| name.contains(word));
            assert!(!leans && (name.contains(' ') || name.len() > 5), "{name}");
        }
    }

    #[test]
    fn a_distribution_is_one_thing_and_a_status_is_said_of_requests() {
        let named = |path: &str| registry::RUN.iter().find(|meta| meta.path == path).map(name);
        assert_eq!(named("detection.readmission_s.p50").as_deref(), Some("end of degradation to readmission"));
        assert_eq!(named("detection.readmission_s.max"), named("detection.readmission_s.mean"));
        assert_eq!(named("statuses.client_gone").as_deref(), Some("requests that ended as client_gone"));
        assert_eq!(named("escapes.without_account").as_deref(), Some("escapes that found no account"));
    }
}
