//! What a calibration came to.

use super::backtest::BackTest;
use super::fit::Fit;
use super::input::Input;
use super::resolution::Resolution;
use super::tails::Slower;
use super::too_little::TooLittle;
use crate::scenario::Mode;

/// The one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No figure is off.
    Agrees,
    /// Some are.
    Off,
    /// None is, but there is too little to tell by.
    CannotTell,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// What was read.
    pub input: Input,
    /// The fit.
    pub fit: Fit,
    /// The scenario as text; empty where another one was held against the log.
    pub scenario: String,
    /// Where sessions cannot be told: about how many live ones are assumed.
    pub assumed_sessions: Option<f64>,
    /// The whole period, fitted to all of it.
    pub back_test: BackTest,
    /// The rest of the period, fitted to its first part, and where that ends in s; `None` where another scenario was
    /// held against the log, or it is too short.
    pub validation: Option<(f64, BackTest)>,
    /// How slow the slowest were, over the whole period.
    pub tails: Vec<Slower>,
    /// The verdict over both.
    pub verdict: Verdict,
    /// What there is, where that is too little for a verdict.
    pub too_little: Option<TooLittle>,
    /// Where the verdict is `agrees`: which values of settings the log cannot tell apart.
    pub resolution: Vec<Resolution>,
    /// Which gateway it is, in which mode, and how that is known; empty where the log knows no accounts.
    pub gateway: String,
    /// The mode.
    pub mode: Mode,
    /// Whether the gateway escapes at all.
    pub escape_is_on: bool,
}

impl Calibrated {
    /// The tests that were made.
    pub fn tests(&self) -> Vec<&BackTest> {
        std::iter::once(&self.back_test).chain(self.validation.as_ref().map(|(_, test)| test)).collect()
    }
}

pub(super) fn verdict(tests: &[&BackTest], too_little: Option<TooLittle>) -> Verdict {
    match too_little {
        // figures that are off are listed all the same
        Some(_) => Verdict::CannotTell,
        None if tests.iter().all(|test| test.agrees()) => Verdict::Agrees,
        None => Verdict::Off,
    }
}
