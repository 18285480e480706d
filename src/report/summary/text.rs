//! The summary on a terminal: headings, aligned tables and sentences wrapped to the width that there is.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::blocks::{Block, Section, Table};
use super::brief;
use super::sections::sections;
use crate::report::answer::{Answer, Tone, of_run};
use crate::report::document::{ResultDocument, scheduler_in_words};
use crate::report::format;
use crate::report::style::Style;
use crate::units::count;

const INDENT: &str = "  ";

impl ResultDocument {
    /// A summary for people on a terminal.
    pub fn to_text(&self, style: Style) -> String {
        text(self, style)
    }
}

fn text(document: &ResultDocument, style: Style) -> String {
    let mut out = lay_out_answer(&of_run(document), style);
    let shown = if style.verbose { sections(document) } else { brief::sections(document, style) };
    out.push_str(&lay_out(&shown, style));
    let about = &document.about;
    let events = document.mean("engine.events").map_or_else(String::new, |events| {
        let all = events * document.replications as f64;
        format!("{} events in ", format::count(all.round(), None))
    });
    let line = format!(
        "{events}{} on {} (stickysim {}, scheduler of {}){}",
        format::time(about.wall_s, None),
        count(about.threads as u64, "thread"),
        env!("CARGO_PKG_VERSION"),
        scheduler_in_words(&about.settings),
        if style.verbose { "" } else { "; -v shows every table" },
    );
    wrapped(&mut out, &line, "", style, anstyle::Style::new().dimmed());
    out
}

/// An answer as terminal text, with an empty line after it.
pub fn lay_out_answer(answer: &Answer, style: Style) -> String {
    let mut out = String::new();
    wrapped(&mut out, &answer.sentence, "", style, ink(answer.tone).bold());
    for point in &answer.points {
        wrapped(&mut out, &format!("- {}", point.text), INDENT, style, ink(point.tone));
    }
    out.push('\n');
    out
}

/// The colour of a tone.
const fn ink(tone: Tone) -> anstyle::Style {
    let colour = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Bad => AnsiColor::Red,
        Tone::Undecided => AnsiColor::Yellow,
        Tone::Neutral => return anstyle::Style::new(),
    };
    anstyle::Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// Sections as terminal text, with an empty line after each.
pub fn lay_out(sections: &[Section], style: Style) -> String {
    let mut out = String::new();
    for section in sections {
        render(&mut out, section, style);
        out.push('\n');
    }
    out
}

fn render(out: &mut String, section: &Section, style: Style) {
    wrapped(out, &section.title, "", style, anstyle::Style::new().bold());
    for block in &section.blocks {
        match block {
            Block::Table(table) => tabulated(out, table, style),
            Block::Line(line) => wrapped(out, line, INDENT, style, anstyle::Style::new()),
            Block::Remark(remark) => {
                let yellow = anstyle::Style::new().fg_color(Some(AnsiColor::Yellow.into()));
                wrapped(out, &format!("note: {remark}"), INDENT, style, yellow);
            }
        }
    }
}

fn tabulated(out: &mut String, table: &Table, style: Style) {
    let columns = table.header.len();
    let widest = |column: usize| {
        let cells = std::iter::once(&table.header).chain(&table.rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    // two spaces between columns where there is room for them
    let natural: usize = (0..columns).map(|column| widest(column) + 2).sum();
    let gap: u16 = if natural <= usize::from(style.width) { 2 } else { 1 };
    // paths of figures are broken where they have a joint, not within a word
    let others: usize = (1..columns).map(|column| widest(column) + usize::from(gap)).sum();
    let room = usize::from(style.width).saturating_sub(others + 2).max(SHORTEST);
    let first = |row: &Vec<String>| {
        let mut row = row.clone();
        if let Some(cell) = row.first_mut().filter(|cell| cell.chars().count() > room) {
            *cell = at_joints(cell, room);
        }
        row
    };
    let rows: Vec<Vec<String>> = table.rows.iter().map(first).collect();
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(&table.header)
        .add_rows(&rows);
    for (place, column) in drawn.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 2 } else { gap }, 0));
        column.set_cell_alignment(if place == 0 { CellAlignment::Left } else { CellAlignment::Right });
    }
    for (place, line) in drawn.lines().enumerate() {
        let line = line.trim_end();
        if place == 0 {
            painted(out, line, style, anstyle::Style::new().dimmed());
            continue;
        }
        // the lines of a table are its rows unless a cell had to be broken
        let row = place - 1;
        let tone = table.tones.get(row).copied().filter(|tone| *tone != Tone::Neutral);
        match (tone, table.rows.get(row).and_then(|row| row.last())) {
            (Some(tone), Some(last)) if style.colour && line.ends_with(last.as_str()) => {
                let ansi = ink(tone);
                let start = &line[..line.len() - last.len()];
                painted(out, &format!("{start}{ansi}{last}{ansi:#}"), style, anstyle::Style::new());
            }
            _ => painted(out, line, style, anstyle::Style::new()),
        }
    }
}

/// The least room that a path is broken for.
const SHORTEST: usize = 12;

/// A path of a figure in lines of at most so many letters, which end after a dot or an underscore; other text as it is.
fn at_joints(text: &str, room: usize) -> String {
    if text.contains(' ') {
        return text.to_owned();
    }
    let mut lines: Vec<String> = vec![String::new()];
    for part in text.split_inclusive(['.', '_']) {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.chars().count() + part.chars().count() <= room => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines.join("\n")
}

/// A text broken at spaces; lines after the first one are indented once more.
fn wrapped(out: &mut String, text: &str, indent: &str, style: Style, ansi: anstyle::Style) {
    let width = usize::from(style.width).max(20);
    let text = &format::with_hard_spaces(text);
    let mut line = indent.to_owned();
    // hard spaces before a text are its own indent
    let own = "\u{a0}".repeat(text.chars().take_while(|&c| c == '\u{a0}').count());
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            painted(out, &line, style, ansi);
            line = format!("{indent}{own}{INDENT}");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    painted(out, &line, style, ansi);
}

fn painted(out: &mut String, line: &str, style: Style, ansi: anstyle::Style) {
    let line = line.replace('\u{a0}', " ");
    // writing to a string cannot fail
    let _ =
        if style.colour && !ansi.is_plain() { writeln!(out, "{ansi}{line}{ansi:#}") } else { writeln!(out, "{line}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_figures_are_broken_at_their_joints() {
        assert_eq!(at_joints("felt_ttft_ms.without_token", 20), "felt_ttft_ms.\nwithout_token");
        assert_eq!(at_joints("sessions.worst_ttft_ms.p50", 20), "sessions.worst_ttft_\nms.p50");
        assert_eq!(at_joints("short", 20), "short");
        assert_eq!(at_joints("words of a name that is long", 12), "words of a name that is long");
        let mut table = Table::new(&["figure", "A", "B", "verdict"]);
        let cells = ["detection.missed_turns", "1,234,567 of 2,345,678", "2,345,678 of 3,456,789", "better?"];
        table.row(cells.map(str::to_owned));
        let style = Style { colour: false, width: 80, verbose: true };
        let mut out = String::new();
        tabulated(&mut out, &table, style);
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        assert!(!out.contains("missed_tur\n") && out.contains("missed_"), "{out}");
    }
}
