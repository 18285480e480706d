//! `stickysim tune`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::End;
use super::compare::known;
use super::experiment_args::{Bar, OutputArgs};
use super::picture_args::PictureArgs;
use super::places::Places;
use super::sweep::OBJECTIVE;
use crate::experiment::cell::Figure;
use crate::experiment::gate::Condition;
use crate::experiment::replicate::threads;
use crate::experiment::stats::Level;
use crate::experiment::sweep::axes;
use crate::experiment::tune::{Advice, Against, Tune as Tuning};
use crate::experiment::variant::Base;
use crate::report::TuneReport;
use crate::report::picture::{tune_charts, tune_page};
use crate::scenario::{Document, Set};

/// Search the best value of one or several keys, over one or several scenarios at once.
///
/// Replications go where they decide (successive halving on common luck). Over several scenarios the worst regret is
/// made small, so that a value holds for all of them. What the best value buys and costs against the scenario as it
/// stands, and against escape off, is measured again on seeds that the search has not seen.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 done, 2 bad input, 4 inert: no value changed any decision of the scheduler.\n\n\
    Examples:\n  \
    stickysim tune scenarios/slow-account.yaml \\\n      \
    --vary sticky_escape_ttft_ms=2000:40000:log \\\n      \
    --subject-to 'cost.cold_turn_ratio <= +2%'\n  \
    stickysim tune scenarios/slow-account.yaml scenarios/brownout.yaml \\\n      \
    scenarios/healthy.yaml --vary sticky_escape_ttft_ms=2000:40000:log \\\n      \
    --out tune.jsonl --html tune.html"
)]
pub(crate) struct Tune {
    /// The scenarios.
    #[arg(value_name = "SCENARIO", required = true)]
    scenarios: Vec<PathBuf>,
    /// Vary a key: KEY=LOW:HIGH:log[:N], KEY=LOW:HIGH:lin[:N] or KEY=a,b,c; several make a grid.
    #[arg(long, value_name = "KEY=RANGE", required = true)]
    vary: Vec<String>,
    /// The figure to make small (large, where more is better).
    #[arg(long, value_name = "FIGURE", default_value = OBJECTIVE)]
    minimise: String,
    /// A value must keep to this in every scenario: FIGURE <= LIMIT; may be given several times.
    #[arg(long, value_name = "EXPRESSION")]
    subject_to: Vec<String>,
    /// What relative limits (+2%) are relative to.
    #[arg(long, value_enum, default_value_t = Reference::Default)]
    against: Reference,
    /// Override a key in all scenarios; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Take this seed in place of the scenarios' own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The most runs of the search, all scenarios together; by default twelve an arm and scenario.
    #[arg(long, value_name = "RUNS")]
    budget: Option<usize>,
    /// Fresh replications on which the best is held against the references.
    #[arg(short, long, value_name = "R", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    replications: u32,
    /// Keep every finished run in this journal; started again with the same arguments, the search goes on from there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    pictures: PictureArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reference {
    /// The scenario as it stands.
    Default,
    /// The scenario with escape off.
    Off,
}

impl Tune {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let specs: Vec<String> = self.vary.iter().map(|spec| with_points(spec)).collect();
        let mut sets: Vec<Set> = self.sets.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?;
        if let Some(seed) = self.seed {
            sets.push(Set::new("seed", &seed.to_string())?);
        }
        let bases: Vec<Base> = self
            .scenarios
            .iter()
            .map(|path| Ok(Base { document: Document::read(path)?, sets: sets.clone() }))
            .collect::<anyhow::Result<_>>()?;
        let axes = axes(&specs)?;
        let whole: Vec<_> = bases.iter().map(|base| base.variant("", &[])).collect::<Result<_, _>>()?;
        let figures = Figure::union(whole.iter().map(|variant| &variant.lowered));
        let paths: Vec<&str> = figures.iter().map(|figure| figure.path.as_str()).collect();
        known(std::slice::from_ref(&self.minimise), &paths)?;
        let objective = figures.iter().find(|figure| figure.path == self.minimise).cloned();
        let objective = objective.ok_or_else(|| anyhow::anyhow!("no figure is called `{}`", self.minimise))?;

        let mut places = Places::default();
        for path in &self.scenarios {
            places = places.reads("the scenario", path);
        }
        for variant in &whole {
            places = places.reads_trace_often_of(&variant.lowered);
        }
        let places = places.writes("--out", self.out.as_deref()).writes("--to", self.output.to.as_deref());
        self.pictures.places(places).check()?;

        let mut tuning = Tuning::new(&bases, axes, specs, objective, Level::PERCENT_95)?;
        tuning.constraints =
            self.subject_to.iter().map(|text| Condition::parse(text, &paths)).collect::<Result<_, _>>()?;
        tuning.against = match self.against {
            Reference::Default => Against::Default,
            Reference::Off => Against::Off,
        };
        tuning.budget = self.budget.unwrap_or(tuning.budget);
        tuning.confirm = self.replications as usize;
        let sink = self.output.open()?;
        let pictures = self.pictures.open()?;
        let bar = Bar::new();
        let tuned = tuning.run(self.out.as_deref(), &threads(self.output.threads)?, &bar);
        bar.finish();
        let tuned = tuned?;
        let report = TuneReport::new(&tuning, tuned);
        pictures.write(|| tune_charts(&report), |command| tune_page(&report, command))?;
        sink.write(&report, self.output.output)?;
        Ok(if report.tuned.advice == Advice::Inert { End::Inert } else { End::Done })
    }
}

/// A range without a number of points gets 16: a search may leave that open.
fn with_points(spec: &str) -> String {
    let spec = spec.trim();
    if spec.ends_with(":log") || spec.ends_with(":lin") { format!("{spec}:16") } else { spec.to_owned() }
}
