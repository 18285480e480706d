//! A comparison for people and machines: as sections (terminal text, Markdown), JSON, CSV and JUnit XML.

mod csv;
mod json;
mod junit;
mod sections;

use super::Style;
use super::document::markdown;
use super::summary::lay_out;
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

impl ComparisonReport<'_> {
    /// For people on a terminal.
    pub fn to_text(&self, style: Style) -> String {
        let mut text = lay_out(&sections::of(self), style);
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// For a pull request or a job summary.
    pub fn to_markdown(&self) -> String {
        markdown::of_sections(&sections::of(self))
    }

    /// Every figure and gate as one JSON document.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", json::of(self))
    }

    /// Every figure, one a row.
    pub fn to_csv(&self) -> String {
        csv::of(self.comparison)
    }

    /// The gates as JUnit test cases, for CI systems that show those.
    pub fn to_junit(&self) -> String {
        junit::of(self)
    }
}
