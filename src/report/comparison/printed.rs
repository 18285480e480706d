//! A comparison in the forms of every report.

use super::{ComparisonReport, Document, csv, sections};
use crate::report::answer::{Answer, of_comparison};
use crate::report::printed::Report;
use crate::report::summary::Section;

impl Report for ComparisonReport {
    /// Every figure and gate.
    type Document = Document;

    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    fn answer(&self) -> Option<Answer> {
        Some(of_comparison(self))
    }

    fn brief(&self) -> Vec<Section> {
        sections::brief(self)
    }

    /// Every figure, one a row.
    fn to_csv(&self) -> String {
        csv::of(&self.comparison)
    }
}
