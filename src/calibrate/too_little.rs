//! What there is in a log where that is too little for a verdict.

use super::backtest::{BackTest, FigureAgreement};
use super::input::Input;
use crate::units::count;

/// Requests that a verdict needs.
pub const LEAST_REQUESTS: usize = 200;
/// Answers that it needs of the typical account.
pub const LEAST_ANSWERS: usize = 30;

/// What there is where that is too little for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLittle {
    /// Requests in the log.
    pub requests: usize,
    /// Answers with a time to first token of the typical account.
    pub answers: usize,
    /// Figures that are undecided, and all.
    pub undecided: (usize, usize),
}

impl TooLittle {
    /// Of a log and its tests; `None`: there is enough.
    pub fn of(input: &Input, tests: &[&BackTest]) -> Option<Self> {
        let mut answers: Vec<usize> =
            input.tries.of.iter().map(|of| of.iter().filter(|each| each.ttft_s.is_some()).count()).collect();
        answers.sort_unstable();
        let answers = answers.get(answers.len() / 2).copied().unwrap_or(0);
        let figures = tests.iter().map(|test| test.figures.len()).sum();
        let undecided = tests.iter().map(|test| test.counts()[2]).sum::<usize>();
        let median = tests.first()?.figures.iter().find(|figure| figure.name == "upstream_ttft_ms.p50");
        let is_decided = median.is_some_and(|figure| figure.judgement != FigureAgreement::Undecided);
        let requests = input.log.records.len();
        let enough = is_decided && requests >= LEAST_REQUESTS && answers >= LEAST_ANSWERS;
        (!enough).then_some(Self { requests, answers, undecided: (undecided, figures) })
    }

    /// What there is and what is needed.
    pub fn words(&self) -> String {
        let (undecided, figures) = self.undecided;
        let has_requests = self.requests >= LEAST_REQUESTS;
        let accounts = if has_requests && self.answers < LEAST_ANSWERS {
            format!("the typical account has {} with a time to first token; ", count(self.answers as u64, "answer"))
        } else {
            String::new()
        };
        format!(
            "{}: {accounts}{undecided} of {figures} figures are undecided; {LEAST_REQUESTS} requests, \
             {LEAST_ANSWERS} an account are needed",
            count(self.requests as u64, "request")
        )
    }
}
