//! `stickysim check`.

use std::fmt::Write as _;

use clap::Args;

use super::scenario_args::ScenarioArgs;
use super::{End, terminal};
use crate::scenario::{Duration, Loaded, Mode, Setting};
use crate::simulation::{Lowered, lower};
use crate::units::Span;
use crate::workload::config::Start;
use crate::workload::{Expected, Source, WorkloadConfig};

/// Check a scenario and show what it amounts to.
///
/// Reads the scenario with its overrides, the gateway's config and every file that it names, without running it. Exit
/// status 2 and one clear error when anything is wrong.
#[derive(Args)]
pub(crate) struct Check {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Print the whole effective scenario, all defaults filled in, as JSON (which is a scenario, too).
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
        terminal::print(&summary(&loaded, &lowered))?;
        Ok(End::Done)
    }
}

/// How long sessions stay.
fn stay(expected: &Expected) -> String {
    let length = Duration(Span::from_secs((expected.session_s / 60.0 + 0.5) as u64 * 60));
    format!("{:.1} turns in {length} each on average", expected.turns)
}

fn summary(loaded: &Loaded, lowered: &Lowered) -> String {
    let scenario = &loaded.scenario;
    let gate = &lowered.measure.gate;
    let slots: Vec<i64> = lowered.pool.iter().map(|account| account.concurrency).collect();
    let total: i64 = slots.iter().filter(|&&slots| slots > 0).sum();
    let unlimited = slots.iter().filter(|&&slots| slots <= 0).count();
    let mut text = format!("{}: valid\n", scenario.name);
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "  {key:11} {value}");
    };
    line("seed", lowered.seed.to_string());
    let (version, mode) = (scenario.version(), scenario.scheduler_mode());
    line("gateway", format!("{}, mode {}", version.name(), mode.name()));
    line(
        "accounts",
        match unlimited {
            0 => format!("{} with {total} slots", slots.len()),
            _ => format!("{} with {total} slots, {unlimited} of them without a limit", slots.len()),
        },
    );
    line(
        "escape",
        if mode != Mode::Advanced {
            format!("none: the mode {} has no gate", mode.name())
        } else if gate.enabled {
            format!("on: TTFT EWMA over {} ms, error rate over {}, slots full", gate.ttft_ms, gate.error_rate)
        } else {
            "off".to_owned()
        },
    );
    let names: Vec<&str> = lowered.conditions.iter().map(|condition| condition.name.as_str()).collect();
    line("conditions", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
    line(
        "workload",
        match &lowered.workload {
            WorkloadConfig::Synth(_) => "synthetic sessions".to_owned(),
            WorkloadConfig::Replay(replay) => format!("replay of {}", replay.read.path.display()),
        },
    );
    if let (Some(expected), WorkloadConfig::Synth(config)) = (lowered.expected(), &lowered.workload) {
        let starts = if config.start == Start::Empty { "starts empty; in the end" } else { "starts with" };
        line("equilibrium", format!("{starts} {:.0} sessions under way, {}", expected.sessions, stay(&expected)));
        let busy = match unlimited {
            0 => format!("{:.1} of {total} slots busy", expected.busy),
            _ => format!("{:.1} slots busy", expected.busy),
        };
        let rate = expected.requests_per_s;
        line("", format!("{rate:.3} requests a second of {:.2} s each while all is well: {busy}", expected.service_s));
    }
    line("warm-up", lowered.measure.warmup_end.since(lowered.start).to_string());
    line("settings", "those of the gateway that are given, and where they come from".to_owned());
    for setting in &loaded.settings {
        let Setting { key, value, from, over, idle } = setting;
        let over: Vec<String> = over.iter().map(|(value, from)| format!("{value} ({from})")).collect();
        let over = if over.is_empty() { String::new() } else { format!(", over {}", over.join(", ")) };
        let idle = idle.map_or_else(String::new, |why| format!("; no effect: {why}"));
        let _ = writeln!(text, "    {key}: {value} ({from}{over}){idle}");
    }
    text
}
