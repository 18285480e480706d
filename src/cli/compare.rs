//! `stickysim compare`.

use std::path::PathBuf;

use clap::Args;

use super::End;
use super::experiment_args::{Bar, OutputArgs};
use super::picture_args::PictureArgs;
use super::scenario_args::{ScenarioArgs, refuse_idle};
use crate::experiment::cell::Figure;
use crate::experiment::compare::precision::Precision;
use crate::experiment::compare::{Conclusion, Plan, split};
use crate::experiment::criterion::{Criterion, nearest};
use crate::experiment::replicate::threads;
use crate::experiment::stats::Level;
use crate::experiment::variant::{Base, ESCAPE_OFF, Variant};
use crate::files::PendingFile;
use crate::report::ComparisonReport;
use crate::report::picture::{Sides, comparison_charts, comparison_page};

/// Compare two settings on the same luck, with intervals, verdicts and gates.
///
/// A is the scenario with sticky escape off, B the scenario as it stands, unless --a or --b say otherwise. Both run on
/// the same seeds, so that the luck they share cancels in the difference.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 done and no gate failed, 1 a gate failed, 2 bad input, 3 a gate cannot be decided \
    at this number of replications, or --precision was not reached, 4 inert: no decision of the scheduler differed in \
    any replication.\n\n\
    Examples:\n  \
    stickysim compare scenarios/slow-account.yaml\n  \
    stickysim compare scenarios/slow-account.yaml \\\n      \
    --a sticky_escape_ttft_ms=15000 --b sticky_escape_ttft_ms=8000\n  \
    stickysim compare scenarios/slow-account.yaml \\\n      \
    --fail-if 'sessions.worst_ttft_ms.p99 > +5%' \\\n      \
    --fail-if 'escapes.wasted_ratio > 0.3' --junit gates.xml --output markdown\n  \
    stickysim compare scenarios/slow-account.yaml --html page.html --plot charts\n  \
    stickysim compare scenarios/slow-account.yaml \\\n      \
    --precision felt_ttft_ms.p99=2% --split-reasons --noise-floor"
)]
pub(crate) struct Compare {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Set a key in A, in place of switching escape off there; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    a: Vec<String>,
    /// Set a key in B; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    b: Vec<String>,
    /// Run this many replications of each.
    #[arg(short, long, value_name = "R", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    replications: u64,
    /// Fail (exit status 1) when this holds: FIGURE > LIMIT with >, >=, <, <=; a limit with a sign (+5%, +200) is
    /// relative to A, one without (0.3) is for B itself; may be given several times.
    #[arg(long, value_name = "EXPRESSION")]
    fail_if: Vec<String>,
    /// Add replications until half the interval of this figure's difference is this narrow: FIGURE=2% (of A) or
    /// FIGURE=200; exit status 3 if that is not reached.
    #[arg(long, value_name = "FIGURE=WIDTH")]
    precision: Option<String>,
    /// The most replications that --precision may take.
    #[arg(long, value_name = "R", default_value_t = 200, requires = "precision")]
    max_replications: u64,
    /// Show what each of the three escape reasons contributes.
    #[arg(long)]
    split_reasons: bool,
    /// Run A against A on other seeds, to show how large a meaningless difference can be.
    #[arg(long)]
    noise_floor: bool,
    /// Also show this figure; may be given several times.
    #[arg(long, value_name = "PATH")]
    figure: Vec<String>,
    /// Show every figure.
    #[arg(long)]
    all: bool,
    /// Also write the gates as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    pictures: PictureArgs,
}

impl Compare {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let (base, mut remarks) = self.scenario.base()?;
        let plan = self.plan(&base)?;
        remarks.on([&plan.a, &plan.b]);
        let places =
            self.scenario.places().reads_trace_often_of(&plan.b.lowered).writes("--to", self.output.to.as_deref());
        self.pictures.places(places).writes("--junit", self.junit.as_deref()).check()?;
        let sink = self.output.open()?;
        let pictures = self.pictures.open()?;
        let junit = self.junit.as_ref().map(PendingFile::create).transpose()?;

        let bar = Bar::new();
        let comparison = plan.run(&threads(self.output.threads)?, &bar);
        bar.finish();
        let comparison = comparison?;

        let scenario = |variant: &Variant| serde_json::to_value(&variant.scenario);
        let report = ComparisonReport {
            name: plan.b.scenario.name.clone(),
            comparison,
            also: self.figure.clone(),
            all: self.all,
            scenarios: [scenario(&plan.a)?, scenario(&plan.b)?],
        };
        if let Some(mut file) = junit {
            file.put(report.to_junit().as_bytes())?;
            file.commit()?;
        }
        if self.pictures.wanted() {
            let (sides, _) = Sides::record(&plan.a.lowered, &plan.b.lowered)?;
            let charts = || comparison_charts(&report, Some(&sides));
            pictures.write(charts, |command| comparison_page(&report, Some(&sides), command))?;
        }
        sink.write(&report, self.output.output, self.scenario.verbose)?;
        Ok(match report.comparison.conclusion() {
            Conclusion::Passed => End::Done,
            Conclusion::Failed => End::Failed,
            Conclusion::NotDecidable => End::NotDecidable,
            Conclusion::Inert => End::Inert,
        })
    }

    fn plan(&self, base: &Base) -> anyhow::Result<Plan> {
        let a = if self.a.is_empty() {
            base.variant("escape off", &[ESCAPE_OFF.to_owned()])?
        } else {
            base.variant_of("--a", self.a.join(" "), &self.a)?
        };
        let b = if self.b.is_empty() { "as it stands".to_owned() } else { self.b.join(" ") };
        let b: Variant = base.variant_of("--b", b, &self.b)?;
        refuse_idle([&a, &b])?;
        let figures = Figure::union([&a.lowered, &b.lowered]);
        let paths: Vec<&str> = figures.iter().map(|figure| figure.path.as_str()).collect();
        known(&self.figure, &paths)?;
        let fail_if = self.fail_if.iter().map(|text| Criterion::parse(text, &paths)).collect::<Result<_, _>>()?;
        let precision = self.precision.as_ref();
        let precision =
            precision.map(|text| Precision::parse(text, &figures, self.max_replications.max(self.replications)));
        let ladder = if self.split_reasons {
            anyhow::ensure!(
                b.lowered.gateway.scheduler.sticky_escape_enabled,
                "--split-reasons takes apart what escape does in B, but B has escape off"
            );
            split::ladder(base, &self.b)?
        } else {
            Vec::new()
        };
        Ok(Plan {
            a,
            b,
            ladder,
            replications: self.replications,
            precision: precision.transpose()?,
            fail_if,
            noise_floor: self.noise_floor,
            level: Level::PERCENT_95,
        })
    }
}

/// Whether figures that were named exist; the error suggests the nearest.
pub(crate) fn known(wanted: &[String], paths: &[&str]) -> anyhow::Result<()> {
    for path in wanted {
        if !paths.contains(&path.as_str()) {
            let near = nearest(path, paths);
            let near =
                if near.is_empty() { String::new() } else { format!("; did you mean `{}`?", near.join("` or `")) };
            anyhow::bail!("no figure is called `{path}`{near}");
        }
    }
    Ok(())
}
