//! Fonts for letters that the built-in one lacks: the one that was named, or those of the machine that have them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

use crate::report::chart::{Fallback, WIDTH, lacking};
use crate::report::picture::Chart;

/// A font that was named, alone.
pub(crate) fn read(path: &Path) -> anyhow::Result<Fallback> {
    let bytes = std::fs::read(path).with_context(|| format!("--font: cannot read {}", path.display()))?;
    let mut fonts = Fallback::default();
    fonts.add(bytes, 0).with_context(|| format!("--font: {} cannot be used", path.display()))?;
    Ok(fonts)
}

/// Fonts for the letters of these charts that the built-in one lacks; none where it has them all.
pub(crate) fn fallback(charts: &[Chart], named: Option<&Path>) -> anyhow::Result<Fallback> {
    let mut letters: BTreeSet<char> = BTreeSet::new();
    for chart in charts {
        letters.extend(lacking(&chart.figure, WIDTH)?);
    }
    let mut fonts = named.map(read).transpose()?.unwrap_or_default();
    letters.retain(|c| !fonts.has(*c));
    if !letters.is_empty() {
        on_the_machine(&letters, &mut fonts);
    }
    Ok(fonts)
}

/// Adds fonts of the machine until each letter has one, as far as there are some: those that have most of what is left
/// first, and among equals the first by its file. Fonts that cannot be read are none.
fn on_the_machine(letters: &BTreeSet<char>, fonts: &mut Fallback) {
    let mut machine = fontdb::Database::new();
    machine.load_system_fonts();
    let mut left = letters.clone();
    let mut files: Vec<(std::path::PathBuf, u32, BTreeSet<char>)> = machine
        .faces()
        .filter(|face| face.style == fontdb::Style::Normal && face.weight == fontdb::Weight::NORMAL)
        .filter_map(|face| {
            let path = match &face.source {
                fontdb::Source::File(path) | fontdb::Source::SharedFile(path, _) => path.clone(),
                fontdb::Source::Binary(_) => return None,
            };
            let has = machine.with_face_data(face.id, |data, index| covered(data, index, letters))?;
            (!has.is_empty()).then_some((path, face.index, has))
        })
        .collect();
    files.sort();
    while !left.is_empty() {
        let gain = |has: &BTreeSet<char>| has.intersection(&left).count();
        let Some(best) = files.iter().rev().max_by_key(|(_, _, has)| gain(has)).filter(|best| gain(&best.2) > 0) else {
            return;
        };
        let added = std::fs::read(&best.0).is_ok_and(|bytes| fonts.add(bytes, best.1).is_ok());
        let has = best.2.clone();
        if !added {
            let (path, index) = (best.0.clone(), best.1);
            files.retain(|file| file.0 != path || file.1 != index);
            continue;
        }
        left.retain(|c| !has.contains(c));
    }
}

/// Which of these letters a font has.
fn covered(data: &[u8], index: u32, letters: &BTreeSet<char>) -> BTreeSet<char> {
    use ab_glyph::Font as _;
    let Ok(face) = ab_glyph::FontRef::try_from_slice_and_index(data, index) else { return BTreeSet::new() };
    letters.iter().copied().filter(|c| face.glyph_id(*c).0 != 0 && face.outline(face.glyph_id(*c)).is_some()).collect()
}
