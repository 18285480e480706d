//! `--precision FIGURE=2%`: replications are added until the interval of the figure's difference is narrow enough.

use super::super::cell::{Cell, Figure};
use super::super::criterion::nearest;
use super::super::stats::sequential::{Need, Target, need};
use super::super::stats::{Level, paired_of};

/// The fewest replications after which an interval may be taken to be narrow: of fewer, too many look so by luck.
pub const FEWEST: u64 = 10;

/// How narrow the interval of one figure's difference shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Precision {
    /// Which figure.
    pub figure: Figure,
    /// Half the width that is wanted; a relative one is a share of the figure's mean under A.
    pub target: Target,
    /// The most replications.
    pub most: u64,
}

/// Whether the precision was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// What was asked for.
    pub precision: Precision,
    /// Half the width of the difference's interval in the end.
    pub half_width: Option<f64>,
    /// Whether that is narrow enough. Where no replication has the figure under both A and B, it never is, and no more
    /// than [`FEWEST`] are tried.
    pub enough: bool,
}

/// A text that asks for no precision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the precision `{text}`: {problem}")]
pub struct BadPrecision {
    /// The text as it was written.
    pub text: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Precision {
    /// Parses `FIGURE=2%` or `FIGURE=200` (in the figure's own unit).
    ///
    /// # Errors
    /// When it is neither, or there is no such figure; the error suggests the nearest.
    pub fn parse(text: &str, figures: &[Figure], most: u64) -> Result<Self, BadPrecision> {
        let bad = |problem: String| BadPrecision { text: text.to_owned(), problem };
        let (path, width) = text.split_once('=').ok_or_else(|| {
            bad("write FIGURE=2% or FIGURE=200, half the width that its interval may have".to_owned())
        })?;
        let (path, width) = (path.trim(), width.trim());
        let figure = figures.iter().find(|figure| figure.path == path).ok_or_else(|| {
            let paths: Vec<&str> = figures.iter().map(|figure| figure.path.as_str()).collect();
            let near = nearest(path, &paths);
            let near =
                if near.is_empty() { String::new() } else { format!("; did you mean `{}`?", near.join("` or `")) };
            bad(format!("no figure is called `{path}`{near}"))
        })?;
        let (number, scale) = width.strip_suffix('%').map_or((width, None), |share| (share.trim(), Some(0.01)));
        let value: Option<f64> = number.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
        let value = value
            .ok_or_else(|| bad(format!("`{width}` is not a width; write a number above 0, with % for a share of A")))?;
        let target = scale.map_or(Target::Absolute(value), |scale| Target::Relative(value * scale));
        Ok(Self { figure: figure.clone(), target, most })
    }

    /// Half the width that is wanted, in the figure's own unit.
    fn wanted(&self, a: &[Option<f64>], b: &[Option<f64>], level: Level) -> Option<f64> {
        match self.target {
            Target::Absolute(width) => Some(width),
            // of what has no mean there is no share
            Target::Relative(share) => {
                let paired = paired_of(a, b, level).filter(|paired| paired.difference.no_token == 0);
                paired.map(|paired| share * paired.a.mean.abs())
            }
        }
    }

    /// How many replications to add; 0 when it is narrow enough, or the limit is reached.
    pub(super) fn next_step(&self, a: &[Cell], b: &[Cell], level: Level) -> u64 {
        let (of_a, of_b) = (self.figure.column(a), self.figure.column(b));
        let cap = usize::try_from(self.most).unwrap_or(usize::MAX);
        let paired = paired_of(&of_a, &of_b, level);
        if paired.is_none() && of_a.len() as u64 >= FEWEST {
            // no pair has it: more of the same would go on to the limit in vain
            return 0;
        }
        if paired.is_none_or(|paired| paired.difference.lo.is_none()) {
            // what scatter there is says nothing yet
            return of_a.len().max(2).min(cap.saturating_sub(of_a.len())) as u64;
        }
        let differences: Vec<Option<f64>> = of_a.iter().zip(&of_b).map(|(a, b)| Some((*b)? - (*a)?)).collect();
        let need = self
            .wanted(&of_a, &of_b, level)
            .map_or(Need::Unknown, |width| need(&differences, level, Target::Absolute(width), cap));
        need.next_step(differences.len(), cap) as u64
    }

    pub(super) fn reached(&self, a: &[Cell], b: &[Cell], level: Level) -> Reached {
        let (a, b) = (self.figure.column(a), self.figure.column(b));
        let half_width = paired_of(&a, &b, level).and_then(|paired| paired.difference.half_width());
        let enough = half_width.zip(self.wanted(&a, &b, level)).is_some_and(|(half, wanted)| half <= wanted);
        Reached { precision: self.clone(), half_width, enough }
    }
}
