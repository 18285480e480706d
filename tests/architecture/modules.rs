//! The modules of the library, and what each of them names of the others: read from its `use` lines and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where a module stands: `["experiment", "journal", "line"]`.
pub type Place = Vec<String>;

pub struct Modules {
    by_place: BTreeMap<Place, Module>,
    /// The places of all modules.
    known: BTreeSet<Place>,
}

struct Module {
    file: PathBuf,
    /// What is brought in by `use`, by the name that it has here.
    uses: BTreeMap<String, Use>,
    /// The text without comments, tests and `use` lines.
    body: String,
}

struct Use {
    path: Place,
    /// Whether the module only passes it on.
    is_reexport: bool,
}

impl Modules {
    /// The modules of the folder `src`; tests are left out, since a test may look at the whole house.
    pub fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        super::collect(source, &mut files);
        assert!(files.len() > 20, "the sources were not found");
        let places: BTreeMap<Place, (PathBuf, String)> = files
            .into_iter()
            .map(|(path, text)| (path.strip_prefix(source).unwrap().to_path_buf(), text))
            .filter(|(path, _)| !is_test(path))
            .map(|(path, text)| (place_of(&path), (path, text)))
            .collect();
        let known: BTreeSet<Place> = places.keys().cloned().collect();
        let module = |(place, (file, text)): (Place, (PathBuf, String))| {
            let (statements, body) = split(&without_comments_and_tests(&text));
            let mut uses = BTreeMap::new();
            for (is_reexport, tree) in statements {
                for (path, name) in expand(&tree) {
                    if let Some(path) = absolute(&place, &path, &known) {
                        uses.insert(name, Use { path, is_reexport });
                    }
                }
            }
            (place, Module { file, uses, body })
        };
        let by_place = places.into_iter().map(module).collect();
        Self { by_place, known }
    }

    /// Every path into the library that the sources name: module, file, and the path from the root of the library.
    pub fn named_paths(&self) -> Vec<(&Place, &Path, Place)> {
        let mut found = Vec::new();
        for (place, module) in &self.by_place {
            let used = module.uses.values().map(|used| used.path.clone());
            let inline = paths_in(&module.body).filter_map(|path| absolute(place, &path, &self.known));
            found.extend(used.chain(inline).map(|path| (place, module.file.as_path(), path)));
        }
        found
    }

    /// Which modules need each other, directly or through others. Passing a name on (`pub use`) is no need for it.
    pub fn circles(&self) -> Vec<Vec<Place>> {
        let needs: BTreeMap<&Place, BTreeSet<Place>> =
            self.by_place.keys().map(|place| (place, self.needs(place))).collect();
        let reachable = |start: &Place| {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&Place> = needs[start].iter().collect();
            while let Some(place) = open.pop() {
                if seen.insert(place.clone()) {
                    open.extend(&needs[place]);
                }
            }
            seen
        };
        let reach: BTreeMap<&Place, BTreeSet<Place>> = needs.keys().map(|place| (*place, reachable(place))).collect();
        let mut circles: Vec<Vec<Place>> = Vec::new();
        for place in reach.keys().filter(|place| reach[*place].contains(**place)) {
            let circle = || reach[place].iter().filter(|other| reach[other].contains(*place)).cloned().collect();
            if !circles.iter().any(|circle| circle.contains(place)) {
                circles.push(circle());
            }
        }
        circles
    }

    fn needs(&self, place: &Place) -> BTreeSet<Place> {
        let module = &self.by_place[place];
        let used = module
            .uses
            .iter()
            .filter(|(name, used)| !used.is_reexport || words(&module.body).any(|word| word == name.as_str()))
            .map(|(_, used)| used.path.clone());
        let inline = paths_in(&module.body).filter_map(|path| absolute(place, &path, &self.known));
        used.chain(inline).filter_map(|path| self.defined_in(&path, 0)).filter(|other| other != place).collect()
    }

    /// The module in which the item of this path is defined, behind whatever passes it on.
    fn defined_in(&self, path: &[String], depth: usize) -> Option<Place> {
        let length = (1..=path.len()).rev().find(|&length| self.by_place.contains_key(&path[..length]))?;
        let (place, rest) = path.split_at(length);
        let behind = rest.first().and_then(|name| self.by_place[place].uses.get(name)).filter(|_| depth < 12);
        let behind = behind.and_then(|used| {
            let path: Place = used.path.iter().chain(&rest[1..]).cloned().collect();
            self.defined_in(&path, depth + 1)
        });
        Some(behind.unwrap_or_else(|| place.to_vec()))
    }
}

fn is_test(path: &Path) -> bool {
    path.with_extension("").iter().any(|part| {
        let part = part.to_string_lossy();
        part == "tests" || part == "testing" || part.ends_with("_tests")
    })
}

fn place_of(path: &Path) -> Place {
    let mut place: Place = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if place.last().is_some_and(|last| last == "mod") {
        place.pop();
    }
    place
}

fn without_comments_and_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The `use` statements (whether public, and the tree), and the text without them.
fn split(text: &str) -> (Vec<(bool, String)>, String) {
    let (mut statements, mut body, mut tree) = (Vec::new(), String::new(), None::<(bool, String)>);
    for line in text.lines() {
        let start = line.trim_start();
        if tree.is_none() {
            let after_pub = start.strip_prefix("pub").map(|rest| match rest.strip_prefix('(') {
                Some(inside) => inside.split_once(')').map_or(rest, |(_, rest)| rest),
                None => rest,
            });
            let rest = after_pub.unwrap_or(start).trim_start();
            tree = rest.strip_prefix("use ").map(|_| (after_pub.is_some(), String::new()));
        }
        match &mut tree {
            Some((_, text)) => text.push_str(start),
            None => body.push_str(line),
        }
        if start.ends_with(';')
            && let Some((is_public, text)) = tree.take()
        {
            let path = text.split_once("use ").map_or("", |(_, path)| path);
            statements.push((is_public, path.trim_end_matches(';').to_owned()));
        }
        body.push('\n');
    }
    (statements, body)
}

/// The paths of a `use` tree, each with the name that it gets.
fn expand(tree: &str) -> Vec<(String, String)> {
    let tree = tree.trim();
    let Some((before, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let name = alias.unwrap_or_else(|| path.rsplit("::").next().unwrap_or(path));
        return vec![(path.trim().to_owned(), name.trim().to_owned())];
    };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in inner.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match letter {
            ',' if depth == 0 => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(letter),
        }
    }
    let of_part = |part: &String| -> Vec<(String, String)> {
        let full = expand(part).into_iter().map(|(path, name)| {
            let own = before.trim_end_matches("::");
            let own_name = own.rsplit("::").next().unwrap_or(own);
            match path.as_str() {
                "self" if name == "self" => (own.to_owned(), own_name.to_owned()),
                "self" => (own.to_owned(), name),
                _ => (format!("{before}{path}"), name),
            }
        });
        full.collect()
    };
    parts.iter().filter(|part| !part.trim().is_empty()).flat_map(of_part).collect()
}

/// The path from the root of the library; `None` where it leads out of it.
fn absolute(place: &Place, path: &str, known: &BTreeSet<Place>) -> Option<Place> {
    let mut parts: Vec<String> = path.split("::").map(str::to_owned).collect();
    let mut base = place.clone();
    match parts.first()?.as_str() {
        "crate" => {
            parts.remove(0);
            base.clear();
        }
        "self" => drop(parts.remove(0)),
        "super" => {
            while parts.first().is_some_and(|part| part == "super") {
                parts.remove(0);
                base.pop();
            }
        }
        first => {
            let child: Place = base.iter().cloned().chain([first.to_owned()]).collect();
            known.get(&child)?;
        }
    }
    Some(base.into_iter().chain(parts).collect())
}

/// Paths that begin with `crate`, `super` or `self`, as they stand in the code.
fn paths_in(body: &str) -> impl Iterator<Item = String> {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    body.split(move |letter: char| !part(letter))
        .filter(|word| ["crate::", "super::", "self::"].iter().any(|start| word.starts_with(start)))
        .map(|word| word.trim_end_matches(':').to_owned())
}

fn words(body: &str) -> impl Iterator<Item = &str> {
    body.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}
