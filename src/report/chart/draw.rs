//! A scene drawn by plotters: to SVG in whole units of a quarter px, and to PNG with two dots a px.
//!
//! plotters' bitmap rasteriser smooths little, so the PNG is drawn with four dots a px and averaged down by two. Its
//! letters are ours: plotters sets each one without the space that the font wants before it.

use std::collections::BTreeMap;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, IntoFont, RGBAColor, ShapeStyle, TextStyle};

use super::fallback::{Fallback, lacking, legible, spelled};
use super::figure::{Dash, Figure, Shape};
use super::font::{BrokenFont, FAMILY, Faces};
use super::layout::{layout, layout_with};
use super::path::{dashed, outline_of, pattern};
use super::scene::{Anchor, Area, Item, Point, Scene, Text};
use super::theme::{Ink, Theme};

/// Units a px.
const FINE: f64 = 4.0;
/// plotters' font size is this many em.
const EM: f64 = 1.24;
/// The width of files, in px.
pub const WIDTH: f64 = 960.0;

/// A chart could not be drawn: a defect, no input leads here.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The built-in font.
    #[error(transparent)]
    Font(#[from] BrokenFont),
    /// plotters.
    #[error("the chart could not be drawn: {0}")]
    Plotters(String),
    /// The PNG encoder.
    #[error("the PNG could not be written: {0}")]
    Png(#[from] png::EncodingError),
}

/// The figure as a stand-alone SVG document.
pub fn svg(figure: &Figure, theme: Theme) -> Result<String, DrawError> {
    let scene = layout(figure, WIDTH)?;
    let size = fine_size(&scene);
    let mut body = String::new();
    draw(SVGBackend::with_string(&mut body, size), &scene, theme, (Glyphs::Viewer, BTreeMap::new()))?;
    // plotters opens the document by itself; ours says its size in px, and what it shows to those who cannot see it.
    let shapes = body.split_once('\n').map_or("", |(_, shapes)| shapes);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{:.0}\" viewBox=\"0 0 {} {}\" role=\"img\">\n\
         <title>{}</title>\n<desc>{}</desc>\n{shapes}",
        scene.width,
        scene.height,
        size.0,
        size.1,
        super::inline::escaped(&scene.title),
        super::inline::escaped(&scene.description),
    ))
}

/// The figure as a PNG with two dots a px; what the built-in font lacks is written in Latin letters.
pub fn png(figure: &Figure, theme: Theme) -> Result<Vec<u8>, DrawError> {
    png_with(figure, theme, &Fallback::default())
}

/// The figure as a PNG with two dots a px, with these fonts for what the built-in one lacks.
pub fn png_with(figure: &Figure, theme: Theme, fallback: &Fallback) -> Result<Vec<u8>, DrawError> {
    let spelled = spelled(lacking(figure, WIDTH)?.into_iter().filter(|c| !fallback.has(*c)));
    let scene = layout_with(figure, WIDTH, &Faces::load()?.spelling(spelled.clone()));
    let (width, height) = fine_size(&scene);
    let mut dots = vec![0; width as usize * height as usize * 3];
    draw(BitMapBackend::with_buffer(&mut dots, (width, height)), &scene, theme, (Glyphs::Ours(fallback), spelled))?;
    let (palette, dots) = super::palette::indexed(&halved(&dots, width as usize, height as usize));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width / 2, height / 2);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::Best);
    // Filters are for shades that change little by little; numbers of colours do not.
    encoder.set_filter(png::FilterType::NoFilter);
    let per_metre = |per_inch: f64| (per_inch / 0.0254) as u32;
    let dense = per_metre(192.0);
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: dense, yppu: dense, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&dots)?;
    writer.finish()?;
    Ok(out)
}

/// Even numbers, so that halving is exact.
fn fine_size(scene: &Scene) -> (u32, u32) {
    ((scene.width * FINE) as u32 / 2 * 2, (scene.height * FINE) as u32 / 2 * 2)
}

fn halved(dots: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(dots.len() / 4);
    for y in (0..height).step_by(2) {
        let (upper, lower) = (&dots[y * width * 3..(y + 1) * width * 3], &dots[(y + 1) * width * 3..][..width * 3]);
        for x in (0..width * 3).step_by(6) {
            for channel in x..x + 3 {
                let sum = [upper[channel], upper[channel + 3], lower[channel], lower[channel + 3]];
                out.push(((sum.iter().map(|&dot| u16::from(dot)).sum::<u16>() + 2) / 4) as u8);
            }
        }
    }
    out
}

/// Who draws the letters.
#[derive(Clone, Copy)]
enum Glyphs<'f> {
    /// The viewer of the SVG, with fonts of its own for what ours lacks.
    Viewer,
    /// We, from the built-in font and those for what it lacks.
    Ours(&'f Fallback),
}

/// The last says who draws letters, and which are written in Latin ones.
fn draw<D: DrawingBackend>(
    backend: D,
    scene: &Scene,
    theme: Theme,
    (glyphs, spelled): (Glyphs<'_>, BTreeMap<char, String>),
) -> Result<(), DrawError> {
    let mut pen = Pen { backend, theme, glyphs, faces: Faces::load()?.spelling(spelled) };
    let everything = Area { x: 0.0, y: 0.0, w: scene.width, h: scene.height };
    pen.item(&Item::Rect { area: everything, ink: Ink::Paper, opacity: 1.0 })?;
    let legend = scene.legend.iter().flat_map(|entry| &entry.items);
    let plots = scene.plots.iter().flat_map(|plot| {
        let layers = plot.layers.iter().flat_map(|layer| &layer.items);
        plot.back.iter().chain(&plot.ticks).chain(layers).chain(&plot.front)
    });
    for item in scene.frame.iter().chain(legend).chain(plots) {
        pen.item(item)?;
    }
    pen.backend.present().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> DrawError {
    DrawError::Plotters(error.to_string())
}

struct Pen<'f, D> {
    backend: D,
    theme: Theme,
    glyphs: Glyphs<'f>,
    faces: Faces,
}

impl<D: DrawingBackend> Pen<'_, D> {
    fn item(&mut self, item: &Item) -> Result<(), DrawError> {
        match item {
            Item::Line { points, ink, width, dash } => self.line(points, *ink, *width, *dash),
            Item::Polygon { points, ink, opacity } => self.polygon(points, self.color(*ink, *opacity)),
            Item::Rect { area, ink, opacity } => self.rect(area, self.color(*ink, *opacity)),
            Item::Tiles { tiles, ink } => {
                tiles.iter().try_for_each(|(area, opacity)| self.rect(area, self.color(*ink, *opacity)))
            }
            Item::Marks { at, shape, size, ink, opacity } => {
                let color = self.color(*ink, *opacity);
                at.iter().try_for_each(|&point| self.mark(point, *shape, *size, color))
            }
            Item::Strokes { strokes, ink, width } => {
                strokes.iter().try_for_each(|&(a, b)| self.line(&[a, b], *ink, *width, Dash::Solid))
            }
            Item::Text(text) => self.text(text),
        }
    }

    fn color(&self, ink: Ink, opacity: f64) -> RGBAColor {
        let (r, g, b) = self.theme.rgb(ink);
        RGBAColor(r, g, b, opacity.clamp(0.0, 1.0))
    }

    fn line(&mut self, points: &[Point], ink: Ink, width: f64, dash: Dash) -> Result<(), DrawError> {
        let color = self.color(ink, 1.0);
        let lengths: Vec<f64> = pattern(dash).iter().map(|part| part * width.max(1.0)).collect();
        for stroke in dashed(points, &lengths) {
            self.stroke(&stroke, color, width)?;
        }
        Ok(())
    }

    fn stroke(&mut self, points: &[Point], color: RGBAColor, width: f64) -> Result<(), DrawError> {
        let style = ShapeStyle { color, filled: false, stroke_width: round(width).max(1) as u32 };
        let path: Vec<(i32, i32)> = points.iter().map(fine).collect();
        if matches!(self.glyphs, Glyphs::Viewer) {
            return self.backend.draw_path(path, &style).map_err(failed);
        }
        // plotters makes one polygon of a wide line, with holes where it crosses itself: draw it piece by piece.
        let across = f64::from(style.stroke_width) / 2.0;
        for (pair, ends) in points.windows(2).zip(path.windows(2)) {
            let (a, b) = (pair[0], pair[1]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = (dx * dx + dy * dy).sqrt();
            if style.stroke_width <= 1 || length == 0.0 {
                self.backend.draw_line(ends[0], ends[1], &style.color).map_err(failed)?;
                continue;
            }
            let (nx, ny) = (-dy / length * across, dx / length * across);
            let corner = |p: Point, sign: f64| {
                let at = (p.0 * FINE + sign * nx, p.1 * FINE + sign * ny);
                ((at.0 + 0.5).floor() as i32, (at.1 + 0.5).floor() as i32)
            };
            let quad = [corner(a, 1.0), corner(b, 1.0), corner(b, -1.0), corner(a, -1.0)];
            self.backend.fill_polygon(quad, &style.color).map_err(failed)?;
        }
        if across >= 2.0 && points.len() > 2 {
            for &joint in &path[1..path.len() - 1] {
                self.backend.draw_circle(joint, across as u32, &style.color, true).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn polygon(&mut self, points: &[Point], color: RGBAColor) -> Result<(), DrawError> {
        if points.len() < 3 {
            return Ok(());
        }
        self.backend.fill_polygon(points.iter().map(fine), &color).map_err(failed)
    }

    fn rect(&mut self, area: &Area, color: RGBAColor) -> Result<(), DrawError> {
        let (from, to) = (fine(&(area.x, area.y)), fine(&(area.right(), area.bottom())));
        if to.0 <= from.0 || to.1 <= from.1 {
            return Ok(());
        }
        self.backend.draw_rect(from, to, &color, true).map_err(failed)
    }

    fn mark(&mut self, at: Point, shape: Shape, size: f64, color: RGBAColor) -> Result<(), DrawError> {
        let radius = size / 2.0;
        let units = round(radius).max(1);
        match shape {
            Shape::Disc => self.backend.draw_circle(fine(&at), units as u32, &color, true).map_err(failed),
            Shape::Ring => {
                let (r, g, b) = self.theme.rgb(Ink::Ground);
                self.backend.draw_circle(fine(&at), units as u32, &color, true).map_err(failed)?;
                let inner = (units - round((size / 5.0).max(1.2))).max(0) as u32;
                self.backend.draw_circle(fine(&at), inner, &RGBAColor(r, g, b, 1.0), true).map_err(failed)
            }
            _ => {
                let outline = outline_of(shape).iter().map(|p| fine(&(at.0 + p.0 * radius, at.1 + p.1 * radius)));
                self.backend.fill_polygon(outline, &color).map_err(failed)
            }
        }
    }

    fn text(&mut self, text: &Text) -> Result<(), DrawError> {
        let Glyphs::Ours(fallback) = self.glyphs else { return self.words(text) };
        let room = self.faces.width(&text.text, text.size, text.bold);
        let left = text.x
            - match text.anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => room / 2.0,
                Anchor::End => room,
            };
        let drawable = |c: char| self.faces.has(c, text.bold) || fallback.has(c);
        if text.text.chars().all(drawable) {
            return self.letters(text, left, fallback);
        }
        // in Latin letters it may be wider: smaller, and then shorter
        let words = legible(&text.text, drawable);
        let width = self.faces.width(&words, text.size, text.bold);
        let size = text.size * (room / width.max(1.0)).clamp(0.7, 1.0);
        let words = Text { text: self.faces.elided(&words, size, text.bold, room), size, ..text.clone() };
        let width = self.faces.width(&words.text, size, text.bold);
        let left = match text.anchor {
            Anchor::Start => left,
            Anchor::Middle => left + (room - width) / 2.0,
            Anchor::End => left + room - width,
        };
        self.letters(&words, left, fallback)
    }

    /// Letter after letter, from this place on.
    fn letters(&mut self, text: &Text, left: f64, fallback: &Fallback) -> Result<(), DrawError> {
        let mut x = left;
        for c in text.text.chars() {
            self.letter(c, x, text, fallback)?;
            x += self.faces.advance(c, text.bold) * text.size;
        }
        Ok(())
    }

    /// Text that the viewer of the picture sets.
    fn words(&mut self, text: &Text) -> Result<(), DrawError> {
        if text.text.is_empty() {
            return Ok(());
        }
        let anchor = match text.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = if text.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = (FontFamily::Name(FAMILY), text.size * FINE * EM, style).into_font();
        let color = self.color(text.ink, 1.0);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(anchor, VPos::Top));
        // plotters moves what hangs from the top down by 0.76 em.
        self.backend.draw_text(&text.text, &style, fine(&(text.x, text.baseline - 0.76 * text.size))).map_err(failed)
    }

    /// A letter of the built-in font, or of one for what that lacks.
    fn letter(&mut self, c: char, x: f64, text: &Text, fallback: &Fallback) -> Result<(), DrawError> {
        let color = self.color(text.ink, 1.0);
        let mut dots = Vec::new();
        let origin = (x * FINE, text.baseline * FINE);
        let em = text.size * FINE;
        let dot = |x, y, cover| dots.push((x, y, cover));
        if self.faces.has(c, text.bold) {
            self.faces.dots(c, text.bold, origin, em, dot);
        } else {
            fallback.dots(c, origin, (em, self.faces.advance(c, text.bold) * em), dot);
        }
        for (x, y, cover) in dots {
            let cover = cover.clamp(0.0, 1.0);
            self.backend.draw_pixel((x, y), color.mix(cover).to_backend_color()).map_err(failed)?;
        }
        Ok(())
    }
}

fn round(px: f64) -> i32 {
    (px * FINE + 0.5).floor() as i32
}

fn fine(point: &Point) -> (i32, i32) {
    (round(point.0), round(point.1))
}
