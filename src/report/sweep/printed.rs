//! A sweep in the forms of every report.

use super::{Document, sections};
use crate::report::SweepReport;
use crate::report::answer::{Answer, of_sweep};
use crate::report::comparison::csv_ends;
use crate::report::printed::Report;
use crate::report::summary::Section;

impl Report for SweepReport {
    /// Every point with every figure, and the shapes.
    type Document = Document;

    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    fn answer(&self) -> Option<Answer> {
        Some(of_sweep(self))
    }

    fn brief(&self) -> Vec<Section> {
        sections::brief(self)
    }

    /// One row a point: its values, then mean, interval and number of replications with it of every figure.
    fn to_csv(&self) -> String {
        let layout = &self.layout;
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> = layout.grid().axes().iter().map(|axis| axis.key.clone()).collect();
        header.extend(["escape".to_owned(), "replications".to_owned()]);
        for figure in &self.figures {
            header.extend(["mean", "lo", "hi", "n"].map(|part| format!("{}:{part}", figure.path)));
        }
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(&header);
        for (place, means) in layout.places().iter().zip(&self.means) {
            let mut row: Vec<String> =
                (0..layout.grid().axes().len()).map(|axis| layout.label(place, axis).to_owned()).collect();
            row.push(if place.off { "off" } else { "as set" }.to_owned());
            row.push(layout.replications().to_string());
            for &mean in means {
                row.extend(csv_ends(mean));
                row.push(mean.map_or(0, |mean| mean.n).to_string());
            }
            let _ = writer.write_record(&row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }
}
