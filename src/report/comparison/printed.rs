//! A comparison in the forms of every report.

use serde_json::Value;

use super::{ComparisonReport, Document, csv, sections};
use crate::report::answer::{Answer, of_comparison};
use crate::report::printed::{Report, json};
use crate::report::summary::Section;

impl Report for ComparisonReport {
    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    fn answer(&self) -> Option<Answer> {
        Some(of_comparison(self))
    }

    fn brief(&self) -> Vec<Section> {
        sections::brief(self)
    }

    /// Every figure and gate.
    fn json(&self) -> Value {
        json(&Document::of(self))
    }

    /// Every figure, one a row.
    fn to_csv(&self) -> String {
        csv::of(&self.comparison)
    }
}
