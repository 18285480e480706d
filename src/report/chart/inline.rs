//! A scene as SVG inside an HTML page: colours are variables of the page's style, so that light and dark need no second
//! drawing; series are groups that a script can switch; dots and strokes of one kind are one path, so that the page
//! stays small.

use std::fmt::Write as _;

use super::figure::{Dash, Figure, Shape};
use super::font::BrokenFont;
use super::layout::layout;
use super::path::{outline_of, pattern};
use super::scene::{Anchor, Area, Entry, Item, Plot, Point, Text};
use super::theme::{Ink, NAMED, Theme};

/// At most this many tooltips a figure; where there are more, every n-th.
const TIPS: usize = 4_000;

/// The figure as an `<svg>` element for a page, laid out for this width, with identifiers that begin with `id`.
pub fn inline_svg(figure: &Figure, width: f64, id: &str) -> Result<String, BrokenFont> {
    let scene = layout(figure, width)?;
    let mut out = String::new();
    let (title, description) = (escaped(&scene.title), escaped(&scene.description));
    // No <title>: browsers show it over the tooltips of the page.
    let _ = write!(
        out,
        "<svg class=\"chart\" id=\"{id}\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"group\" \
         aria-roledescription=\"chart\" aria-label=\"{title}\" aria-describedby=\"{id}-d\"><desc id=\"{id}-d\">{description}</desc>",
        place(scene.width),
        place(scene.height),
    );
    out.push_str("<g aria-hidden=\"true\">");
    items(&scene.frame, id, &mut out);
    out.push_str("</g>");
    for (i, entry) in scene.legend.iter().enumerate() {
        let Area { x, y, w, h } = entry.area;
        let _ = write!(
            out,
            "<g class=\"key\" data-key=\"{i}\" tabindex=\"0\" role=\"button\" aria-pressed=\"true\" \
             aria-label=\"{}\"><rect class=\"hit\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            escaped(&spoken(entry)),
            place(x - 4.0),
            place(y),
            place(w + 8.0),
            place(h),
        );
        items(&entry.items, id, &mut out);
        out.push_str("</g>");
    }
    let every =
        scene.plots.iter().flat_map(|plot| &plot.layers).map(|layer| layer.tips.len()).sum::<usize>() / TIPS + 1;
    for (i, plot) in scene.plots.iter().enumerate() {
        draw_plot(plot, &format!("{id}-{i}"), every, &mut out);
    }
    out.push_str("</svg>");
    Ok(out)
}

/// What an entry of the legend is called: all that stands in it, and its whole name where that is cut.
fn spoken(entry: &Entry) -> String {
    let texts =
        entry.items.iter().filter_map(|item| if let Item::Text(text) = item { Some(text.text.as_str()) } else { None });
    let seen = texts.collect::<Vec<_>>().join(" ");
    if seen.contains(&entry.name) { seen } else { format!("{seen} {}", entry.name).trim().to_owned() }
}

/// The colours as custom properties, for a rule of a style sheet.
pub(in crate::report) fn colours(theme: Theme) -> String {
    let property = |(ink, name): &(Ink, &str)| {
        let (r, g, b) = theme.rgb(*ink);
        format!("--{name}:#{r:02x}{g:02x}{b:02x};")
    };
    NAMED.iter().map(property).collect()
}

fn draw_plot(plot: &Plot, id: &str, every: usize, out: &mut String) {
    let Area { x, y, w, h } = plot.area;
    let (x, y, w, h) = (place(x), place(y), place(w), place(h));
    let _ = write!(out, "<g class=\"plot\" aria-hidden=\"true\" data-area=\"{x} {y} {w} {h}\"");
    if let Some((log, low, high, format)) = plot.x {
        let _ = write!(out, " data-x=\"{} {low} {high} {format:?}\"", u8::from(log));
    }
    if plot.zoom {
        out.push_str(" data-zoom=\"1\"");
    }
    out.push('>');
    items(&plot.back, id, out);
    // Markers at the very edge are whole; where the plot can be stretched, what leaves it must not be seen.
    let margin = if plot.zoom { 0.0 } else { 6.0 };
    out.push_str("<g class=\"ticks\">");
    items(&plot.ticks, id, out);
    let _ = write!(
        out,
        "</g><clipPath id=\"{id}-c\"><rect x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{h}\"/></clipPath>\
         <g clip-path=\"url(#{id}-c)\"><g class=\"data\">",
        place(plot.area.x - margin),
        place(plot.area.w + 2.0 * margin),
    );
    for layer in &plot.layers {
        if layer.items.is_empty() && layer.tips.is_empty() {
            continue;
        }
        match layer.entry {
            Some(entry) => out.push_str(&format!("<g data-key=\"{entry}\"")),
            None => out.push_str("<g"),
        }
        let tips: Vec<&(Point, String)> = layer.tips.iter().step_by(every).collect();
        if !tips.is_empty() {
            out.push_str(" data-tips=\"");
            for ((tx, ty), tip) in tips {
                // Fields are separated by tabs and tips by vertical bars, which tips themselves do not hold.
                let tip = tip.replace('|', "\u{00a6}").replace('\t', " ");
                let _ = write!(out, "{}\t{}\t{}|", place(*tx), place(*ty), escaped(&tip));
            }
            out.push('"');
        }
        out.push('>');
        items(&layer.items, id, out);
        out.push_str("</g>");
    }
    out.push_str("</g></g>");
    items(&plot.front, id, out);
    out.push_str("</g>");
}

fn items(items: &[Item], prefix: &str, out: &mut String) {
    for item in items {
        self::item(item, prefix, out);
    }
}

fn item(item: &Item, prefix: &str, out: &mut String) {
    match item {
        Item::Line { points, ink, width, dash } => {
            let _ = write!(out, "<path fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"", colour(*ink));
            dashes(*dash, *width, out);
            out.push_str(" d=\"");
            trace(points, false, out);
            out.push_str("\"/>");
        }
        Item::Polygon { points, ink, opacity } => {
            let _ = write!(out, "<path fill=\"{}\"", colour(*ink));
            translucent(*opacity, out);
            out.push_str(" d=\"");
            trace(points, true, out);
            out.push_str("\"/>");
        }
        Item::Rect { area, ink, opacity } => {
            let _ = write!(out, "<rect fill=\"{}\"", colour(*ink));
            translucent(*opacity, out);
            let Area { x, y, w, h } = *area;
            let _ =
                write!(out, " x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", place(x), place(y), place(w), place(h));
        }
        Item::Tiles { tiles, ink } => draw_tiles(tiles, *ink, out),
        Item::Marks { at, shape, size, ink, opacity } => marks(at, *shape, *size, (*ink, *opacity), prefix, out),
        Item::Strokes { strokes, ink, width } => {
            let _ = write!(out, "<path fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" d=\"", colour(*ink));
            strokes.iter().for_each(|&(a, b)| trace(&[a, b], false, out));
            out.push_str("\"/>");
        }
        Item::Text(text) => words(text, out),
    }
}

/// Tiles of like weight are one path.
fn draw_tiles(tiles: &[(Area, f64)], ink: Ink, out: &mut String) {
    const LEVELS: usize = 12;
    let level = |opacity: f64| ((opacity * LEVELS as f64).ceil() as usize).clamp(1, LEVELS);
    for wanted in 1..=LEVELS {
        let mut some = false;
        for (Area { x, y, w, h }, _) in tiles.iter().filter(|(_, opacity)| level(*opacity) == wanted) {
            if !some {
                // edges that meet leave no seam
                let _ = write!(out, "<path shape-rendering=\"crispEdges\" fill=\"{}\"", colour(ink));
                translucent(wanted as f64 / LEVELS as f64, out);
                out.push_str(" d=\"");
                some = true;
            }
            let (w, h) = (place(*w), place(*h));
            let _ = write!(out, "M{} {}h{w}v{h}h-{w}z", place(*x), place(*y));
        }
        if some {
            out.push_str("\"/>");
        }
    }
}

/// Round markers are strokes of no length with round ends: ten bytes each, and they stay round when the plot is
/// stretched.
fn marks(at: &[Point], shape: Shape, size: f64, (ink, opacity): (Ink, f64), prefix: &str, out: &mut String) {
    let round = matches!(shape, Shape::Disc | Shape::Ring);
    if round {
        let dot = |width: f64, ink: Ink, out: &mut String| {
            let _ = write!(out, "<path class=\"dots\" stroke=\"{}\" stroke-width=\"{}\"", colour(ink), place(width));
            translucent(opacity, out);
            out.push_str(" d=\"");
            for &(x, y) in at {
                let _ = write!(out, "M{} {}h0", place(x), place(y));
            }
            out.push_str("\"/>");
        };
        dot(size, ink, out);
        if shape == Shape::Ring {
            dot(size - 2.0 * (size / 5.0).max(1.2), Ink::Ground, out);
        }
        return;
    }
    let radius = size / 2.0;
    let outline: Vec<Point> = outline_of(shape).iter().map(|p| (p.0 * radius, p.1 * radius)).collect();
    let _ = write!(out, "<g class=\"marks\" fill=\"{}\"", colour(ink));
    translucent(opacity, out);
    // The first one draws, the others repeat it; each has its own place, so that a script can keep its form.
    let id = format!("m{}", out.len());
    out.push('>');
    for (i, &(x, y)) in at.iter().enumerate() {
        let (x, y) = (place(x), place(y));
        if i > 0 {
            let _ = write!(out, "<use href=\"#{prefix}{id}\" transform=\"translate({x} {y})\"/>");
            continue;
        }
        let _ = write!(out, "<g transform=\"translate({x} {y})\"><path id=\"{prefix}{id}\" d=\"");
        trace(&outline, true, out);
        out.push_str("\"/></g>");
    }
    out.push_str("</g>");
}

fn words(text: &Text, out: &mut String) {
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = if text.bold { " font-weight=\"700\"" } else { "" };
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{weight}>{}</text> ",
        place(text.x),
        place(text.baseline),
        text.size,
        colour(text.ink),
        escaped(&text.text)
    );
}

fn trace(points: &[Point], close: bool, out: &mut String) {
    for (i, &(x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, place(x), place(y));
    }
    if close {
        out.push('z');
    }
}

fn dashes(dash: Dash, width: f64, out: &mut String) {
    let lengths: Vec<String> = pattern(dash).iter().map(|part| place(part * width.max(1.0))).collect();
    if !lengths.is_empty() {
        let _ = write!(out, " stroke-dasharray=\"{}\"", lengths.join(" "));
    }
}

fn translucent(opacity: f64, out: &mut String) {
    if opacity < 1.0 {
        let _ = write!(out, " opacity=\"{:.2}\"", opacity.max(0.0));
    }
}

fn colour(ink: Ink) -> String {
    let named = match ink {
        Ink::Category(i) => Ink::Category(i % 8),
        other => other,
    };
    match NAMED.iter().find(|(ink, _)| *ink == named) {
        Some((_, name)) => format!("var(--{name})"),
        None => {
            let (r, g, b) = Theme::Light.rgb(ink);
            format!("#{r:02x}{g:02x}{b:02x}")
        }
    }
}

/// A coordinate with at most one decimal.
fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text for XML and HTML, in elements and in attributes.
pub(in crate::report) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
