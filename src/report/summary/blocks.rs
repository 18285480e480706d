//! The parts of a summary: sections of tables, sentences and remarks, and the cells of figures in them.

use crate::measure::figures::Unit;
use crate::measure::{Merged, Note};
use crate::report::answer::Tone;
use crate::report::document::{Estimate, ResultDocument};
use crate::report::format;
use crate::units::plural;

/// A part of the summary under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its content.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Rows under a header; the first column is text, the others are figures.
    Table(Table),
    /// A sentence or two.
    Line(String),
    /// A remark on the figures above.
    Remark(String),
}

/// A table of texts with a row of heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells, as many in each row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Whether the last cell of each row is good news, which terminals colour; may be shorter than the rows.
    pub tones: Vec<Tone>,
}

impl Table {
    /// A table without rows.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new(), tones: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a row whose last cell has a tone.
    pub fn toned_row(&mut self, cells: impl IntoIterator<Item = String>, tone: Tone) {
        self.tones.resize(self.rows.len(), Tone::Neutral);
        self.row(cells);
        self.tones.push(tone);
    }
}

/// A figure with its unit, not to be broken across lines. Renderings put plain spaces back.
pub(super) fn glued(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// Looks up and formats figures of one row.
pub(super) struct Cells<'a>(pub &'a dyn Fn(&str) -> Option<Estimate>);

impl Cells<'_> {
    pub(super) fn get(&self, path: &str, unit: Unit) -> String {
        glued(&format::figure((self.0)(path), unit))
    }
    pub(super) fn ms(&self, path: &str) -> String {
        self.get(path, Unit::Ms)
    }
    pub(super) fn secs(&self, path: &str) -> String {
        self.get(path, Unit::Seconds)
    }
    pub(super) fn count(&self, path: &str) -> String {
        self.get(path, Unit::Count)
    }
    /// A count with what it counts: "1 request", "2 requests".
    pub(super) fn counted(&self, path: &str, thing: &str) -> String {
        let count = self.count(path);
        let is_one = count == "1";
        format!("{count} {}", plural(if is_one { 1 } else { 2 }, thing))
    }
    pub(super) fn ratio(&self, path: &str) -> String {
        self.get(path, Unit::Ratio)
    }
    /// Whether the figure has a value other than 0.
    pub(super) fn any(&self, path: &str) -> bool {
        (self.0)(path).is_some_and(|estimate| estimate.mean() != 0.0)
    }
}

pub(super) fn remarks(document: &ResultDocument, of: impl Fn(&Note) -> bool) -> Vec<Block> {
    let total = document.replications;
    let remark = |remark: &Merged| Block::Remark(remark.text(total, "replications"));
    let mut said: Vec<Block> = Vec::new();
    for block in document.remarks.iter().filter(|remark| of(&remark.note)).map(remark) {
        // What holds for several figures is said once.
        if !said.contains(&block) {
            said.push(block);
        }
    }
    said
}

/// Adds the remarks that touch figures at or below these paths.
pub(super) fn with_remarks(document: &ResultDocument, mut section: Section, paths: &[&str]) -> Section {
    let below = |note: &Note| {
        paths
            .iter()
            .any(|path| note.figure.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    section.blocks.extend(remarks(document, below));
    section
}
