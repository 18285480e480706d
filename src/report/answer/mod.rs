//! The answer of a report: one sentence, whether it is good news, and the points that belong to it.
//!
//! It is made here and nowhere else, and said first everywhere: on a terminal, in Markdown, at the top of a page, as
//! the title of a chart, and as `answer` in JSON. Who writes one keeps to this order: failures, who, when, harm, cost,
//! advice. Good is only what was shown to be good (design, "An answer has a price").

mod comparison;
mod figures;
mod incident;
mod run;
mod sweep;
mod trouble;
mod tune;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use comparison::of_comparison;
pub use incident::{Accounts, incident, incidents};
pub use run::of_run;
pub use sweep::of_sweep;
pub use tune::of_tune;
pub use words::{clock, plain, plural, sentence};

/// More failures than this share of the requests are the first thing to say, and never good news.
pub const FAILURES: f64 = 0.01;

/// Whether an answer is good news.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Shown to be good.
    Good,
    /// Bad.
    Bad,
    /// Neither, or both.
    #[default]
    Neutral,
    /// The evidence says nothing: nothing arrived, nothing was tested, or too little.
    Undecided,
}

impl Tone {
    /// As JSON names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
            Self::Undecided => "undecided",
        }
    }
}

/// Something that belongs to an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Point {
    /// A whole sentence.
    pub text: String,
    /// Whether it is good news.
    pub tone: Tone,
}

/// What a report says, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Answer {
    /// One sentence, or two.
    pub sentence: String,
    /// Whether it is good news.
    pub tone: Tone,
    /// What belongs to it, in the order of weight; what got worse is always among them.
    pub points: Vec<Point>,
}

impl Answer {
    /// An answer without points.
    pub fn new(sentence: impl Into<String>, tone: Tone) -> Self {
        Self { sentence: sentence.into(), tone, points: Vec::new() }
    }

    /// An answer whose points are neither good nor bad.
    pub fn plain(sentence: impl Into<String>, tone: Tone, points: impl IntoIterator<Item = String>) -> Self {
        let mut answer = Self::new(sentence, tone);
        points.into_iter().for_each(|text| answer.point(text, Tone::Neutral));
        answer
    }

    /// With one point more.
    pub fn point(&mut self, text: impl Into<String>, tone: Tone) {
        self.points.push(Point { text: text.into(), tone });
    }
}
