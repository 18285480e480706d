//! Which points a sweep has, and which cell is which: known from its arguments alone, so that journals and shards of
//! other machines can be read without the scenario.

pub use super::super::grid::is_threshold;
use super::super::grid::{BadGrid, Grid, MOST_RUNS, indices};
use super::super::variant::ESCAPE_OFF;
use super::super::vary::{Axis, BadAxis};

/// One point: a value on each axis, or the reference with escape off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The index of its value on each axis; `None` on the axes of thresholds at a point with escape off.
    pub values: Vec<Option<usize>>,
    /// Whether escape is off, as the reference.
    pub off: bool,
}

/// The points of a sweep in order: the grid, last axis fastest, then the references.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    grid: Grid,
    places: Vec<Place>,
    replications: u64,
    /// So many keys, the first ones, are of the environment.
    environments: usize,
}

impl Layout {
    /// The grid of these axes, each point `replications` times. Where a threshold of sticky escape is varied (and the
    /// switch is not), every combination of the other axes has a reference with escape off.
    ///
    /// # Errors
    /// When the axes make no grid.
    pub fn new(axes: Vec<Axis>, replications: u64) -> Result<Self, BadGrid> {
        let grid = Grid::new(axes)?;
        let runs = |points: usize| match points as u128 * u128::from(replications) {
            runs if runs > MOST_RUNS as u128 => Err(BadGrid::TooManyRuns(runs)),
            _ => Ok(()),
        };
        // before anything of that size is made
        runs(grid.size())?;
        let shape = grid.shape();
        let mut places: Vec<Place> = (0..grid.size())
            .map(|number| Place { values: indices(&shape, number).into_iter().map(Some).collect(), off: false })
            .collect();
        let thresholds: Vec<bool> = grid.axes().iter().map(|axis| is_threshold(&axis.key)).collect();
        let switched = grid.axes().iter().any(|axis| axis.key.ends_with("sticky_escape_enabled"));
        if thresholds.contains(&true) && !switched {
            let first: Vec<Vec<Option<usize>>> = places
                .iter()
                .filter(|place| {
                    place.values.iter().zip(&thresholds).all(|(value, &threshold)| !threshold || *value == Some(0))
                })
                .map(|place| place.values.clone())
                .collect();
            places.extend(first.into_iter().map(|values| Place {
                values: values.into_iter().zip(&thresholds).map(|(v, &t)| v.filter(|_| !t)).collect(),
                off: true,
            }));
        }
        runs(places.len())?;
        Ok(Self { grid, places, replications, environments: 0 })
    }

    /// The grid of keys of the environment (which nobody decides) and of keys to decide on, each point `replications`
    /// times.
    ///
    /// # Errors
    /// When the axes make no grid.
    pub fn over(environment: Vec<Axis>, decision: Vec<Axis>, replications: u64) -> Result<Self, BadGrid> {
        let environments = environment.len();
        let all = environment.into_iter().chain(decision).collect();
        Ok(Self { environments, ..Self::new(all, replications)? })
    }

    /// The keys of the environment; those to decide on follow them.
    pub fn environment(&self) -> &[Axis] {
        &self.grid.axes()[..self.environments]
    }

    /// The keys to decide on.
    pub fn decision(&self) -> &[Axis] {
        &self.grid.axes()[self.environments..]
    }

    /// The grid of the points without the references.
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All points.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Replications of each point.
    pub const fn replications(&self) -> u64 {
        self.replications
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.places.len() * self.replications as usize
    }

    /// The point and the replication of a cell.
    pub const fn cell(&self, cell: usize) -> (usize, u64) {
        (cell / self.replications as usize, cell as u64 % self.replications)
    }

    /// The overrides that make a point.
    pub fn sets(&self, place: &Place) -> Vec<String> {
        let of_axes = self.grid.axes().iter().zip(&place.values);
        let mut sets: Vec<String> = of_axes
            .filter_map(|(axis, value)| Some(format!("{}={}", axis.key, axis.points.get((*value)?)?.text)))
            .collect();
        if place.off {
            sets.push(ESCAPE_OFF.to_owned());
        }
        sets
    }

    /// The value of a point on an axis, as reports write it; `off` for a threshold with escape off.
    pub fn label(&self, place: &Place, axis: usize) -> &str {
        let value = place.values.get(axis).copied().flatten();
        value.and_then(|value| self.grid.axes().get(axis)?.points.get(value)).map_or("off", |point| point.text.as_str())
    }

    /// The layout as name and text, for a journal's header.
    pub fn about(&self, specs: &[String]) -> Vec<(String, String)> {
        let name = |at: usize| match at.checked_sub(self.environments) {
            None => format!("over {}", at + 1),
            Some(at) => format!("vary {}", at + 1),
        };
        let mut about: Vec<(String, String)> =
            specs.iter().enumerate().map(|(at, spec)| (name(at), spec.clone())).collect();
        about.push(("replications".to_owned(), self.replications.to_string()));
        about
    }

    /// The layout that a journal's header describes; `None` if it describes none.
    pub fn from_about(about: &[(String, String)]) -> Option<Self> {
        let axes = |kind: &str| -> Result<Vec<Axis>, BadAxis> {
            about.iter().filter(|(name, _)| name.starts_with(kind)).map(|(_, spec)| Axis::parse(spec)).collect()
        };
        let replications = about.iter().find(|(name, _)| name == "replications")?.1.parse().ok()?;
        Self::over(axes("over ").ok()?, axes("vary ").ok()?, replications).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(specs: &[&str]) -> Layout {
        Layout::new(specs.iter().map(|spec| Axis::parse(spec).unwrap()).collect(), 3).unwrap()
    }

    fn sets(specs: &[&str]) -> Vec<String> {
        let layout = layout(specs);
        layout.places().iter().map(|place| layout.sets(place).join(" ")).collect()
    }

    #[test]
    fn a_sweep_of_a_threshold_ends_with_escape_off() {
        let got = sets(&["sticky_escape_ttft_ms=1000,2000"]);
        assert_eq!(got, ["sticky_escape_ttft_ms=1000", "sticky_escape_ttft_ms=2000", "sticky_escape_enabled=false"]);
    }

    #[test]
    fn every_combination_of_the_other_axes_has_its_own_reference() {
        let got = sets(&["lb_top_k=1,3", "gateway.openai_scheduler.sticky_escape_error_rate=0.2,0.5"]);
        assert_eq!(got.len(), 4 + 2);
        assert_eq!(got[4..], ["lb_top_k=1 sticky_escape_enabled=false", "lb_top_k=3 sticky_escape_enabled=false"]);
    }

    #[test]
    fn other_sweeps_have_no_reference() {
        assert_eq!(sets(&["lb_top_k=1,3"]).len(), 2);
        assert_eq!(sets(&["sticky_escape_enabled=true,false", "sticky_escape_ttft_ms=1,2"]).len(), 4);
    }

    #[test]
    fn a_header_tells_the_layout() {
        let specs = ["lb_top_k=1,3".to_owned(), "sticky_escape_ttft_ms=1000:60000:log:5".to_owned()];
        let layout = layout(&[&specs[0], &specs[1]]);
        assert_eq!(Layout::from_about(&layout.about(&specs)), Some(layout));
        assert_eq!(Layout::from_about(&[]), None);
    }

    #[test]
    fn keys_of_the_environment_come_first_and_a_header_tells_them() {
        let specs =
            ["conditions.slow.effect.ttft_factor=4,15".to_owned(), "sticky_escape_ttft_ms=1000,2000".to_owned()];
        let axis = |at: usize| vec![Axis::parse(&specs[at]).unwrap()];
        let layout = Layout::over(axis(0), axis(1), 3).unwrap();
        assert_eq!((layout.environment().len(), layout.decision()[0].key.as_str()), (1, "sticky_escape_ttft_ms"));
        assert_eq!(Layout::from_about(&layout.about(&specs)), Some(layout));
    }

    #[test]
    fn more_runs_than_anyone_means_are_refused_with_their_number() {
        let axes = || vec![Axis::parse("a=1:1000:lin:1000").unwrap(), Axis::parse("b=1:100:lin:100").unwrap()];
        assert_eq!(Layout::new(axes(), 1_000_000), Err(BadGrid::TooManyRuns(100_000_000_000)));
        assert_eq!(Layout::new(axes(), 101), Err(BadGrid::TooManyRuns(10_100_000)));
    }
}
