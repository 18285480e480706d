//! The sections that terminals and Markdown show, as sections of a page: the same tables, sorted by a click.

use crate::report::html::{Cell, Column, Piece, Section, Table};
use crate::report::summary::{self, Block};

/// Each section with its tables and sentences.
pub(super) fn pages(sections: &[summary::Section]) -> Vec<Section> {
    let piece = |block: &Block| match block {
        Block::Table(found) => Piece::Table(table(&found.header, &found.rows)),
        Block::Line(text) => Piece::Line(text.clone()),
        Block::Remark(text) => Piece::Remark(text.clone()),
    };
    sections
        .iter()
        .map(|section| Section { heading: section.title.clone(), pieces: section.blocks.iter().map(piece).collect() })
        .collect()
}

/// A column is of numbers when each cell with anything in it begins with one.
fn table(header: &[String], rows: &[Vec<String>]) -> Table {
    let is_number = |at: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !is_blank(cell)).peekable();
        at > 0 && cells.peek().is_some() && cells.all(|cell| amount(cell).is_some())
    };
    let numbers: Vec<bool> = (0..header.len()).map(is_number).collect();
    let cell = |(at, text): (usize, &String)| match (numbers.get(at), amount(text)) {
        (Some(true), Some(value)) => Cell::number(text.clone(), value),
        _ => Cell::words(text.clone()),
    };
    Table {
        caption: String::new(),
        columns: header.iter().zip(&numbers).map(|(name, &number)| Column { name: name.clone(), number }).collect(),
        rows: rows.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect(),
    }
}

fn is_blank(cell: &str) -> bool {
    matches!(cell.trim(), "" | "-" | "\u{2013}" | "no token")
}

/// The number at the beginning of a text in the base of its unit: 350 ms is 0.35, 1.5 min is 90.
fn amount(text: &str) -> Option<f64> {
    let text = text.trim().replace('\u{a0}', " ").replace('\u{2212}', "-");
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+'))).unwrap_or(text.len());
    let number: f64 = text[..end].replace(',', "").trim_start_matches('+').parse().ok()?;
    // the unit stands at the end, after the interval
    Some(match text.rsplit(' ').next().unwrap_or("") {
        "ms" => number / 1e3,
        "min" => number * 60.0,
        "h" => number * 3_600.0,
        "M" => number * 1e6,
        _ => number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_sorted_by_what_they_mean() {
        let cases = [
            ("350 ms", Some(0.35)),
            ("12.3 ±0.4 s", Some(12.3)),
            ("1.5 min", Some(90.0)),
            ("-1,234 ±56", Some(-1_234.0)),
            ("+2.5 pp", Some(2.5)),
            ("10.2 M", Some(10.2e6)),
            ("better", None),
            ("-", None),
        ];
        for (text, expected) in cases {
            assert_eq!(amount(text), expected, "{text}");
        }
    }

    #[test]
    fn a_column_with_words_in_it_is_of_words() {
        let rows =
            |cells: &[&str]| cells.iter().map(|cell| vec!["x".to_owned(), (*cell).to_owned()]).collect::<Vec<_>>();
        let header = ["a".to_owned(), "b".to_owned()];
        assert!(table(&header, &rows(&["1 s", "-", "2 s", "no token"])).columns[1].number);
        assert!(!table(&header, &rows(&["1 s", "none", "2 s"])).columns[1].number);
        assert!(!table(&header, &rows(&["-"])).columns[1].number);
    }
}
