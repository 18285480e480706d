//! The grid of some axes: which combination of values has which number.
//!
//! The order is part of the journal's format, because journals and shards know cells by their numbers only.

use serde::{Deserialize, Serialize};

use super::vary::{Axis, MOST_CELLS, Point};
use crate::scenario::full_key;

/// The most runs that are accepted, over all replications of all combinations.
pub const MOST_RUNS: usize = 10_000_000;

/// All combinations of the points of some axes; the last axis runs fastest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    axes: Vec<Axis>,
}

/// Why some axes do not make a grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGrid {
    /// The same key on two axes.
    #[error("the key `{0}` is varied twice; give all its values in one --vary")]
    KeyTwice(String),
    /// The same key on two axes, in two spellings.
    #[error("`{0}` and `{1}` are one key, varied twice; give all its values in one --vary")]
    TwoNames(String, String),
    /// Too many combinations.
    #[error("the grid has {0} combinations, and {MOST_CELLS} are the most; use fewer points")]
    TooMany(u128),
    /// Too many runs.
    #[error("that would be {0} runs, and {MOST_RUNS} are the most; use fewer points or --replications")]
    TooManyRuns(u128),
    /// A value that the gateway replaces by another one.
    #[error(
        "`{0}` cannot be varied over 0: the gateway's loader takes 0 for not set, and uses its default; start above 0 \
         (where a threshold is varied, escape off is always part of the sweep)"
    )]
    NotSet(String),
}

/// Whether a key is one of the thresholds of sticky escape.
pub fn is_threshold(key: &str) -> bool {
    matches!(key.rsplit('.').next(), Some("sticky_escape_ttft_ms" | "sticky_escape_error_rate"))
}

impl Grid {
    /// The grid of these axes. Without axes it has one point, the scenario as it is.
    ///
    /// # Errors
    /// When a key occurs twice, the grid is too large, or the gateway would replace a value by another one.
    pub fn new(axes: Vec<Axis>) -> Result<Self, BadGrid> {
        for (i, axis) in axes.iter().enumerate() {
            if let Some(other) = axes[..i].iter().find(|other| full_key(&other.key) == full_key(&axis.key)) {
                return Err(if other.key == axis.key {
                    BadGrid::KeyTwice(axis.key.clone())
                } else {
                    BadGrid::TwoNames(other.key.clone(), axis.key.clone())
                });
            }
            if is_threshold(&axis.key) && axis.points.iter().any(|point| point.number == Some(0.0)) {
                return Err(BadGrid::NotSet(axis.key.clone()));
            }
        }
        let size = axes.iter().fold(1_u128, |size, axis| size.saturating_mul(axis.points.len() as u128));
        if size > MOST_CELLS as u128 {
            return Err(BadGrid::TooMany(size));
        }
        Ok(Self { axes })
    }

    /// The keys with their values; the last key runs fastest.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The number of points on each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.points.len()).collect()
    }

    /// How many combinations there are.
    pub fn size(&self) -> usize {
        self.axes.iter().map(|axis| axis.points.len()).product()
    }

    /// Combination number `index` (below [`Grid::size`]): each axis with its point.
    pub fn combination(&self, index: usize) -> Vec<(&Axis, &Point)> {
        let at = indices(&self.shape(), index);
        self.axes.iter().zip(at).map(|(axis, at)| (axis, &axis.points[at])).collect()
    }
}

/// The index on each axis of combination `number`; the last axis runs fastest.
pub fn indices(shape: &[usize], number: usize) -> Vec<usize> {
    let mut rest = number;
    let mut found: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&points| {
            let at = rest % points;
            rest /= points;
            at
        })
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_counts_its_combinations_with_the_last_axis_fastest() {
        let grid = Grid::new(vec![Axis::parse("a=1,2").unwrap(), Axis::parse("b=x,y,z").unwrap()]).unwrap();
        assert_eq!((grid.size(), grid.shape()), (6, vec![2, 3]));
        let words = |index| grid.combination(index).iter().map(|(_, point)| point.text.clone()).collect::<String>();
        assert_eq!((0..6).map(words).collect::<Vec<_>>(), ["1x", "1y", "1z", "2x", "2y", "2z"]);
        assert_eq!(Grid::new(vec![]).unwrap().size(), 1);
    }

    #[test]
    fn a_grid_refuses_a_key_twice_and_more_cells_than_anyone_means() {
        let axis = |key: &str| Axis::parse(&format!("{key}=1:2000:lin:2000")).unwrap();
        assert_eq!(Grid::new(vec![axis("a"), axis("a")]).unwrap_err(), BadGrid::KeyTwice("a".into()));
        assert_eq!(Grid::new(vec![axis("a"), axis("b")]).unwrap_err(), BadGrid::TooMany(4_000_000));
    }

    #[test]
    fn a_key_in_two_spellings_is_one_key() {
        let axes = ["lb_top_k=1,2", "gateway.openai_ws.lb_top_k=3"].map(|spec| Axis::parse(spec).unwrap());
        let error = Grid::new(axes.to_vec()).unwrap_err().to_string();
        assert!(error.contains("`lb_top_k` and `gateway.openai_ws.lb_top_k` are one key"), "{error}");
    }

    #[test]
    fn a_threshold_of_0_is_refused_as_the_gateway_would_use_its_default() {
        for spec in ["sticky_escape_ttft_ms=0,9000", "gateway.openai_scheduler.sticky_escape_error_rate=0.0:1.0:lin:3"]
        {
            let error = Grid::new(vec![Axis::parse(spec).unwrap()]).unwrap_err().to_string();
            assert!(error.contains("takes 0 for not set"), "{error}");
        }
        assert!(Grid::new(vec![Axis::parse("ewma_alpha=0,1").unwrap()]).is_ok());
    }
}
