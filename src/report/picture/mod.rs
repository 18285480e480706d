//! Pictures and pages of results: which charts there are of a run, a comparison, a sweep, a search, and what they show.

pub mod compare;
mod incident;
mod keys;
mod parts;
pub mod recording;
pub mod run;
mod sections;
mod sides;
mod stored;
mod strips;
pub mod sweep;
pub mod tune;
mod victims;

use std::path::{Path, PathBuf};

pub use compare::{Sides, comparison_charts, comparison_page};
pub use recording::Recording;
pub use run::{run_charts, run_page};
pub use stored::{Drawn, draw, draw_runs};
pub use sweep::{sweep_charts, sweep_page};
pub use tune::{tune_charts, tune_page};

use super::chart::{DrawError, Fallback, Figure, Theme, png_with, svg};
use crate::files::{self, FileError};

/// A chart with the name of its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The name without an ending.
    pub name: String,
    /// What it shows.
    pub figure: Figure,
}

impl Chart {
    fn new(name: impl Into<String>, figure: Figure) -> Self {
        Self { name: name.into(), figure }
    }
}

/// Charts could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// One could not be drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Writes each chart as NAME.svg and NAME.png into a directory, which is made if it is missing; on dark paper
/// NAME-dark.svg and NAME-dark.png. PNG take letters that the built-in font lacks from `fonts`. Gives the files.
///
/// # Errors
/// When one cannot be written.
pub fn write_charts(
    directory: &Path,
    charts: &[Chart],
    themes: &[Theme],
    fonts: &Fallback,
) -> Result<Vec<PathBuf>, ChartError> {
    let mut files = Vec::new();
    for chart in charts {
        for &theme in themes {
            let name = match theme {
                Theme::Light => chart.name.clone(),
                Theme::Dark => format!("{}-dark", chart.name),
            };
            for (ending, bytes) in
                [("svg", svg(&chart.figure, theme)?.into_bytes()), ("png", png_with(&chart.figure, theme, fonts)?)]
            {
                let path = directory.join(format!("{name}.{ending}"));
                files::write(&path, &bytes)?;
                files.push(path);
            }
        }
    }
    Ok(files)
}
