//! What a calibration came to.

use super::backtest::BackTest;
use super::fit::Fit;
use super::input::Input;
use super::resolution::Resolution;
use super::tails::Slower;
use super::too_little::TooLittle;
use crate::scenario::Mode;

/// Whether the simulations agree with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// No figure is off.
    Agrees,
    /// Some figures are.
    Off,
    /// No figure is, but the record holds too little to decide.
    TooLittle,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// What was read.
    pub input: Input,
    /// How accounts answer when they are healthy, and when they were not.
    pub fit: Fit,
    /// The scenario as text; empty where another one was held against the log.
    pub scenario: String,
    /// Where the log does not show sessions: about how many live ones are assumed.
    pub assumed_sessions: Option<f64>,
    /// The whole period, fitted to all of it.
    pub back_test: BackTest,
    /// The rest of the period, fitted to its first part, and where that ends in s; `None` where another scenario was
    /// held against the log, or it is too short.
    pub validation: Option<(f64, BackTest)>,
    /// How slow the slowest were, over the whole period.
    pub tails: Vec<Slower>,
    /// The verdict over both.
    pub verdict: Agreement,
    /// What there is, where that is too little for a verdict.
    pub too_little: Option<TooLittle>,
    /// Where the verdict is `agrees`: which values of settings the log cannot distinguish.
    pub resolution: Vec<Resolution>,
    /// Which gateway it is, in which mode, and how that is known; empty where the log knows no accounts.
    pub gateway: String,
    /// The mode of the gateway that the simulations run in.
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

pub(super) fn verdict(tests: &[&BackTest], too_little: Option<TooLittle>) -> Agreement {
    match too_little {
        // figures that are off are listed all the same
        Some(_) => Agreement::TooLittle,
        None if tests.iter().all(|test| test.agrees()) => Agreement::Agrees,
        None => Agreement::Off,
    }
}
