//! The font that is built in: a subset of DejaVu Sans (licence beside it in `assets/fonts`), its measures, and what
//! becomes of characters that it lacks.
//!
//! A name may be in any script. The layout reserves a full em or more for a character that the font lacks: SVG keeps it
//! (the viewer's own fonts draw it), and what a bitmap does with it is told in `fallback`.

use std::collections::BTreeMap;

use ab_glyph::{Font, FontRef, PxScale, point};

/// The family as SVG names it: viewers without DejaVu Sans take Verdana, whose measures are nearly the same, or a
/// narrower one.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

static REGULAR: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans.subset.ttf");
static BOLD: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-Bold.subset.ttf");

/// The two faces.
pub(super) struct Faces {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
    /// Characters that are written in Latin letters, and these.
    spelled: BTreeMap<char, String>,
}

/// The built-in font cannot be read: a defect of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the built-in font cannot be read")]
pub struct BrokenFont;

impl Faces {
    pub fn load() -> Result<Self, BrokenFont> {
        let read = |bytes| FontRef::try_from_slice(bytes).map_err(|_| BrokenFont);
        Ok(Self { regular: read(REGULAR)?, bold: read(BOLD)?, spelled: BTreeMap::new() })
    }

    /// With these characters written in Latin letters, which take more room than what they stand for.
    pub fn spelling(self, spelled: BTreeMap<char, String>) -> Self {
        Self { spelled, ..self }
    }

    /// Whether the font can draw this character.
    pub fn has(&self, c: char, bold: bool) -> bool {
        self.face(bold).glyph_id(c).0 != 0
    }

    /// The advance of a character in em; what the font lacks takes as much as its substitute and the widest usual font.
    pub fn advance(&self, c: char, bold: bool) -> f64 {
        let face = self.face(bold);
        let glyph = face.glyph_id(c);
        if is_joint(c) {
            return 0.0;
        }
        if glyph.0 == 0 {
            let latin = self.spelled.get(&c).map(|latin| latin.chars().map(|c| self.advance(c, bold)).sum::<f64>());
            return latin.unwrap_or_else(|| substitute_width(c));
        }
        f64::from(face.h_advance_unscaled(glyph)) / f64::from(face.units_per_em().unwrap_or(2048.0))
    }

    /// The dots of a character that the font has, with its origin at (`x`, `baseline`) and `em` dots an em:
    /// (x, y, how much of the dot is covered).
    pub fn dots(&self, c: char, bold: bool, (x, baseline): (f64, f64), em: f64, mut dot: impl FnMut(i32, i32, f64)) {
        let face = self.face(bold);
        let height = face.height_unscaled() / face.units_per_em().unwrap_or(2048.0);
        let scale = PxScale::from(em as f32 * height);
        let glyph = face.glyph_id(c).with_scale_and_position(scale, point(x as f32, baseline as f32));
        if let Some(outline) = face.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, cover| dot(left + x as i32, top + y as i32, f64::from(cover)));
        }
    }

    /// The width of a text in px at `size` px an em.
    pub fn width(&self, text: &str, size: f64, bold: bool) -> f64 {
        text.chars().map(|c| self.advance(c, bold)).sum::<f64>() * size
    }

    /// The text, or its ends with an ellipsis between them, not wider than `room` px. The middle goes because names
    /// tend to differ at their ends.
    pub fn elided(&self, text: &str, size: f64, bold: bool, room: f64) -> String {
        if self.width(text, size, bold) <= room {
            return text.to_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        let left = room - self.width("…", size, bold);
        let (mut head, mut tail, mut used) = (0, 0, 0.0);
        while head + tail < chars.len() {
            let at_head = head <= tail;
            let next = if at_head { chars[head] } else { chars[chars.len() - 1 - tail] };
            used += self.advance(next, bold) * size;
            if used > left {
                break;
            }
            if at_head { head += 1 } else { tail += 1 }
        }
        if head == 0 {
            return if left >= 0.0 { "…".to_owned() } else { String::new() };
        }
        let start: String = chars[..head].iter().collect();
        let end: String = chars[chars.len() - tail..].iter().collect();
        format!("{}…{}", start.trim_end(), end.trim_start())
    }

    /// The sentence, or as many of its first words as fit with an ellipsis after them.
    pub fn shortened(&self, text: &str, size: f64, bold: bool, room: f64) -> String {
        let words = with_units(text);
        let fits = |text: &String| self.width(text, size, bold) <= room;
        let whole = words.join(" ");
        if fits(&whole) {
            return whole;
        }
        let first = |count: usize| format!("{}…", words[..count].join(" ").trim_end_matches([',', ';', '(', ':']));
        let kept = (1..words.len()).map(first).take_while(fits).last();
        kept.unwrap_or_else(|| self.elided(text, size, bold, room))
    }

    /// The text in lines not wider than `room`, at most `most` of them; the last one is shortened where more would be
    /// needed.
    pub fn wrapped(&self, text: &str, size: f64, bold: bool, room: f64, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        let mut words = with_units(text).into_iter().peekable();
        while let Some(word) = words.next() {
            let word = word.as_str();
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size, bold) <= room {
                line = longer;
                continue;
            }
            if lines.len() + 1 >= most {
                let rest: Vec<String> = words.collect();
                let whole = format!("{longer} {}", rest.join(" "));
                // a sentence ends after a word; a name that is too long for a line keeps both of its ends
                let is_sentence = self.width(word, size, bold) <= room && !line.is_empty();
                let cut = if is_sentence { Self::shortened } else { Self::elided };
                lines.push(cut(self, &whole, size, bold, room));
                return lines;
            }
            if line.is_empty() {
                lines.push(self.elided(word, size, bold, room));
            } else {
                lines.push(std::mem::take(&mut line));
                if self.width(word, size, bold) <= room {
                    line = word.to_owned();
                } else {
                    line = self.elided(word, size, bold, room);
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    fn face(&self, bold: bool) -> &FontRef<'static> {
        if bold { &self.bold } else { &self.regular }
    }
}

/// Words, of which a number and its unit are one.
fn with_units(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = ["s", "ms", "min", "h", "%"].contains(&word.trim_end_matches([';', ',', '.', ')', ':']));
        match words.last_mut() {
            Some(last) if (unit || word.starts_with('\u{b1}')) && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The width in em of the substitute for a character that the font lacks.
pub(super) fn substitute_width(c: char) -> f64 {
    if u32::from(c) >= 0x1_0000 { 1.4 } else { 1.05 }
}

/// Text that may stand in a picture: characters that are invisible, that XML forbids, or that would turn the direction
/// of what follows become U+FFFD, line breaks and tabs become blanks. What joins two emoji to one, or sets two letters
/// of Persian or an Indian script apart, stays between them.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let between = out.chars().next_back().is_some_and(is_foreign) && rest.peek().copied().is_some_and(is_foreign);
        out.push(match c {
            '\n' | '\r' | '\t' | '\u{a0}' | '\u{2028}' | '\u{2029}' => ' ',
            c if between && is_joint(c) => c,
            c if c.is_control() => '\u{fffd}',
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => '\u{fffd}',
            '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            '\u{e000}'..='\u{f8ff}' => '\u{fffd}',
            c => c,
        });
    }
    out
}

/// The joiner and the non-joiner: they change how their neighbours look, and have no look of their own.
pub(super) fn is_joint(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// A letter of a script in which joints have a meaning, an emoji, or what varies one.
fn is_foreign(c: char) -> bool {
    matches!(u32::from(c), 0x0600..=0x1AFF | 0x2600..=0x27BF | 0xFE0F | 0x1_F000..=0x1_FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces() -> Faces {
        Faces::load().unwrap()
    }

    #[test]
    fn both_faces_hold_latin_greek_and_cyrillic_and_what_charts_print() {
        let faces = faces();
        for bold in [false, true] {
            for c in "Az09ÄßéçŁőΩαЯдѣ…–—−×±≤≥≈→←↑↓µ°%‰€·•ĳ\u{fffd}ậ".chars().filter(|&c| c != 'ѣ')
            {
                assert!(faces.has(c, bold), "{c} {bold}");
            }
            assert!(!faces.has('漢', bold));
        }
    }

    #[test]
    fn eliding_keeps_both_ends_and_the_room() {
        let faces = faces();
        let name = "account-with-a-very-long-name-in-region-eu-central-0042";
        let short = faces.elided(name, 12.0, false, 120.0);
        assert!(faces.width(&short, 12.0, false) <= 120.0);
        assert!(short.starts_with("acc") && short.ends_with("042") && short.contains('…'), "{short}");
        assert_eq!(faces.elided("漢字漢字漢字", 10.0, false, 36.0), "漢…字");
        assert_eq!(faces.elided("abc", 12.0, false, 1.0), "");
        assert_eq!(faces.elided("", 12.0, false, 0.0), "");
    }

    #[test]
    fn a_sentence_is_shortened_at_its_end_and_between_words() {
        let faces = faces();
        let text = "account 3 was 20x slower from 3:00 to 3:45";
        let short = faces.shortened(text, 10.0, false, 150.0);
        assert!(faces.width(&short, 10.0, false) <= 150.0);
        assert!(text.starts_with(short.trim_end_matches('…')) && short.ends_with('…'), "{short}");
        assert!(text.split(' ').any(|word| short.ends_with(&format!("{word}…"))), "{short}");
        assert_eq!(faces.shortened(text, 10.0, false, 900.0), text);
        assert_eq!(
            faces.shortened("Donaudampfschiff", 10.0, false, 40.0),
            faces.elided("Donaudampfschiff", 10.0, false, 40.0)
        );
    }

    #[test]
    fn wrapping_takes_words_that_are_too_long() {
        let faces = faces();
        let text =
            "short Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft end of it all";
        for room in [40.0, 100.0, 400.0] {
            let lines = faces.wrapped(text, 12.0, true, room, 3);
            assert!(lines.len() <= 3);
            assert!(lines.iter().all(|line| faces.width(line, 12.0, true) <= room), "{lines:?}");
        }
        assert!(faces.wrapped("  ", 12.0, false, 10.0, 2).is_empty());
    }

    #[test]
    fn a_sentence_that_is_too_long_ends_after_a_word() {
        let faces = faces();
        let text = "sessions over the SLO fell from 70.2 % to 68.7 %; the price rose by 13.3 %, and more than that";
        for room in (150..500).step_by(10) {
            let lines = faces.wrapped(text, 12.0, true, f64::from(room), 2);
            let whole = lines.join(" ");
            let kept = whole.trim_end_matches('…');
            assert!(text.starts_with(kept) && lines.len() <= 2, "{lines:?}");
            assert!(text[kept.len()..].is_empty() || text[kept.len()..].starts_with([' ', ',', ';']), "{lines:?}");
        }
    }

    #[test]
    fn nothing_that_hides_or_turns_text_round_gets_through() {
        assert_eq!(printable("a\u{202e}b\u{0}c\nd\u{200b}"), "a\u{fffd}b\u{fffd}c d\u{fffd}");
        assert_eq!(printable("漢字 é"), "漢字 é");
    }

    #[test]
    fn joints_stay_where_they_have_a_meaning() {
        for name in ["👩\u{200d}💻", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}شود", "क्\u{200d}ष"] {
            assert_eq!(printable(name), name);
        }
        assert_eq!(printable("a\u{200d}b \u{200c}c💻\u{200d}"), "a\u{fffd}b \u{fffd}c💻\u{fffd}");
        assert_eq!(printable("👩\u{200d}\u{200d}💻"), "👩\u{fffd}\u{fffd}💻");
    }
}
