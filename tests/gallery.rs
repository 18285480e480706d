//! docs/guide/gallery.md: every picture is there, is shown, and has two sentences; every shipped scenario has a place
//! in it.

use std::collections::BTreeSet;
use std::path::Path;

fn page() -> String {
    std::fs::read_to_string("docs/guide/gallery.md").unwrap()
}

/// The pictures of the page, each with the text after it.
fn pictures(page: &str) -> Vec<(&str, &str)> {
    page.split("](../gallery/").skip(1).map(|part| part.split_once(')').unwrap()).collect()
}

#[test]
fn every_picture_is_there_and_shown() {
    let page = page();
    let shown: BTreeSet<String> = pictures(&page).iter().map(|(file, _)| (*file).to_owned()).collect();
    let there: BTreeSet<String> = std::fs::read_dir("docs/gallery")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".png"))
        .collect();
    assert_eq!(shown, there);
    let mut bytes = 0;
    for name in &there {
        let picture = std::fs::read(Path::new("docs/gallery").join(name)).unwrap();
        assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        bytes += picture.len();
    }
    assert!(bytes < 6_000_000, "{bytes} bytes of pictures");
}

#[test]
fn every_picture_has_two_sentences() {
    for (file, text) in pictures(&page()) {
        let text = text.split("\n\n").nth(1).unwrap_or("").replace('\n', " ");
        let sentences = text.trim().split_inclusive(['.', '!', '?']).filter(|part| part.trim().len() > 20).count();
        assert!(text.trim().ends_with('.') && sentences >= 2, "{file}: {text}");
    }
}

#[test]
fn every_shipped_scenario_has_a_place() {
    let (page, script) = (page(), std::fs::read_to_string("docs/gallery/draw.sh").unwrap());
    for entry in std::fs::read_dir("scenarios").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(page.contains(&format!("### {name}\n")), "{name} has no heading");
        assert!(page.contains(&format!("](../gallery/{name}-incident.png)")), "{name} has no picture of what happened");
    }
    assert!(script.contains("for scenario in scenarios/*.yaml"));
}
