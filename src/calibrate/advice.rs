//! What a verdict means for what one wants to ask: how much is missing, what may be asked in spite of an `off`, and the
//! command that comes next.

use std::path::Path;

use super::backtest::FigureAgreement;
use super::calibrated::{Agreement, Calibrated};
use crate::scenario::Mode;

/// Figures that are off, by what they are about.
#[derive(Clone, Debug, Default)]
struct Off {
    times: bool,
    escapes: bool,
    escapes_where: bool,
    shares: Vec<String>,
    waits: bool,
    limits: bool,
    failures: bool,
    moves: bool,
    cache: bool,
}

impl Off {
    fn of(calibrated: &Calibrated) -> Self {
        let mut off = Self::default();
        let tests = calibrated.tests();
        let figures = tests.iter().flat_map(|test| &test.figures);
        for figure in figures.filter(|figure| matches!(figure.judgement, FigureAgreement::Off(_))) {
            let parts: Vec<&str> = figure.name.split('.').collect();
            match parts[..] {
                ["escapes", "from" | "at", ..] => off.escapes_where = true,
                ["escapes", ..] | ["slow", _, "share"] => off.escapes = true,
                ["accounts", id, "share"] => off.shares.push(id.to_owned()),
                ["waited" | "wait_ms", ..] => off.waits = true,
                ["refused_429"] => off.limits = true,
                ["other_failures" | "account_switches"] => off.failures = true,
                ["session_moves", ..] => off.moves = true,
                ["cache", ..] => off.cache = true,
                _ => off.times = true,
            }
        }
        off.shares.sort();
        off.shares.dedup();
        off
    }

    fn do_not_ask(&self) -> Vec<String> {
        let mut about = Vec::new();
        match &self.shares[..] {
            [] => {}
            [one] => about.push(format!("the share of account {one}")),
            many => about.push(format!("the shares of accounts {}", many.join(", "))),
        }
        let known = [
            (self.waits, "waiting, slots and waiting limits"),
            (self.limits, "rate limits"),
            (self.failures, "failures and switches of account (`sticky_escape_error_rate`, `max_account_switches`)"),
            (self.moves, "how often sessions move"),
            (self.cache, "what moving costs in cold turns"),
            (self.escapes, "how many escapes a setting brings"),
            (self.escapes_where && !self.escapes, "from which account and when sessions escape"),
        ];
        about.extend(known.iter().filter(|(is_off, _)| *is_off).map(|(_, what)| (*what).to_owned()));
        about
    }
}

/// What may be asked in spite of an `off`, and what may not; nothing where the verdict is another.
pub fn advice(calibrated: &Calibrated) -> Vec<String> {
    if calibrated.verdict != Agreement::Off {
        return Vec::new();
    }
    let off = Off::of(calibrated);
    let thresholds = match (off.times, off.escapes) {
        (true, _) if calibrated.mode != Mode::Advanced => {
            "times to first token are off: an answer about another mode of the scheduler cannot be trusted"
        }
        _ if calibrated.mode != Mode::Advanced => {
            "times to first token agree: which mode of the scheduler is better may be asked in spite of that"
        }
        (true, _) => "times to first token are off: an answer about `sticky_escape_ttft_ms` cannot be trusted",
        (false, false) => {
            "times to first token and escapes agree: `sticky_escape_ttft_ms` may be tuned in spite of that"
        }
        (false, true) => {
            "times to first token agree: which `sticky_escape_ttft_ms` is better may be asked in spite of that"
        }
    };
    let mut advice = vec![thresholds.to_owned()];
    let about = off.do_not_ask();
    if !about.is_empty() {
        advice.push(format!("do not ask about {}", about.join("; ")));
    }
    advice
}

/// The command that comes next; `scenario` is the one to go on with, or the folder of one.
pub fn next(calibrated: &Calibrated, scenario: &Path) -> String {
    let scenario = scenario.display();
    let may_tune = match calibrated.verdict {
        Agreement::Agrees => true,
        Agreement::Off => !Off::of(calibrated).times,
        Agreement::TooLittle => false,
    };
    match calibrated.verdict {
        _ if may_tune && calibrated.mode != Mode::Advanced => {
            format!("next: stickysim compare {scenario} --a mode={} --b mode=advanced", calibrated.mode.name())
        }
        _ if may_tune && !calibrated.escape_is_on => format!("next: stickysim compare {scenario}"),
        _ if may_tune => format!("next: stickysim tune {scenario} --vary sticky_escape_ttft_ms=2000:40000:log"),
        Agreement::TooLittle => "next: export a longer period and calibrate again".to_owned(),
        _ => {
            "next: see which figures are off in report.md, and whether --accounts, --gateway-config and the period are \
              those of the log"
                .to_owned()
        }
    }
}
