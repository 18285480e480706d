//! The house stays tidy: lines and functions are short, imports keep their names, citations of the specification
//! resolve, and so do links.

#[path = "common/shared.rs"]
mod beside;
#[path = "tidy/links.rs"]
mod links;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most columns of a line, in characters.
const COLUMNS: usize = 120;

/// The most lines of a function.
const LINES: usize = 60;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below these folders with this ending, by their path from the project's root.
fn files(folders: &[&str], ending: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| home().join(folder)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == ending) {
            let name = path.strip_prefix(home()).unwrap().to_string_lossy().into_owned();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(!found.is_empty(), "no .{ending} files in {folders:?}");
    found
}

/// Compares what was counted with what is permitted. Both sides must agree, so that the list can only shrink.
fn shrinks_only(what: &str, counted: &BTreeMap<String, usize>, permitted: &str) {
    let permitted: BTreeMap<String, usize> = permitted
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, count) = line.rsplit_once(' ').expect("a name and a number");
            (name.to_owned(), count.parse().expect("a number"))
        })
        .collect();
    let mut wrong = Vec::new();
    for (name, count) in counted {
        match permitted.get(name) {
            None => wrong.push(format!("{name}: {count} {what}, and none is permitted")),
            Some(most) if count > most => wrong.push(format!("{name}: {count} {what}, and {most} are permitted")),
            Some(most) if count < most => {
                wrong.push(format!("{name}: only {count} {what} are left: write {count}, not {most}"))
            }
            Some(_) => {}
        }
    }
    for name in permitted.keys().filter(|name| !counted.contains_key(*name)) {
        wrong.push(format!("{name}: nothing is left of its {what}: strike it from the list"));
    }
    assert!(wrong.is_empty(), "tests/tidy/*.txt differ from what is there:\n{}", wrong.join("\n"));
}

#[test]
fn lines_have_at_most_120_columns() {
    let mut counted = BTreeMap::new();
    let mut all = files(&["src", "tests", "examples", "benches"], "rs");
    all.extend(files(&["docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"], "md"));
    // copies of the specification are kept as they are, and fidelity.md and validity.md are written by a program
    all.retain(|name, _| !name.starts_with("docs/spec/") && name != "docs/fidelity.md" && name != "docs/validity.md");
    for (name, text) in all {
        let code = name.ends_with(".rs");
        let long = |line: &&str| line.chars().count() > COLUMNS && (code || !line.starts_with('|'));
        let count = text.lines().filter(long).count();
        if count > 0 {
            counted.insert(name, count);
        }
    }
    shrinks_only("lines over 120 columns", &counted, include_str!("tidy/long-lines.txt"));
}

#[test]
fn no_merge_has_left_its_marks() {
    let mut all = files(&["src", "tests", "examples", "benches"], "rs");
    all.extend(files(&["docs", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"], "md"));
    let marks = ["<", ">"].map(|sign| format!("{} ", sign.repeat(7)));
    let left = all.iter().filter(|(_, text)| marks.iter().any(|mark| text.contains(mark)));
    let left: Vec<&String> = left.map(|(name, _)| name).collect();
    assert!(left.is_empty(), "marks of a merge are left in {left:?}");
}

#[test]
fn functions_have_at_most_60_lines() {
    let mut counted = BTreeMap::new();
    for (name, text) in files(&["src"], "rs") {
        let count = long_functions(&text);
        if count > 0 {
            counted.insert(name, count);
        }
    }
    shrinks_only("functions over 60 lines", &counted, include_str!("tidy/long-functions.txt"));
}

/// Functions of more than `LINES` lines, by rustfmt's indentation: one ends at the first brace in its own column.
fn long_functions(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_function = |line: &str| {
        let line = line.trim_start();
        let words = line.split("fn ").next().unwrap_or_default();
        line.contains("fn ")
            && words.split_whitespace().all(|word| word.starts_with("pub") || ["const", "async"].contains(&word))
    };
    let mut count = 0;
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
        let signature = lines[start..].iter().position(|line| line.ends_with(['{', ';', '}'])).unwrap_or(0);
        if !lines[start + signature].ends_with('{') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        let end = lines[start..].iter().position(|line| *line == closing);
        count += usize::from(end.is_some_and(|end| end + 1 > LINES));
    }
    count
}

#[test]
fn a_long_function_is_found() {
    let body = "    let x = 1;\n".repeat(LINES - 2);
    assert_eq!(long_functions(&format!("fn short() {{\n{body}}}\n")), 0);
    assert_eq!(long_functions(&format!("pub(crate) fn long() {{\n{body}    let y = 2;\n}}\n")), 1);
}

#[test]
fn citations_of_the_specification_resolve() {
    let spec = files(&["docs/spec"], "md");
    let headings: BTreeMap<String, Vec<String>> = spec
        .iter()
        .map(|(name, text)| {
            let file = name.trim_start_matches("docs/spec/").to_owned();
            (file, text.lines().filter(|line| line.starts_with('#')).map(heading).collect())
        })
        .collect();
    let mut wrong = Vec::new();
    let mut found = 0;
    for (name, text) in files(&["src", "tests", "examples"], "rs") {
        // a citation may be broken over two lines of comment
        let flat: String =
            text.lines().map(|line| line.trim().trim_start_matches(['/', '!']).trim()).collect::<Vec<_>>().join(" ");
        for (at, _) in flat.match_indices(&["spec", " "].concat()) {
            let rest = &flat[at + 5..];
            let Some(end) = rest.find(".md") else { continue };
            let file = &rest[..end + 3];
            if file.contains(|c: char| !(c.is_ascii_lowercase() || c == '-' || c == '.')) {
                continue;
            }
            found += 1;
            let Some(known) = headings.get(file) else {
                wrong.push(format!("{name}: there is no docs/spec/{file}"));
                continue;
            };
            let Some(quoted) = rest[end + 3..].strip_prefix(", \"").and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let cited = quoted.to_lowercase();
            let text = spec[&format!("docs/spec/{file}")].to_lowercase();
            if !known.iter().any(|heading| heading.contains(&cited))
                && !text.contains(&format!("**{cited}"))
                && !text.contains(&cited)
            {
                wrong.push(format!("{name}: docs/spec/{file} has no \"{quoted}\""));
            }
        }
    }
    assert!(found > 40, "only {found} citations were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn heading(line: &str) -> String {
    line.trim_start_matches('#').trim().to_lowercase()
}

#[test]
fn the_specification_is_a_true_copy() {
    let Some(shared) = beside::shared("spec") else { return };
    for (name, text) in files(&["docs/spec"], "md") {
        let original = shared.join(name.trim_start_matches("docs/spec/"));
        let original =
            std::fs::read_to_string(&original).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
        assert!(text == original, "{name} differs from its original: copy it again");
    }
}

#[test]
fn imports_keep_their_names() {
    let mut counted = BTreeMap::new();
    for (name, text) in files(&["src"], "rs") {
        let count = aliases(&text);
        if count > 0 {
            counted.insert(name, count);
        }
    }
    shrinks_only("import aliases", &counted, include_str!("tidy/aliases.txt"));
}

/// How many names are imported under another name. `as _` only brings a trait's methods into scope.
fn aliases(text: &str) -> usize {
    let is_import = |line: &&str| {
        let line = line.trim_start();
        ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|start| line.starts_with(start))
    };
    let mut rest = text;
    let mut count = 0;
    while let Some(line) = rest.lines().find(is_import) {
        let start = line.as_ptr() as usize - rest.as_ptr() as usize;
        let import = rest[start..].split(';').next().unwrap_or_default();
        count += import.split(" as ").skip(1).filter(|name| !name.starts_with('_')).count();
        rest = &rest[start + import.len()..];
    }
    count
}

#[test]
fn an_alias_is_found() {
    assert_eq!(aliases("use a::b;\nuse a::{\n    C,\n    D as E,\n};\nfn f() { let x = 1 as u8; }\n"), 1);
    assert_eq!(aliases("use std::fmt::Write as _;\n    pub use a::b as c;\n"), 1);
}
