//! The answer of a search: what to set or to keep, what it buys and what it costs.

use super::{Answer, Tone, sentence};
use crate::experiment::tune::Advice;
use crate::report::TuneReport;

/// What a search says, in short.
pub fn of_tune(report: &TuneReport) -> Answer {
    let tone = match report.tuned.advice {
        Advice::Change => Tone::Good,
        Advice::Keep => Tone::Neutral,
        Advice::NothingFeasible | Advice::Inert => Tone::Undecided,
    };
    let mut answer = Answer::new(format!("{}.", report.headline()), tone);
    for line in report.details() {
        let tone = if line.starts_with("buys: ") { Tone::Good } else { Tone::Neutral };
        answer.point(sentence(&[line]), tone);
    }
    let (search, confirmation) = report.tuned.spent;
    let objective = &report.objective;
    answer.point(format!("Searched by {} ({}).", objective.path, objective.meta.title), Tone::Neutral);
    answer.point(format!("{search} runs of search, {confirmation} of confirmation."), Tone::Neutral);
    answer
}
