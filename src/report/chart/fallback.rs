//! What bitmaps do with letters that the built-in font lacks: other fonts draw them where there are some, else they are
//! written in Latin letters, so that a name can still be read and told from another.
//!
//! SVG and pages need none of this: they keep the text, and the reader's own fonts draw it.

use std::collections::{BTreeMap, BTreeSet};

use ab_glyph::{Font, FontVec, PxScale, point};

use super::figure::Figure;
use super::font::{BrokenFont, Faces, is_joint};
use super::layout::layout;

/// Fonts for what the built-in one lacks, the first that has a letter draws it.
#[derive(Default)]
pub struct Fallback {
    faces: Vec<FontVec>,
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fallback of {} fonts", self.faces.len())
    }
}

/// A font file that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no TrueType or OpenType font")]
pub struct NoFont;

impl Fallback {
    /// Takes in a font: the bytes of its file, and its number in it (0, but in collections).
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, bytes: Vec<u8>, index: u32) -> Result<(), NoFont> {
        self.faces.push(FontVec::try_from_vec_and_index(bytes, index).map_err(|_| NoFont)?);
        Ok(())
    }

    /// Whether one of the fonts can draw this letter.
    pub fn has(&self, c: char) -> bool {
        self.face(c).is_some()
    }

    fn face(&self, c: char) -> Option<&FontVec> {
        self.faces.iter().filter(|_| !is_joined(c)).find(|face| {
            let glyph = face.glyph_id(c);
            // pictures in colour have no outline
            glyph.0 != 0 && face.outline(glyph).is_some()
        })
    }

    /// The dots of a letter, in the middle of a place `room` dots wide that begins at `x`; `em` dots an em.
    pub(super) fn dots(
        &self,
        c: char,
        (x, baseline): (f64, f64),
        (em, room): (f64, f64),
        mut dot: impl FnMut(i32, i32, f64),
    ) {
        let Some(face) = self.face(c) else { return };
        let units = face.units_per_em().unwrap_or(1_000.0);
        let id = face.glyph_id(c);
        let advance = f64::from(face.h_advance_unscaled(id) / units) * em;
        let em = if advance > room { em * room / advance } else { em };
        let left = x + (room - advance.min(room)) / 2.0;
        let scale = PxScale::from(em as f32 * face.height_unscaled() / units);
        let glyph = id.with_scale_and_position(scale, point(left as f32, baseline as f32));
        if let Some(outline) = face.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, cover| dot(left + x as i32, top + y as i32, f64::from(cover)));
        }
    }
}

/// Whether a script runs from right to left or joins its letters: drawn one by one they could not be read.
fn is_joined(c: char) -> bool {
    matches!(u32::from(c), 0x0590..=0x10FF | 0x1780..=0x18AF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF | 0x1E900..=0x1EEFF)
}

/// The letters of a figure that the built-in font lacks.
///
/// # Errors
/// When that font cannot be read, which is a defect.
pub fn lacking(figure: &Figure, width: f64) -> Result<BTreeSet<char>, BrokenFont> {
    let faces = Faces::load()?;
    let texts = layout(figure, width)?.texts()?;
    Ok(texts.iter().flat_map(|text| text.text.chars()).filter(|c| !faces.has(*c, false)).collect())
}

/// What these characters become in Latin letters.
pub(super) fn spelled(letters: impl Iterator<Item = char>) -> BTreeMap<char, String> {
    // what is a word by itself is set off from the next letter
    let latin = |c: char| deunicode::deunicode_with_tofu(&format!("{c}a"), "\u{fffd}");
    letters.filter(|c| !is_joint(*c)).map(|c| (c, latin(c).strip_suffix('a').unwrap_or_default().to_owned())).collect()
}

/// A text in letters that can be drawn: the rest in Latin letters, as near as one can come, and without what only joins
/// its neighbours.
pub(super) fn legible(text: &str, drawable: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    let mut foreign = String::new();
    let flush = |foreign: &mut String, out: &mut String| {
        if foreign.is_empty() {
            return;
        }
        let latin = deunicode::deunicode_with_tofu(foreign, "\u{fffd}");
        let words: Vec<&str> = latin.split_whitespace().collect();
        out.push_str(&words.join(" "));
        foreign.clear();
    };
    for c in text.chars().filter(|c| !is_joint(*c)) {
        if drawable(c) {
            flush(&mut foreign, &mut out);
            out.push(c);
        } else {
            foreign.push(c);
        }
    }
    flush(&mut foreign, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_other_scripts_can_be_read_and_told_apart() {
        let faces = Faces::load().unwrap();
        let latin = |text: &str| legible(text, |c| faces.has(c, false));
        assert_eq!(latin("账号三-prod"), "Zhang Hao San-prod");
        assert_eq!(latin("plain Ω"), "plain Ω");
        for name in ["アカウント", "حساب", "🚀 rocket", "계정", "👩\u{200d}💻", "❤\u{fe0f}", "👍🏽"]
        {
            let text = latin(name);
            assert!(text.chars().all(|c| faces.has(c, false)) && !text.contains('\u{fffd}'), "{name}: {text}");
        }
        assert_ne!(latin("账号一"), latin("账号二"));
    }

    #[test]
    fn a_name_has_the_room_that_it_takes_in_latin_letters() {
        let name = "华东一号账号🚀";
        let faces = Faces::load().unwrap();
        let latin = legible(name, |c| faces.has(c, false));
        let room = faces.width(name, 10.0, false);
        assert!(faces.width(&latin, 10.0, false) > room, "{latin}");
        let faces = faces.spelling(spelled(name.chars()));
        assert!(faces.width(&latin, 10.0, false) <= faces.width(name, 10.0, false));
    }

    #[test]
    fn what_is_no_font_is_refused_and_our_own_font_is_one() {
        let mut fallback = Fallback::default();
        assert_eq!(fallback.add(b"no font".to_vec(), 0), Err(NoFont));
        let own = include_bytes!("../../../assets/fonts/DejaVuSans.subset.ttf").to_vec();
        assert_eq!(fallback.add(own, 0), Ok(()));
        assert!(fallback.has('a') && !fallback.has('漢'));
        let mut dots = 0;
        fallback.dots('a', (0.0, 20.0), (20.0, 8.0), |_, _, _| dots += 1);
        assert!(dots > 20);
    }
}
