//! A sweep for people and machines: one row a point, and what it says of each key.

mod json;
mod sections;

use serde_json::Value;

use super::comparison::csv_ends;
use super::printed::Report;
use super::summary::Section;
use crate::experiment::cell::Figure;
use crate::experiment::stats::{Level, mean_interval_of};
use crate::experiment::sweep::Swept;

/// A sweep and what of it shall be shown.
#[derive(Clone, Debug)]
pub struct SweepReport<'a> {
    /// All cells.
    pub swept: &'a Swept,
    /// The figures by which values are judged; the first one decides.
    pub objectives: &'a [Figure],
    /// Of all intervals.
    pub level: Level,
}

impl Report for SweepReport<'_> {
    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    /// Every point with every figure, and the shapes.
    fn json(&self) -> Value {
        json::of(self)
    }

    /// One row a point: its values, then mean and interval of every figure.
    fn to_csv(&self) -> String {
        let layout = &self.swept.layout;
        let figures = Figure::union_of_cells(&self.swept.cells);
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> = layout.grid().axes().iter().map(|axis| axis.key.clone()).collect();
        header.extend(["escape".to_owned(), "replications".to_owned()]);
        for figure in &figures {
            header.extend(["mean", "lo", "hi"].map(|part| format!("{}:{part}", figure.path)));
        }
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(&header);
        for (point, place) in layout.places().iter().enumerate() {
            let mut row: Vec<String> =
                (0..layout.grid().axes().len()).map(|axis| layout.label(place, axis).to_owned()).collect();
            row.push(if place.off { "off" } else { "as set" }.to_owned());
            row.push(layout.replications().to_string());
            for figure in &figures {
                row.extend(csv_ends(mean_interval_of(&figure.column(self.swept.of_point(point)), self.level)));
            }
            let _ = writer.write_record(&row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }
}
