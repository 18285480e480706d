//! Links resolve: every relative link of a Markdown file leads to a file and, where it has an anchor, to a heading; and
//! every path below `docs/` that a source, script or text names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::{files, home};

/// Markdown files of the project, by their path from its root.
fn pages() -> BTreeMap<String, String> {
    let mut pages = files(&["docs", "traces", "scenarios", "tests", "examples", "dist", "action"], "md");
    for entry in std::fs::read_dir(home()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            pages.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    pages
}

/// The text without what is code: fenced and indented blocks, and spans between backticks.
fn prose(text: &str) -> String {
    let (mut fenced, mut kept) = (false, String::new());
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            for (at, part) in line.split('`').enumerate() {
                kept.push_str(if at % 2 == 0 { part } else { "code" });
            }
        }
        kept.push('\n');
    }
    kept
}

/// Targets of the links and pictures in a text.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text);
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let named = text.lines().filter(|line| line.starts_with('['));
    let referred = named.filter_map(|line| Some(line.split_once("]: ")?.1));
    inline.chain(referred).map(str::to_owned).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    found
}

/// A path without `.` and `..`, from the root of the project.
fn joined(page: &str, target: &str) -> PathBuf {
    let mut path = Path::new(page).parent().unwrap().to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let (mut wrong, mut found) = (Vec::new(), 0);
    for (name, text) in &pages {
        for target in targets(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            found += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { PathBuf::from(name) } else { joined(name, file) };
            if !home().join(&path).exists() {
                wrong.push(format!("{name}: {target} is not there"));
            } else if !anchor.is_empty() {
                let heads = pages.get(&*path.to_string_lossy()).map(|text| anchors(text));
                if !heads.is_some_and(|heads| heads.contains(anchor)) {
                    wrong.push(format!("{name}: {target} has no such heading"));
                }
            }
        }
    }
    assert!(found > 50, "only {found} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_of_documents_are_there() {
    let mut texts = pages();
    for (folder, ending) in
        [("src", "rs"), ("tests", "rs"), ("examples", "rs"), ("docs", "sh"), ("docs", "yaml"), ("schema", "json")]
    {
        texts.extend(files(&[folder], ending));
    }
    texts.insert("Makefile".to_owned(), std::fs::read_to_string(home().join("Makefile")).unwrap());
    let (mut wrong, mut found) = (Vec::new(), 0);
    for (name, text) in &texts {
        // this file has paths for its own test
        if name.starts_with("tests/tidy") {
            continue;
        }
        for (at, word) in text.match_indices("docs/") {
            let path: String =
                text[at..].chars().take_while(|c| c.is_alphanumeric() || "/._-*{}".contains(*c)).collect();
            let path = path.trim_end_matches(['.', '/']);
            let before = text[..at].chars().next_back().unwrap_or(' ');
            // a pattern, a path that is put together, or a part of another path; validity.md is written by a program
            if path.contains(['*', '{']) || path == word.trim_end_matches('/') || before == '/' {
                continue;
            }
            found += 1;
            if !home().join(path).exists() && path != "docs/validity.md" {
                wrong.push(format!("{name}: {path} is not there"));
            }
        }
    }
    assert!(found > 50, "only {found} paths were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_code_holds_no_links() {
    assert_eq!(
        targets("see [a](b.md) and `x[1](y)`\n\n    z[0](w)\n```\n[c](d)\n```\n[e]: f.png\n"),
        ["b.md", "f.png"]
    );
    assert!(anchors("## All figures: `p99`, and more\n").contains("all-figures-p99-and-more"));
    assert_eq!(joined("docs/guide/a.md", "../../README.md"), Path::new("README.md"));
}
