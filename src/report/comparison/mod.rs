//! A comparison for people and machines: as sections (terminal text, Markdown), JSON, CSV and JUnit XML.

mod csv;
mod document;
mod junit;
mod printed;
mod sections;

use serde_json::Value;

use crate::experiment::compare::Comparison;

pub(in crate::report) use csv::ends as csv_ends;
pub(in crate::report) use document::Document;
pub use sections::{HEADLINE, amount, signed, verdict};

/// A comparison with what it is called and what of it shall be shown.
#[derive(Clone, Debug)]
pub struct ComparisonReport {
    /// The scenario's name.
    pub name: String,
    /// What was found.
    pub comparison: Comparison,
    /// Paths of figures to show besides the headline ones; JSON and CSV have them all.
    pub also: Vec<String>,
    /// Show every figure.
    pub all: bool,
    /// The whole effective scenarios of A and B.
    pub scenarios: [Value; 2],
}

impl ComparisonReport {
    /// The gates as JUnit test cases, for CI systems that show those.
    pub fn to_junit(&self) -> String {
        junit::of(self)
    }
}
