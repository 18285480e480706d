//! The arguments by which every verb names a scenario.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::places::{Places, or_stdin};
use super::terminal;
use crate::experiment::variant::{Variant, idle_everywhere};
use crate::scenario::{Document, Loaded, Set, Setting};

/// Which scenario, and what is changed in it.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScenarioArgs {
    /// The scenario, a YAML file (see docs/reference/scenario.md), or - for standard input.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// Replay this trace in place of the scenario's workload, from its first request to its last (the scenario's
    /// duration and warm-up are dropped together with its workload). The format is recognised by the content. The file
    /// may be plain, .gz or .zst; - is standard input, for a single run only, because a pipe can be read only once.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Override a key of the scenario, for example --set sticky_escape_ttft_ms=8000 or --set accounts.3.concurrency=4;
    /// may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Take this seed in place of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Say more: every table of a text, and keys of the gateway's config that change nothing here.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// What was said about scenarios on standard error. Each remark is said once, in however many variants it is true.
#[derive(Debug, Default)]
pub(crate) struct Remarks(BTreeSet<String>);

impl Remarks {
    fn say<'a>(&mut self, kind: &str, all: impl IntoIterator<Item = &'a String>) {
        for text in all {
            if self.0.insert(text.clone()) {
                terminal::remark(&format!("{kind}: {text}"));
            }
        }
    }

    /// Says what looks like a mistake in these variants, and how they were understood differently from how they were
    /// written.
    pub(crate) fn on<'a>(&mut self, variants: impl IntoIterator<Item = &'a Variant>) {
        for variant in variants {
            self.say("warning", &variant.warnings);
            self.say("note", &variant.notes);
        }
    }
}

/// That an override changes nothing is a mistake that is reported before the work.
pub(crate) fn idle(setting: &Setting) -> anyhow::Error {
    let why = setting.idle.unwrap_or_default();
    anyhow::anyhow!("{} {}={} would change nothing: {why}", setting.from, setting.key, setting.value)
}

/// Refuses overrides that change nothing in any variant of an experiment.
pub(crate) fn refuse_idle<'a>(variants: impl IntoIterator<Item = &'a Variant> + Clone) -> anyhow::Result<()> {
    idle_everywhere(variants).map_or(Ok(()), |setting| Err(idle(setting)))
}

impl ScenarioArgs {
    /// The parsed file with the trace in place, and the overrides.
    pub(crate) fn document(&self) -> anyhow::Result<(Document, Vec<Set>)> {
        let mut document = Document::read(&or_stdin(&self.scenario))?;
        if let Some(trace) = &self.trace {
            document = document.with_trace(&or_stdin(trace))?;
        }
        let mut sets: Vec<Set> = self.sets.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?;
        if let Some(seed) = self.seed {
            sets.push(Set::new("seed", &seed.to_string())?);
        }
        Ok((document, sets))
    }

    /// The files that it reads.
    pub(crate) fn places(&self) -> Places {
        let places = Places::default().reads("the scenario", &or_stdin(&self.scenario));
        match &self.trace {
            Some(trace) => places.reads("the trace", &or_stdin(trace)),
            None => places,
        }
    }

    /// The scenario, checked; what there is to say about it goes to standard error.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let (document, sets) = self.document()?;
        let loaded = document.resolve(&sets)?;
        if let Some(setting) = loaded.given().find(|setting| setting.idle.is_some()) {
            return Err(idle(setting));
        }
        self.remark(&loaded);
        Ok(loaded)
    }

    /// Says on standard error what was understood differently, and with -v what was ignored.
    pub(crate) fn remark(&self, loaded: &Loaded) -> Remarks {
        let mut remarks = Remarks::default();
        remarks.say("warning", &loaded.warnings);
        remarks.say("note", &loaded.notes);
        if self.verbose {
            for key in &loaded.ignored_gateway_keys {
                terminal::remark(&format!(
                    "ignored: {key} (a key of the gateway that changes nothing in a simulation)"
                ));
            }
        }
        remarks
    }
}
