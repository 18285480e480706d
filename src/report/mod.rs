//! Results for people and machines: one document, made from the figures of a run or of several replications, as
//! terminal text, JSON, CSV and Markdown; the rows of a run as CSV files, which are written during the run; and charts
//! and pages.
//!
//! Reports read figures; they do not look into a run.

pub mod answer;
mod bad_document;
pub mod calibration;
pub mod chart;
pub mod comparison;
pub mod completions;
pub mod document;
pub mod explain;
mod form;
pub mod format;
pub mod html;
pub mod perfetto;
pub mod picture;
pub mod printed;
pub mod result;
pub mod schema;
pub mod stream;
mod style;
pub mod summary;
pub mod sweep;
pub mod tune;

pub use answer::{Answer, Tone};
pub use bad_document::BadDocument;
pub use comparison::ComparisonReport;
pub use document::{About, ResultDocument};
pub use printed::Report;
pub use stream::CsvFiles;
pub use style::Style;
pub use sweep::{SweepReport, Worth};
pub use tune::TuneReport;
