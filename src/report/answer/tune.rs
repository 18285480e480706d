//! The answer of a search: what to set or to keep, what it buys and what it costs.

use super::{Answer, Tone};
use crate::experiment::tune::Advice;
use crate::report::TuneReport;

/// What a search says, in short.
pub fn of_tune(report: &TuneReport) -> Answer {
    let tone = match report.tuned.advice {
        Advice::Change => Tone::Good,
        Advice::Keep => Tone::Neutral,
        Advice::NothingFeasible | Advice::Inert => Tone::Undecided,
    };
    let mut answer = Answer::new(report.sentence(), tone);
    for point in report.points() {
        let good = point.starts_with("It buys: ") && !point.contains("nothing shown");
        answer.point(point, if good { Tone::Good } else { Tone::Neutral });
    }
    answer
}
