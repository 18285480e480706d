//! `stickysim check`.

use clap::Args;

use super::amounts::amounts;
use super::scenario_args::ScenarioArgs;
use super::{End, terminal};
use crate::simulation::lower;
use crate::workload::Source;

/// Check a scenario and show what it amounts to.
///
/// Reads the scenario with its overrides, the gateway's config and every file that it names, without running it. Exit
/// status 2 and one clear error when anything is wrong.
#[derive(Args)]
pub(crate) struct Check {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Print the whole effective scenario, all defaults filled in, as JSON (which is again a scenario).
    #[arg(long)]
    effective: bool,
}

impl Check {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let loaded = self.scenario.load()?;
        let lowered = lower(&loaded.scenario)?;
        // opening the workload finds a trace that is missing or of no known format
        let source = Source::open(lowered.workload.clone(), crate::engine::Luck::new(lowered.seed), lowered.start)?;
        if self.effective {
            terminal::print(&serde_json::to_string_pretty(&loaded.scenario)?)?;
            return Ok(End::Done);
        }
        for note in source.notes() {
            terminal::remark(&format!("note: {note}"));
        }
        terminal::print(&amounts(&loaded, &lowered))?;
        Ok(End::Done)
    }
}
