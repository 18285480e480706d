//! A comparison for people and machines: as sections (terminal text, Markdown), JSON, CSV and JUnit XML.

mod csv;
mod json;
mod junit;
mod sections;

use serde_json::Value;

use super::printed::Report;
use super::summary::Section;
use crate::experiment::compare::Comparison;

pub(in crate::report) use csv::ends as csv_ends;
pub(in crate::report) use json::interval as json_interval;
pub use sections::{HEADLINE, amount, signed, verdict};

/// A comparison with what it is called and what of it shall be shown.
#[derive(Clone, Debug)]
pub struct ComparisonReport<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// What was found.
    pub comparison: &'a Comparison,
    /// Paths of figures to show besides the headline ones; JSON and CSV have them all.
    pub also: &'a [String],
    /// Show every figure.
    pub all: bool,
}

impl Report for ComparisonReport<'_> {
    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    /// Every figure and gate.
    fn json(&self) -> Value {
        json::of(self)
    }

    /// Every figure, one a row.
    fn to_csv(&self) -> String {
        csv::of(self.comparison)
    }
}

impl ComparisonReport<'_> {
    /// The gates as JUnit test cases, for CI systems that show those.
    pub fn to_junit(&self) -> String {
        junit::of(self)
    }
}
