//! `stickysim sweep`.

use std::path::PathBuf;

use clap::Args;

use super::compare::known;
use super::experiment_args::{Bar, Output, OutputArgs, Sink};
use super::picture_args::{PictureArgs, Pictures};
use super::scenario_args::{ScenarioArgs, refuse_idle};
use super::{End, terminal};
use crate::experiment::cell::Figure;
use crate::experiment::replicate::threads;
use crate::experiment::shard::Shard;
use crate::experiment::stats::Level;
use crate::experiment::sweep::{self, Done, Layout, Swept, axes};
use crate::report::SweepReport;
use crate::report::picture::{sweep_charts, sweep_page};

/// The figure by which values are judged unless others are named.
pub(crate) const OBJECTIVE: &str = "sessions.worst_ttft_ms.p99";

/// Sweep one or several keys over values, every point on the same luck.
///
/// For each key it says which value is best, which values are as good (the plateau), where neighbours are much worse (a
/// cliff) and where the key does nothing. A sweep of an escape threshold always has `off` as its reference.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 done, 2 bad input, 4 inert: a key changed no decision of the scheduler anywhere.\n\n\
    Examples:\n  \
    stickysim sweep scenarios/slow-account.yaml \\\n      \
    --vary sticky_escape_ttft_ms=1000:60000:log:25 --out sweep.jsonl\n  \
    stickysim sweep scenarios/slow-account.yaml \\\n      \
    --vary sticky_escape_ttft_ms=1000:60000:log:25 --html sweep.html\n  \
    stickysim sweep scenarios/slow-account.yaml \\\n      \
    --vary lb_top_k=1,3,7 --vary ewma_alpha=0.1:0.5:lin:5\n  \
    stickysim sweep scenarios/slow-account.yaml \\\n      \
    --vary conditions.slow.effect.ttft_factor=5,10,20 --output csv\n  \
    stickysim sweep scenarios/slow-account.yaml \\\n      \
    --over conditions.slow.effect.ttft_factor=5,10,20 \\\n      \
    --vary sticky_escape_ttft_ms=3000,5000,8000,15000"
)]
pub(crate) struct Sweep {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Vary a key: KEY=LOW:HIGH:log:N, KEY=LOW:HIGH:lin:N or KEY=a,b,c; several make a grid.
    #[arg(long, value_name = "KEY=SPEC", required = true)]
    vary: Vec<String>,
    /// Vary a key of the environment, which nobody decides, in the same forms: every value of --vary is judged in each;
    /// may be given several times.
    #[arg(long, value_name = "KEY=SPEC")]
    over: Vec<String>,
    /// Run this many replications of each point.
    #[arg(short, long, value_name = "R", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    replications: u64,
    #[command(flatten)]
    objectives: Objectives,
    /// Keep every finished run in this journal; started again with the same arguments, the sweep goes on from there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Run only part I of N (needs --out); `stickysim merge` joins the parts.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    pictures: PictureArgs,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Objectives {
    /// Judge values by this figure; may be given several times [default: sessions.worst_ttft_ms.p99].
    #[arg(long, value_name = "PATH")]
    figure: Vec<String>,
    /// How much each environment of --over counts in the mean, in their order [default: all the same].
    #[arg(long, value_name = "W,W,...", value_delimiter = ',', value_parser = weight)]
    weights: Vec<f64>,
}

/// The weight of an environment or a scenario.
pub(super) fn weight(text: &str) -> Result<f64, String> {
    let weight = text.trim().parse::<f64>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
    weight.ok_or_else(|| format!("`{text}` is no weight; write numbers of 0 or more, as `3,1,1`"))
}

/// Weights for so many of something.
pub(super) fn weights_fit(weights: &[f64], many: usize, of: &str) -> anyhow::Result<()> {
    anyhow::ensure!(
        weights.is_empty() || weights.len() == many,
        "--weights has {} numbers, and there are {many} {of}: write one for each, in their order",
        weights.len()
    );
    anyhow::ensure!(
        weights.is_empty() || weights.iter().sum::<f64>() > 0.0,
        "--weights are all 0: nothing would count"
    );
    Ok(())
}

impl Objectives {
    fn paths(&self) -> Vec<String> {
        if self.figure.is_empty() { vec![OBJECTIVE.to_owned()] } else { self.figure.clone() }
    }

    /// The figures, whatever the scenario.
    pub(crate) fn known(&self) -> anyhow::Result<Vec<Figure>> {
        let unknown = |path: String| anyhow::anyhow!("no figure is called `{path}`");
        self.paths().into_iter().map(|path| Figure::at(&path).ok_or_else(|| unknown(path))).collect()
    }

    /// The figures, among those of a sweep.
    pub(crate) fn of_swept(&self, swept: &Swept) -> anyhow::Result<Vec<Figure>> {
        self.among(&Figure::union_of_cells(&swept.cells))
    }

    /// The figures, among those that there are.
    fn among(&self, figures: &[Figure]) -> anyhow::Result<Vec<Figure>> {
        let paths: Vec<&str> = figures.iter().map(|figure| figure.path.as_str()).collect();
        let wanted = self.paths();
        known(&wanted, &paths)?;
        Ok(wanted.iter().filter_map(|path| figures.iter().find(|figure| figure.path == *path)).cloned().collect())
    }
}

impl Sweep {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let (base, mut remarks) = self.scenario.base()?;
        let layout = Layout::over(axes(&self.over)?, axes(&self.vary)?, self.replications)?;
        let environments = layout.environment().iter().map(|axis| axis.points.len()).product();
        weights_fit(&self.objectives.weights, environments, "environments")?;
        let specs: Vec<String> = self.over.iter().chain(&self.vary).cloned().collect();
        let sweep = sweep::Sweep::new(&base, &specs, layout)?;
        refuse_idle(sweep.variants())?;
        remarks.on(sweep.variants());
        // a misspelt figure is known before the long work
        self.objectives.among(&Figure::union(sweep.variants().iter().map(|variant| &variant.lowered)))?;
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        anyhow::ensure!(
            shard == Shard::WHOLE || !self.pictures.wanted(),
            "a shard has a part of the runs only: give --plot and --html to `stickysim merge` when it joins the shards"
        );
        let mut places = self.scenario.places();
        if let Some(variant) = sweep.variants().first() {
            places = places.reads_trace_often_of(&variant.lowered);
        }
        let places = places.writes("--out", self.out.as_deref()).writes("--to", self.output.to.as_deref());
        self.pictures.places(places).check()?;
        let sink = self.output.open()?;
        let pictures = self.pictures.open()?;
        let bar = Bar::new();
        let done = sweep.run(shard, self.out.as_deref(), &threads(self.output.threads)?, &bar);
        bar.finish();
        match done? {
            Done::All(swept) => {
                report(&swept, &self.objectives, self.output.output, self.scenario.verbose, sink, pictures)
            }
            Done::Part { cells, of } => {
                terminal::remark(&format!(
                    "shard {shard}: {cells} of {of} runs are in the journal; join the parts with `stickysim merge`"
                ));
                Ok(End::Done)
            }
        }
    }
}

/// Prints a sweep, and gives the status that says whether it was in vain.
pub(crate) fn report(
    swept: &Swept,
    objectives: &Objectives,
    output: Output,
    verbose: bool,
    sink: Sink,
    pictures: Pictures,
) -> anyhow::Result<End> {
    let named = objectives.of_swept(swept)?;
    let environments = swept.layout.environment().iter().map(|axis| axis.points.len()).product();
    weights_fit(&objectives.weights, environments, "environments")?;
    let report = SweepReport::new(swept, &named, Level::PERCENT_95, &objectives.weights);
    pictures.write(|| sweep_charts(&report), |command| sweep_page(&report, command))?;
    sink.write(&report, output, verbose)?;
    Ok(if report.is_inert() { End::Inert } else { End::Done })
}
