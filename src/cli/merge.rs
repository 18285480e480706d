//! `stickysim merge`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::End;
use super::experiment_args::OutputArgs;
use super::picture_args::PictureArgs;
use super::places::Places;
use super::sweep::{Objectives, report};
use crate::experiment::shard::Joined;
use crate::experiment::sweep::Swept;

/// Join the journals of a sweep's shards, and report the sweep.
///
/// The merged journal and the report are the same bytes as those of a sweep on one machine. If runs are missing, it
/// says which ones and of which shard, and writes nothing.
#[derive(Args)]
#[command(after_help = "Exit status: 0 done, 2 bad input or missing runs, 4 inert: a key changed no decision of the \
    scheduler anywhere.\n\nExample:\n  stickysim merge part-*.jsonl --out sweep.jsonl\n\n\
    See docs/guide/cluster.md for job files.")]
pub(crate) struct Merge {
    /// The journals of the shards, in any order.
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,
    /// Write the merged journal here.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    objectives: Objectives,
    /// Say more: every table of a text.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    pictures: PictureArgs,
}

impl Merge {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        // --out may be a part that holds everything; the journal itself says no to others
        let mut places = Places::default().writes("--out", Some(&self.out));
        places = self.pictures.places(places.writes("--to", self.output.to.as_deref()));
        places.check()?;
        let mut reports = self.pictures.places(Places::default().writes("--to", self.output.to.as_deref()));
        for part in &self.parts {
            reports = reports.reads("a part", part);
        }
        reports.check()?;
        let sink = self.output.open()?;
        let pictures = self.pictures.open()?;
        let joined = Joined::of(&self.parts)?;
        let swept = Swept::of_joined(&joined, self.parts.first().map_or(Path::new(""), PathBuf::as_path))?;
        // nothing is written when a figure is misspelt
        self.objectives.of_swept(&swept)?;
        joined.write(&self.out)?;
        report(&swept, &self.objectives, self.output.output, self.verbose, sink, pictures)
    }
}
