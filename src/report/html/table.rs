//! Tables of a page: sorted by a click on a head, numbers by their value and not by their text.

use std::fmt::Write as _;

use super::super::chart::escaped;
use super::class;
use crate::report::answer::Tone;

/// A column's head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// What is in it, with the unit.
    pub name: String,
    /// Whether its cells are numbers.
    pub number: bool,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What it is sorted by, for numbers; `None`: nothing to sort by, such rows come last.
    pub value: Option<f64>,
    /// Whether it is good news.
    pub tone: Tone,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number as it reads.
    pub fn number(text: impl Into<String>, value: f64) -> Self {
        Self { text: text.into(), value: value.is_finite().then_some(value), tone: Tone::Neutral }
    }

    /// With a tone.
    #[must_use]
    pub fn toned(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows; may be empty.
    pub caption: String,
    /// Its columns; the first one names the row.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

/// `about` says what it is where it has no caption.
pub(super) fn write(table: &Table, about: &str, out: &mut String) {
    let class = if table.rows.len() > 1 { " class=\"sortable\"" } else { "" };
    let about = escaped(if table.caption.is_empty() { about } else { &table.caption });
    // Whoever has only keys scrolls it with them.
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {about}\"><table{class}>"
    );
    if !table.caption.is_empty() {
        let _ = write!(out, "<caption>{}</caption>", escaped(&table.caption));
    }
    out.push_str("<thead><tr>");
    for column in &table.columns {
        let name = escaped(&column.name);
        let number = if column.number { " class=\"num\"" } else { "" };
        match class {
            _ if name.is_empty() => out.push_str("<td></td>"),
            "" => out.push_str(&format!("<th scope=\"col\"{number}>{name}</th>")),
            _ => out.push_str(&format!("<th scope=\"col\"{number}><button>{name}</button></th>")),
        }
    }
    out.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        out.push_str("<tr>");
        for (i, column) in table.columns.iter().enumerate() {
            let Some(cell) = row.get(i) else {
                out.push_str("<td></td>");
                continue;
            };
            let mut attributes = String::new();
            let classes: Vec<&str> = [if column.number { "num" } else { "" }, class::class(cell.tone)]
                .into_iter()
                .filter(|c| !c.is_empty())
                .collect();
            if !classes.is_empty() {
                let _ = write!(attributes, " class=\"{}\"", classes.join(" "));
            }
            if column.number {
                let value = cell.value.map(|value| value.to_string()).unwrap_or_default();
                let _ = write!(attributes, " data-v=\"{value}\"");
            }
            let text = escaped(&cell.text);
            match i {
                0 => out.push_str(&format!("<th scope=\"row\"{attributes}>{text}</th>")),
                _ => out.push_str(&format!("<td{attributes}>{text}</td>")),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}
