//! A page of results that is one file: the verdict first, then figures, charts, tables, the scenario and how to run it
//! again.
//!
//! Nothing is fetched: style, script and drawings are in it, and a content security policy forbids the rest, also any
//! script but ours. Each chart is there twice, for wide and for narrow screens, as text cannot be small enough for
//! both.

mod class;
mod data;
mod table;

use std::fmt::Write as _;

pub use super::answer::Tone;
use super::answer::{Answer, Point};
use super::chart::{BrokenFont, Figure, Journey, Provenance, Theme, colours, escaped, inline_svg, journey};
use super::format::with_hard_spaces;
use class::class;
pub use table::{Cell, Column, Table};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of the script in base64, which the page's policy names; a test holds it against the script.
const SCRIPT_HASH: &str = include_str!("page.js.sha256");

/// The heading of the last section that is printed on paper: the story ends with it, details follow. Without one all is
/// printed.
pub const STORY_ENDS: &str = "What to change";

/// Widths of charts in px: for wide and for narrow screens.
const WIDTHS: [(&str, f64); 2] = [("wide", 960.0), ("narrow", 400.0)];

/// A figure that deserves a place of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tile {
    /// What it is.
    pub name: String,
    /// Its value with its unit.
    pub value: String,
    /// What it is held against, or its interval; may be empty.
    pub remark: String,
    /// Whether it is good news.
    pub tone: Tone,
}

/// A part of the page with a heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What is in it, in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// A paragraph.
    Line(String),
    /// A remark that must not be overlooked.
    Remark(String),
    /// A chart.
    Chart(Box<Figure>),
    /// A table.
    Table(Table),
    /// Journeys of sessions, of which the reader picks one: a label for each.
    Sessions(Vec<(String, Journey)>),
    /// Text as it stands, line for line.
    Code(String),
}

/// All that a page says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What it says, in a sentence and points.
    pub answer: Answer,
    /// Assumptions, extrapolations, inert knobs: what must be known beside the figures.
    pub notes: Vec<String>,
    /// The main figures.
    pub tiles: Vec<Tile>,
    /// Charts and tables.
    pub sections: Vec<Section>,
    /// The effective scenario as text.
    pub scenario: String,
    /// The command that makes this page again.
    pub command: String,
    /// What else is needed to reproduce it: (name, value).
    pub reproduce: Vec<(String, String)>,
}

/// The page as one HTML document.
pub fn page(page: &Page) -> Result<String, BrokenFont> {
    let mut out = String::with_capacity(64 * 1024);
    head(page, &mut out);
    let from = &page.provenance;
    let mut meta: Vec<String> = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            meta.push(format!("{name} {}", escaped(value)));
        }
    };
    add("scenario", &from.scenario);
    add("seed", &from.seed);
    add("replications", &from.replications.map(|n| n.to_string()).unwrap_or_default());
    add("stickysim", &from.version);
    let skip = if page.sections.is_empty() { "" } else { "<a class=\"skip\" href=\"#s0\">To what happened</a>" };
    let _ = write!(
        out,
        "{skip}<header><div><h1>{}</h1><p class=\"meta\">{}</p></div><button id=\"theme\" hidden>Dark</button></header><main>",
        escaped(&page.title),
        meta.join(" · ")
    );
    verdict(page, &mut out);
    tiles(&page.tiles, &mut out);
    contents(page, &mut out);
    let story = page.sections.iter().position(|section| section.heading == STORY_ENDS);
    for (i, section) in page.sections.iter().enumerate() {
        let heading = escaped(&section.heading);
        let class = if story.is_some_and(|last| i > last) { " class=\"more\"" } else { "" };
        let _ = write!(out, "<section{class} aria-labelledby=\"s{i}\"><h2 id=\"s{i}\">{heading}</h2>");
        for (j, part) in section.pieces.iter().enumerate() {
            piece(part, &section.heading, &format!("s{i}p{j}"), &mut out)?;
        }
        out.push_str("</section>");
    }
    closing(page, &mut out);
    Ok(out)
}

fn head(page: &Page, out: &mut String) {
    let (light, dark) = (colours(Theme::Light), colours(Theme::Dark));
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'\">\
         <meta name=\"generator\" content=\"stickysim {}\"><link rel=\"icon\" href=\"data:,\"><title>{}</title><style>\
         :root{{{light}--line:#c3cbd4;color-scheme:light}}\
         @media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}--line:#4b5562;color-scheme:dark}}}}\
         :root[data-theme=dark]{{{dark}--line:#4b5562;color-scheme:dark}}\
         @media print{{:root,:root[data-theme=dark],:root:not([data-theme=light]){{{light}color-scheme:light}}}}\
         {STYLE}</style></head><body>",
        SCRIPT_HASH.trim(),
        escaped(&page.provenance.version),
        escaped(&page.title),
    );
}

fn verdict(page: &Page, out: &mut String) {
    let _ = write!(out, "<section class=\"verdict {}\" aria-label=\"Answer\">", class(page.answer.tone));
    let _ = write!(out, "<p>{}</p>", escaped(&with_hard_spaces(&page.answer.sentence)));
    points(&page.answer.points, out);
    out.push_str("</section>");
    if !page.notes.is_empty() {
        out.push_str("<section class=\"notes\" aria-label=\"Notes\">");
        list(&page.notes, out);
        out.push_str("</section>");
    }
}

fn points(points: &[Point], out: &mut String) {
    if points.is_empty() {
        return;
    }
    out.push_str("<ul>");
    for point in points {
        let _ = write!(out, "<li class=\"{}\">{}</li>", class(point.tone), with_code(&with_hard_spaces(&point.text)));
    }
    out.push_str("</ul>");
}

/// Text in which what stands between backticks is code.
fn with_code(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(place, part): (usize, &&str)| {
        if place % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) }
    };
    parts.iter().enumerate().map(part).collect()
}

fn list(items: &[String], out: &mut String) {
    if items.is_empty() {
        return;
    }
    out.push_str("<ul>");
    items.iter().for_each(|item| out.push_str(&format!("<li>{}</li>", escaped(item))));
    out.push_str("</ul>");
}

fn tiles(tiles: &[Tile], out: &mut String) {
    if tiles.is_empty() {
        return;
    }
    out.push_str("<dl class=\"tiles\">");
    for tile in tiles {
        let remark = match tile.remark.as_str() {
            "" => String::new(),
            remark => format!("<dd class=\"small\">{}</dd>", escaped(remark)),
        };
        let _ = write!(
            out,
            "<div><dt>{}</dt><dd class=\"{}\">{}</dd>{remark}</div>",
            escaped(&tile.name),
            class(tile.tone),
            escaped(&tile.value)
        );
    }
    out.push_str("</dl>");
}

fn contents(page: &Page, out: &mut String) {
    if page.sections.len() < 2 {
        return;
    }
    out.push_str("<nav aria-label=\"Contents\"><ul>");
    for (i, section) in page.sections.iter().enumerate() {
        let _ = write!(out, "<li><a href=\"#s{i}\">{}</a></li>", escaped(&section.heading));
    }
    out.push_str("<li><a href=\"#scenario\">Scenario</a></li><li><a href=\"#again\">Reproduce</a></li></ul></nav>");
}

fn piece(piece: &Piece, heading: &str, id: &str, out: &mut String) -> Result<(), BrokenFont> {
    match piece {
        Piece::Line(text) => out.push_str(&format!("<p>{}</p>", with_code(text))),
        Piece::Remark(text) => out.push_str(&format!("<p class=\"remark\">{}</p>", escaped(text))),
        Piece::Chart(figure) => chart(figure, id, out)?,
        Piece::Table(table) => table::write(table, heading, out),
        Piece::Sessions(sessions) => picker(sessions, id, out)?,
        Piece::Code(text) => out.push_str(&format!(
            "<pre tabindex=\"0\" role=\"region\" aria-label=\"{}\">{}</pre>",
            escaped(heading),
            escaped(text)
        )),
    }
    Ok(())
}

fn chart(figure: &Figure, id: &str, out: &mut String) -> Result<(), BrokenFont> {
    // The page says once where everything comes from.
    let bare = Figure { provenance: Provenance::default(), ..figure.clone() };
    out.push_str("<figure>");
    for (class, width) in WIDTHS {
        let _ = write!(out, "<div class=\"box {class}\">{}</div>", inline_svg(&bare, width, &format!("{id}{class}"))?);
    }
    if figure.rows.iter().flat_map(|row| &row.panels).any(|panel| panel.zoom) {
        out.push_str(
            "<div class=\"tools zoom\" role=\"group\" aria-label=\"Zoom\" hidden><button data-act=\"in\">Zoom in</button>\
             <button data-act=\"out\">Zoom out</button><button data-act=\"left\">Earlier</button>\
             <button data-act=\"right\">Later</button><button data-act=\"all\">Whole run</button>\
             <span class=\"small\">or drag across the chart</span></div>",
        );
    }
    if let Some((table, all)) = data::table_of(figure) {
        let some = if all { "" } else { " (not all of them)" };
        let _ = write!(out, "<details><summary>Values of this chart{some}</summary>");
        table::write(&table, &figure.title, out);
        out.push_str("</details>");
    }
    out.push_str("</figure>");
    Ok(())
}

fn picker(sessions: &[(String, Journey)], id: &str, out: &mut String) -> Result<(), BrokenFont> {
    if sessions.is_empty() {
        out.push_str("<p class=\"small\">No session to show.</p>");
        return Ok(());
    }
    let _ = write!(
        out,
        "<div class=\"picker\"><div class=\"tools\" hidden><label for=\"{id}f\">Find</label> \
         <input type=\"search\" id=\"{id}f\"> <label for=\"{id}p\">Session</label> <select id=\"{id}p\">"
    );
    sessions.iter().for_each(|(label, _)| out.push_str(&format!("<option>{}</option>", escaped(label))));
    out.push_str("</select><button data-step=\"-1\">Previous</button><button data-step=\"1\">Next</button></div>");
    for (i, (_, session)) in sessions.iter().enumerate() {
        out.push_str("<div class=\"view\">");
        chart(&journey(session), &format!("{id}v{i}"), out)?;
        out.push_str("</div>");
    }
    out.push_str("</div>");
    Ok(())
}

fn closing(page: &Page, out: &mut String) {
    let copy = |of: &str, what: &str| {
        format!("<button class=\"copy\" data-of=\"{of}\" aria-label=\"Copy the {what}\" hidden>Copy</button>")
    };
    let _ = write!(
        out,
        "<section class=\"scenario\" aria-labelledby=\"scenario\"><h2 id=\"scenario\">Effective scenario</h2>{}\
         <pre id=\"yaml\" tabindex=\"0\" role=\"region\" aria-label=\"Text of the scenario\">{}</pre></section>\
         <section aria-labelledby=\"again\"><h2 id=\"again\">How to reproduce it</h2>{}\
         <pre id=\"command\" tabindex=\"0\" role=\"region\" aria-label=\"Command\">{}</pre>",
        copy("yaml", "scenario"),
        escaped(&page.scenario),
        copy("command", "command"),
        escaped(&page.command),
    );
    if !page.reproduce.is_empty() {
        out.push_str("<div class=\"scroll\"><table><tbody>");
        for (name, value) in &page.reproduce {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), escaped(value));
        }
        out.push_str("</tbody></table></div>");
    }
    let version = escaped(&page.provenance.version);
    let _ = writeln!(
        out,
        "</section></main><footer class=\"small\">Made by stickysim {version}. This page needs no network.</footer>\
         <div id=\"tip\" hidden></div><div id=\"live\" class=\"hidden\" aria-live=\"polite\"></div>\
         <script>{SCRIPT}</script></body></html>"
    );
}
