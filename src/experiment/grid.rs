//! The grid that some axes span: which combination of values is number i.
//!
//! The order is part of the format: journals and shards know cells by their number alone.

use serde::{Deserialize, Serialize};

use super::vary::{Axis, Point};

/// More combinations than anyone can mean.
pub const MOST_CELLS: usize = 1_000_000;

/// All combinations of the points of some axes; the last axis runs fastest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    axes: Vec<Axis>,
}

/// Axes that do not make a grid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGrid {
    /// The same key on two axes.
    #[error("the key `{0}` is varied twice; give all its values in one --vary")]
    KeyTwice(String),
    /// More combinations than anyone can mean.
    #[error("the grid has more than {MOST_CELLS} combinations; use fewer points")]
    TooMany,
}

impl Grid {
    /// The grid of these axes; without any axis it has one point, the scenario as it stands.
    ///
    /// # Errors
    /// When a key comes twice, or the grid is too large.
    pub fn new(axes: Vec<Axis>) -> Result<Self, BadGrid> {
        for (i, axis) in axes.iter().enumerate() {
            if axes[..i].iter().any(|other| other.key == axis.key) {
                return Err(BadGrid::KeyTwice(axis.key.clone()));
            }
        }
        let size = axes.iter().try_fold(1_usize, |size, axis| size.checked_mul(axis.points.len()));
        if size.is_none_or(|size| size > MOST_CELLS) {
            return Err(BadGrid::TooMany);
        }
        Ok(Self { axes })
    }

    /// The axes.
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
        let mut rest = index;
        let mut chosen: Vec<(&Axis, &Point)> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let at = rest % axis.points.len();
                rest /= axis.points.len();
                (axis, &axis.points[at])
            })
            .collect();
        chosen.reverse();
        chosen
    }
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
        assert_eq!(Grid::new(vec![axis("a"), axis("b")]).unwrap_err(), BadGrid::TooMany);
    }
}
