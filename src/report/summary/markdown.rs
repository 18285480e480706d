//! The result document as Markdown: the summary's sections, and the scenario folded away below.

use std::fmt::Write as _;

use super::blocks::{Block, Section, Table};
use super::sections::sections;
use crate::report::answer::{Answer, Tone, of_run};
use crate::report::document::{ResultDocument, SCHEMA_VERSION, scheduler_in_words};

impl ResultDocument {
    /// A Markdown page, as for a job summary or a comment.
    pub fn to_markdown(&self) -> String {
        let mut out = page(&sections(self), Some(&of_run(self)));
        let (seed, replications, version) = (self.about.seed, self.replications, env!("CARGO_PKG_VERSION"));
        let scheduler = scheduler_in_words(&self.about.settings);
        line(
            &mut out,
            format_args!(
                "---\n\nstickysim {version}, schema_version {SCHEMA_VERSION}, scheduler of {scheduler}, seed {seed}, \
                 replications {replications}\n"
            ),
        );
        let scenario = format!("{:#}", self.about.scenario);
        line(
            &mut out,
            format_args!(
                "<details><summary>The whole effective scenario</summary>\n\n```json\n{scenario}\n```\n\n</details>"
            ),
        );
        out
    }
}

/// Sections as Markdown, the answer first; the first section's title is the page's.
pub(in crate::report) fn page(sections: &[Section], said: Option<&Answer>) -> String {
    let mut out = String::new();
    for (place, section) in sections.iter().enumerate() {
        let level = if place == 0 { "#" } else { "##" };
        line(&mut out, format_args!("{level} {}\n", escaped(&section.title)));
        if let (0, Some(said)) = (place, said) {
            answer(&mut out, said);
        }
        for block in &section.blocks {
            match block {
                Block::Table(table) => tabulated(&mut out, table),
                Block::Line(text) => line(&mut out, format_args!("{}\n", escaped(text))),
                Block::Remark(text) => line(&mut out, format_args!("> **Note:** {}\n", escaped(text))),
            }
        }
    }
    out
}

/// The sentence with a sign that stands for its tone, and its points.
fn answer(out: &mut String, answer: &Answer) {
    let sign = match answer.tone {
        Tone::Good => "\u{2705} ",
        Tone::Bad => "\u{274c} ",
        Tone::Undecided => "\u{2754} ",
        Tone::Neutral => "",
    };
    line(out, format_args!("{sign}**{}**\n", escaped(&answer.sentence)));
    answer.points.iter().for_each(|point| line(out, format_args!("- {}", escaped(&point.text))));
    if !answer.points.is_empty() {
        out.push('\n');
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // writing to a string cannot fail
    let _ = writeln!(out, "{text}");
}

fn tabulated(out: &mut String, table: &Table) {
    let row = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |", cells.join(" | "))
    };
    line(out, format_args!("{}", row(&table.header)));
    let rule = |place| if place == 0 { "---" } else { "--:" };
    let rules: Vec<_> = (0..table.header.len()).map(rule).collect();
    line(out, format_args!("| {} |", rules.join(" | ")));
    for cells in &table.rows {
        line(out, format_args!("{}", row(cells)));
    }
    out.push('\n');
}

/// Text in which nothing is taken for markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{a0}' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
