//! `stickysim tune`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::End;
use super::compare::known;
use super::experiment_args::{Bar, OutputArgs};
use super::picture_args::PictureArgs;
use super::places::{Places, or_stdin};
use super::scenario_args::{Remarks, refuse_idle};
use super::sweep::{OBJECTIVE, weight, weights_fit};
use crate::experiment::cell::Figure;
use crate::experiment::choice::Over;
use crate::experiment::criterion::Criterion;
use crate::experiment::grid::Grid;
use crate::experiment::jobs::Progress as _;
use crate::experiment::replicate::threads;
use crate::experiment::round::rounded;
use crate::experiment::stats::Level;
use crate::experiment::sweep::axes;
use crate::experiment::tune::{self, Advice, Against, screen};
use crate::experiment::variant::{Base, Variant};
use crate::experiment::vary::Axis;
use crate::report::TuneReport;
use crate::report::picture::{tune_charts, tune_page};
use crate::scenario::{Document, Set};

/// Search for the values to set for one or several keys, over one or several scenarios at once.
///
/// Replications are spent where they help to decide (successive halving on common luck), and values of one key inform
/// their neighbours. Over several scenarios the worst regret is minimised, so that a value holds in all of them. Among
/// the values that are as good as the best, the cheapest is chosen. What it buys and costs, compared with the scenario
/// as it is and with escape off, is measured again on seeds that the search has not used, until the value is shown to
/// be better or a gain of --smallest is ruled out.
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
    /// Vary a key: KEY=LOW:HIGH:log[:N], KEY=LOW:HIGH:lin[:N] (over round values) or KEY=a,b,c; several make a grid.
    /// Without any, a screening finds out which of the gateway's keys matter here, and those are searched.
    #[arg(long, value_name = "KEY=RANGE")]
    vary: Vec<String>,
    /// Vary a key of the environment, which nobody decides: every scenario counts once for each value; may be given
    /// several times.
    #[arg(long, value_name = "KEY=RANGE")]
    over: Vec<String>,
    /// Weigh the scenarios (each with its values of --over, in their order) in place of taking the worst regret.
    #[arg(long, value_name = "W,W,...", value_delimiter = ',', value_parser = weight)]
    weights: Vec<f64>,
    /// The figure to minimise (or to maximise, if more is better).
    #[arg(long, value_name = "FIGURE", default_value = OBJECTIVE)]
    minimise: String,
    /// A value must keep to this in every scenario: FIGURE <= LIMIT; may be given several times.
    #[arg(long, value_name = "EXPRESSION")]
    subject_to: Vec<String>,
    /// What relative limits (+2%) are relative to.
    #[arg(long, value_enum, default_value_t = Reference::Default)]
    against: Reference,
    /// Replay this trace in place of the workload of all scenarios, as with `stickysim run`.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Override a key in all scenarios; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Take this seed in place of the scenarios' own.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The most runs of the search, all scenarios together [default: twelve per value and scenario; fewer if runs are
    /// long, and if they are short more, until it is settled which value to take].
    #[arg(long, value_name = "RUNS")]
    budget: Option<usize>,
    /// Fresh replications on which the best value is first compared with the current one.
    #[arg(short, long, value_name = "R", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=100_000))]
    replications: u32,
    /// The most fresh replications; they continue until it is decided [default: eight times --replications; more if
    /// runs are short].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    max_replications: Option<u32>,
    /// The smallest gain that matters, as a share of the current figure; a value that is worse by less counts as
    /// equally good.
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    smallest: f64,
    /// Keep every finished run in this journal; started again with the same arguments, the search goes on from there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say more: every value that was tried.
    #[arg(short, long)]
    verbose: bool,
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
        let bases = self.bases()?;
        let whole: Vec<_> = bases.iter().map(|base| base.variant("", &[])).collect::<Result<_, _>>()?;
        let mut remarks = Remarks::default();
        remarks.on(&whole);
        let figures = Figure::union(whole.iter().map(|variant| &variant.lowered));
        let paths: Vec<&str> = figures.iter().map(|figure| figure.path.as_str()).collect();
        known(std::slice::from_ref(&self.minimise), &paths)?;
        let objective = figures.iter().find(|figure| figure.path == self.minimise).cloned();
        let objective = objective.ok_or_else(|| anyhow::anyhow!("no figure is called `{}`", self.minimise))?;

        self.places(&whole).check()?;

        let (threads, bar) = (threads(self.output.threads)?, Bar::new());
        let mut screened = Vec::new();
        let specs: Vec<String> = if self.vary.is_empty() {
            bar.at_most(screen::runs(bases.len()));
            screened = screen::screen(&bases, &objective, Level::PERCENT_95, &threads, &bar)?;
            screen::specs(&screened)
        } else {
            self.vary.iter().map(|spec| rounded(spec)).collect::<Result<_, _>>()?
        };
        let axes = axes(&specs)?;
        let tried = tried(&bases, &axes);
        refuse_idle(&tried)?;
        remarks.on(&tried);
        let mut tuning = tune::Tune::new(&bases, axes, specs, objective, Level::PERCENT_95)?;
        tuning.constraints =
            self.subject_to.iter().map(|text| Criterion::parse(text, &paths)).collect::<Result<_, _>>()?;
        tuning.against = match self.against {
            Reference::Default => Against::Default,
            Reference::Off => Against::Off,
        };
        tuning.budget = self.budget;
        tuning.confirm = self.replications as usize;
        if let Some(most) = self.max_replications.map(|most| most as usize) {
            anyhow::ensure!(
                most >= tuning.confirm,
                "--max-replications {most} is less than the {} with which the confirmation begins (--replications)",
                tuning.confirm
            );
            tuning.confirm_most = Some(most);
        }
        tuning.smallest = self.smallest;
        let sink = self.output.open()?;
        let pictures = self.pictures.open()?;
        if !self.weights.is_empty() {
            tuning.over = Over::Mean(self.weights.clone());
        }
        let tuned = tuning.run(self.out.as_deref(), &threads, &bar);
        bar.finish();
        let tuned = tuned?;
        let report = TuneReport { screened, ..TuneReport::new(&tuning, tuned) };
        pictures.write(|| tune_charts(&report), |command| tune_page(&report, command))?;
        sink.write(&report, self.output.output, self.verbose)?;
        Ok(if report.tuned.advice == Advice::Inert { End::Inert } else { End::Done })
    }
}

impl Tune {
    /// The scenarios with their overrides, each once, in each of the environments.
    fn bases(&self) -> anyhow::Result<Vec<Base>> {
        let mut sets: Vec<Set> = self.sets.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?;
        if let Some(seed) = self.seed {
            sets.push(Set::new("seed", &seed.to_string())?);
        }
        let base = |path: &PathBuf| {
            let document = Document::read(path)?;
            let document =
                self.trace.iter().try_fold(document, |document, trace| document.with_trace(&or_stdin(trace)))?;
            Ok(Base { document, sets: sets.clone() })
        };
        let bases: Vec<Base> = self.scenarios.iter().map(base).collect::<anyhow::Result<_>>()?;
        let bases = in_environments(bases, &self.over)?;
        weights_fit(&self.weights, bases.len(), "scenarios and environments")?;
        for (at, path) in self.scenarios.iter().enumerate() {
            let same = |other: &PathBuf| other == path || same_file(other, path);
            anyhow::ensure!(
                !self.scenarios[..at].iter().any(same),
                "{} is given twice: a scenario counts once (--weights says how much)",
                path.display()
            );
        }
        Ok(bases)
    }

    fn places(&self, whole: &[Variant]) -> Places {
        let mut places = Places::default();
        for path in &self.scenarios {
            places = places.reads("the scenario", path);
        }
        if let Some(trace) = &self.trace {
            places = places.reads("the trace", &or_stdin(trace));
        }
        for variant in whole {
            places = places.reads_trace_often_of(&variant.lowered);
        }
        let places = places.writes("--out", self.out.as_deref()).writes("--to", self.output.to.as_deref());
        self.pictures.places(places)
    }
}

/// Each scenario with each value of each key alone, for what can be said before the work.
fn tried(bases: &[Base], axes: &[Axis]) -> Vec<Variant> {
    let mut all = Vec::new();
    for base in bases {
        for (axis, point) in axes.iter().flat_map(|axis| axis.points.iter().map(move |point| (axis, point))) {
            // what is not valid alone may be so together with others
            all.extend(base.variant_of("--vary", "", &[format!("{}={}", axis.key, point.text)]).ok());
        }
    }
    all
}

/// Every scenario in every environment, under a name that says which.
fn in_environments(bases: Vec<Base>, over: &[String]) -> anyhow::Result<Vec<Base>> {
    if over.is_empty() {
        return Ok(bases);
    }
    let grid = Grid::new(axes(over)?)?;
    let mut all = Vec::new();
    for base in bases {
        let name = base.variant("", &[])?.scenario.name;
        for at in 0..grid.size() {
            let mut sets = base.sets.clone();
            let mut words = vec![name.clone()];
            for (axis, point) in grid.combination(at) {
                let set = format!("{}={}", axis.key, point.text);
                sets.push(Set::parse_of("--over", &set)?);
                words.push(format!("{}={}", axis.key.rsplit('.').next().unwrap_or(&axis.key), point.text));
            }
            sets.push(Set::new("name", &words.join(" "))?);
            all.push(Base { document: base.document.clone(), sets });
        }
    }
    Ok(all)
}

/// Whether two paths lead to one file.
fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// `5%` or `0.05`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
    let share = number.trim().parse::<f64>().ok().map(|number| number * scale);
    share
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| format!("`{text}` is no share of a figure; write one above 0 and below 1, as `5%` or `0.05`"))
}
