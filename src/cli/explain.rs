//! `stickysim explain`.

use clap::{Args, Subcommand};

use super::scenario_args::ScenarioArgs;
use super::{End, terminal};
use crate::experiment::explain::{Explanation, Subject, explain};
use crate::experiment::replicate::seed_of;
use crate::report::Style;
use crate::report::explain::{Explainer, ThresholdTable};
use crate::simulation::lower;

/// Explain why a request went where it went, or what a session went through.
///
/// Shows bindings, averages and the comparison of the gate, every candidate with its factors and score, which accounts
/// were not candidates and why, the draw, and the slots. `stickysim explain threshold` prints how many slow completions
/// it takes until the gate fires.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 2 bad input.\n\nExamples:\n  \
    stickysim explain scenarios/slow-account.yaml --session worst\n  \
    stickysim explain scenarios/slow-account.yaml --session worst --turn 12\n  \
    stickysim explain scenarios/slow-account.yaml --request 4711\n  \
    stickysim explain threshold --baseline 1300 --to 20000,30000")]
pub(crate) struct Explain {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    scenario: Option<ScenarioArgs>,
    /// The session, by its hash (column `session` of requests.csv) or its number; `worst`: the one with the worst turn.
    #[arg(long, value_name = "S", default_value = "worst", conflicts_with = "request")]
    session: String,
    /// One turn of the session, from 0, with all its reasons.
    #[arg(long, value_name = "N", conflicts_with = "request")]
    turn: Option<u32>,
    /// One request by its number (column `request` of requests.csv), with all its reasons.
    #[arg(long, value_name = "ID")]
    request: Option<u64>,
    /// Look into this replication.
    #[arg(long, value_name = "I", default_value_t = 0)]
    replication: u64,
}

#[derive(Subcommand)]
enum What {
    /// Print after how many slow completions the escape gate fires, and after how many good ones it opens again.
    Threshold(Threshold),
}

#[derive(Args)]
struct Threshold {
    /// TTFT in ms when all is well.
    #[arg(long, value_name = "MS", default_value_t = 1300.0, value_parser = positive)]
    baseline: f64,
    /// TTFTs in ms of the slow completions.
    #[arg(long, value_name = "MS,...", value_delimiter = ',', value_parser = positive)]
    #[arg(default_values_t = [16000.0, 20000.0, 30000.0, 50000.0])]
    to: Vec<f64>,
    /// sticky_escape_ttft_ms.
    #[arg(long, value_name = "MS", default_value_t = 15000.0, value_parser = positive)]
    threshold: f64,
    /// Weight of the newest completion; 0.2 in the gateway.
    #[arg(long, value_name = "A", default_value_t = 0.2, value_parser = share)]
    alpha: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.trim().parse().ok();
    value.filter(|value| value.is_finite() && *value > 0.0).ok_or_else(|| "expected a number of ms above 0".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    positive(text).ok().filter(|&value| value <= 1.0).ok_or_else(|| "expected a number above 0, at most 1".to_owned())
}

impl Explain {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let style = terminal::style(true, true);
        match (&self.what, &self.scenario) {
            (Some(What::Threshold(of)), _) => {
                let table = ThresholdTable {
                    baseline_ms: of.baseline,
                    threshold_ms: of.threshold,
                    alpha: of.alpha,
                    levels_ms: of.to.clone(),
                };
                terminal::print(&table.to_text(style))?;
            }
            (None, Some(scenario)) => self.of_run(scenario, style)?,
            (None, None) => anyhow::bail!("name a scenario, or `threshold`; see `stickysim explain --help`"),
        }
        Ok(End::Done)
    }

    fn of_run(&self, scenario: &ScenarioArgs, style: Style) -> anyhow::Result<()> {
        let loaded = scenario.load()?;
        let lowered = lower(&loaded.scenario)?;
        let subject = match (self.request, self.session.as_str()) {
            (Some(number), _) => Subject::Request(number),
            (None, "worst") => Subject::Worst,
            (None, name) => Subject::Session(name.to_owned()),
        };
        let Explanation { journeys, requests } = explain(&lowered, seed_of(lowered.seed, self.replication), &subject)?;
        let explainer = Explainer::new(&lowered);
        let first = journeys.first().ok_or_else(|| match &subject {
            Subject::Request(number) => anyhow::anyhow!("there is no request {number}: the run has {requests}, from 0"),
            Subject::Session(name) => anyhow::anyhow!(
                "there is no session `{name}`; `stickysim run SCENARIO --out DIR` writes them to sessions.csv"
            ),
            Subject::Worst => anyhow::anyhow!("the run has no session with a turn that counts"),
        })?;
        let text = match (&subject, self.turn) {
            (Subject::Request(_), _) => explainer.request(first, style),
            (_, None) => explainer.session(&journeys, style),
            (_, Some(turn)) => {
                let wanted = journeys.iter().find(|journey| journey.turn == turn);
                let last = journeys.last().map_or(0, |journey| journey.turn);
                let wanted = wanted.ok_or_else(|| {
                    anyhow::anyhow!("the session has no turn {turn}: it has {} to {last}", first.turn)
                })?;
                explainer.request(wanted, style)
            }
        };
        terminal::print(&text)?;
        Ok(())
    }
}
