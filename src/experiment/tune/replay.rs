//! A search read back from its journal: the same rounds over the cells that are in it, without the scenarios.

use std::path::Path;

use serde_json::Value;

use super::search::BY_LENGTH;
use super::store::Runner;
use super::{Against, Scenario, Tune, TuneError, Tuned, points};
use crate::experiment::cell::{Cell, Figure};
use crate::experiment::choice::Over;
use crate::experiment::criterion::Criterion;
use crate::experiment::grid::Grid;
use crate::experiment::journal::{self, Header};
use crate::experiment::stats::Level;
use crate::experiment::vary::Axis;

impl Tune {
    /// The search whose journal, finished, is at `path`, and what it found.
    ///
    /// # Errors
    /// When it is not of a search, cannot be read, or runs are missing.
    pub fn of_journal(header: &Header, path: &Path, level: Level) -> Result<(Self, Tuned), TuneError> {
        let not = || TuneError::NotASearch(path.to_owned());
        let tune = Self::of_header(header, level).ok_or_else(not)?;
        if tune.arms() * tune.scenarios.len() * tune.room() != header.cells {
            return Err(not());
        }
        let cells = journal::numbered::<Cell>(path, header)?.into_iter().collect();
        let tuned = tune.search(cells, None, Runner::Nothing(path))?;
        Ok((tune, tuned))
    }

    /// The search that a journal's header describes; `None` if it describes none.
    fn of_header(header: &Header, level: Level) -> Option<Self> {
        if header.value_of("command") != Some("tune") {
            return None;
        }
        let all = |kind: &str| -> Vec<String> {
            header.about.iter().filter(|(name, _)| name.starts_with(kind)).map(|(_, text)| text.clone()).collect()
        };
        let texts = all("vary ");
        let axes: Vec<Axis> = texts.iter().map(|text| Axis::parse(text).ok()).collect::<Option<_>>()?;
        let grid = Grid::new(axes).ok()?;
        let scenario = |effective: &Value| {
            Some(Scenario {
                name: effective.get("name")?.as_str()?.to_owned(),
                seed: effective.get("seed")?.as_u64()?,
                arms: Vec::new(),
                effective: effective.clone(),
            })
        };
        let scenarios = header.scenarios.iter().map(scenario).collect::<Option<Vec<_>>>()?;
        if scenarios.is_empty() {
            return None;
        }
        let objective = Figure::at(header.value_of("minimise")?)?;
        let points = points(&grid);
        let mut tune = Self::of_parts(grid, points, texts, objective, level, scenarios);
        tune.against =
            [Against::Default, Against::Off].into_iter().find(|a| Some(a.name()) == header.value_of("against"))?;
        let said = |name: &str| match header.value_of(name)? {
            BY_LENGTH => Some(None),
            number => number.parse().ok().map(Some),
        };
        (tune.budget, tune.confirm_most) = (said("budget")?, said("max replications")?);
        tune.confirm = header.value_of("replications")?.parse().ok()?;
        tune.smallest = header.value_of("smallest")?.parse().ok()?;
        if let Some(weights) = header.value_of("weights") {
            tune.over = Over::Mean(weights.split(',').map(|text| text.parse().ok()).collect::<Option<_>>()?);
        }
        let constraint = |text: &String| {
            let figure = text.split(['<', '>', '=']).next()?.trim();
            Criterion::parse(text, &[figure]).ok()
        };
        tune.constraints = all("subject to ").iter().map(constraint).collect::<Option<_>>()?;
        Some(tune)
    }
}
