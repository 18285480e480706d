//! `stickysim plot`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::picture_args::{Paper, PictureArgs, command};
use super::places::Places;
use super::sweep::Objectives;
use super::{End, terminal};
use crate::report::picture::{Drawn, draw, draw_runs};
use crate::report::result::{Loaded, ResultFile};

/// Draw charts and pages from result files.
///
/// Takes the JSON documents of run, compare, sweep and tune (--output json --to FILE) and the journals of sweep and
/// tune (--out FILE), and draws what --plot and --html of those verbs draw. What a document does not contain, such as
/// each account over time, is simulated again from its scenario and seed and compared with its figures. If that is not
/// possible, the rest is drawn, and the output says what is missing.
///
/// Several results of runs make one chart with all their distributions; several files of other kinds are drawn each
/// into a folder of its own.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    stickysim plot result.json --to charts\n  \
    stickysim plot sweep.jsonl --to charts --html sweep.html\n  \
    stickysim plot monday.json tuesday.json --to charts --theme both")]
pub(crate) struct Plot {
    /// Result files.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Draw the charts into this folder, each as SVG and as PNG.
    #[arg(long, value_name = "DIR", required_unless_present = "html")]
    to: Option<PathBuf>,
    /// The background of charts.
    #[arg(long, value_enum, default_value_t = Paper::Light)]
    theme: Paper,
    /// Draw letters of PNG charts that the built-in font lacks with this font; otherwise with one of the machine's
    /// fonts.
    #[arg(long, value_name = "FILE")]
    font: Option<PathBuf>,
    /// Write a page with charts and figures to this file: one HTML file that needs no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Look here for the files that a scenario names, its trace above all: their paths are relative to the scenario
    /// [default: the folder of the result, then the current one].
    #[arg(long, value_name = "DIR")]
    files_in: Option<PathBuf>,
    #[command(flatten)]
    objectives: Objectives,
}

impl Plot {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let objectives = self.objectives.known()?;
        let mut places = Places::default();
        for path in &self.files {
            places = places.reads("a result", path);
        }
        places.writes("--to", self.to.as_deref()).writes("--html", self.html.as_deref()).check()?;
        let mut all: Vec<Loaded> = Vec::new();
        for path in &self.files {
            all.push(Loaded::read(path, &objectives)?);
        }
        let names = names(&self.files);
        let (font, html) = (self.font.clone(), self.html.clone());
        let pictures = PictureArgs { plot: self.to.clone(), theme: self.theme, font, html };
        let is_run = |loaded: &Loaded| matches!(loaded.result, ResultFile::Run(..));
        if all.len() > 1 && all.iter().all(is_run) {
            let open = pictures.open()?;
            let named = names.into_iter().zip(all).collect();
            let drawn = draw_runs(named, &|loaded| self.folders(&loaded.path), &command());
            remarks(&drawn);
            anyhow::ensure!(!drawn.charts.is_empty(), "none of these runs could be simulated again");
            open.write(|| drawn.charts, |_| drawn.page)?;
            return Ok(End::Done);
        }
        anyhow::ensure!(
            all.len() == 1 || self.html.is_none(),
            "--html makes one page, of one result or of several runs; give these {} files one by one",
            all.len()
        );
        let several = all.len() > 1;
        for (loaded, name) in all.into_iter().zip(names) {
            let own = self.to.as_ref().filter(|_| several).map(|to| to.join(name));
            let open = PictureArgs { plot: own.or_else(|| self.to.clone()), ..pictures.clone() }.open()?;
            let folders = self.folders(&loaded.path);
            let drawn = draw(loaded, &folders, &command());
            remarks(&drawn);
            open.write(|| drawn.charts, |_| drawn.page)?;
        }
        Ok(End::Done)
    }

    /// Where to look for the files that a scenario names.
    fn folders(&self, result: &Path) -> Vec<PathBuf> {
        match &self.files_in {
            Some(folder) => vec![folder.clone()],
            None => {
                let own = result.parent().map_or_else(PathBuf::new, Path::to_path_buf);
                if own.as_os_str().is_empty() { vec![own] } else { vec![own, PathBuf::new()] }
            }
        }
    }
}

fn remarks(drawn: &Drawn) {
    drawn.left_out.iter().for_each(|text| terminal::remark(&format!("note: {text}")));
}

/// A name for each file: without its folder and ending, with a number where two are the same.
fn names(files: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = Vec::new();
    for path in files {
        let stem = stem(path);
        let mut name = stem.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{stem}-{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}
