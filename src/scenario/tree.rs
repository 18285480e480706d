//! A YAML text as a tree in which every key and value knows its place.
//!
//! Why a tree of our own between the parser and the types: `--set`, sweeps, `account_defaults` and the gateway's own
//! config file all change the tree before it is given its types, and an error must still point at the text (or at the
//! `--set`) that a value came from.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file (or a text with a name), by the path that it was asked for.
    File(String),
    /// A `--set` argument or a programmatic override; the option that it was given by.
    Set(&'static str),
    /// What the program itself fills in: presets.
    BuiltIn,
}

/// A text that parts of a tree came from.
#[derive(Debug)]
pub struct Source {
    /// Where it came from.
    pub origin: Origin,
    /// The whole text.
    pub text: String,
}

/// A range of bytes in a source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Place {
    /// Whose text.
    pub source: Arc<Source>,
    /// Which bytes of it, on character boundaries.
    pub range: Range<usize>,
}

impl Place {
    /// A place within `source`, moved inside its text and onto character boundaries.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Self {
        let start = floor_boundary(&source.text, range.start);
        let end = floor_boundary(&source.text, range.end.max(start)).max(start);
        Self { source: Arc::clone(source), range: start..end }
    }

    /// Whether a `--set` is the source.
    pub fn is_set(&self) -> bool {
        matches!(self.source.origin, Origin::Set(_))
    }

    /// Line and column of the start, both from 1, the column in characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.range.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number; may be infinite or NaN as written.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the text, without equal keys.
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.node == other.node
    }
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, if this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// All entries; none where this is no map.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// All entries for changing; `None` where this is neither a map nor empty.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<Entry>> {
        if self.value == Value::Null {
            self.value = Value::Map(Vec::new());
        }
        if let Value::Map(entries) = &mut self.value { Some(entries) } else { None }
    }

    /// All items; none where this is no list.
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Puts `entry` into a map, over an equal key. Does nothing where this is neither a map nor empty.
    pub fn put(&mut self, entry: Entry) {
        let Some(entries) = self.entries_mut() else { return };
        match entries.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => entries.push(entry),
        }
    }

    /// Adds the keys of `defaults` that this map does not have; deeper maps are not looked into.
    pub fn fill_from(&mut self, defaults: &Self) {
        for entry in defaults.entries() {
            if self.entry(&entry.key).is_none() {
                self.put(entry.clone());
            }
        }
    }

    /// Lays `upper` over this one: maps are merged at every depth, anything else is replaced.
    pub fn merge_from(&mut self, upper: &Self) {
        match (&mut self.value, &upper.value) {
            (Value::Map(mine), Value::Map(theirs)) => {
                for entry in theirs {
                    match mine.iter_mut().find(|old| old.key == entry.key) {
                        Some(old) => old.node.merge_from(&entry.node),
                        None => mine.push(entry.clone()),
                    }
                }
            }
            (Value::Map(_), Value::Null) => {}
            _ => *self = upper.clone(),
        }
    }

    /// From JSON, all of it at one place.
    pub fn from_json(json: &serde_json::Value, place: &Place) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => number
                .as_i128()
                .map(Value::Int)
                .or_else(|| number.as_f64().map(Value::Float))
                .unwrap_or(Value::Float(f64::NAN)),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(items) => {
                Value::List(items.iter().map(|item| Self::from_json(item, place)).collect())
            }
            serde_json::Value::Object(map) => Value::Map(
                map.iter()
                    .map(|(key, item)| Entry {
                        key: key.clone(),
                        place: place.clone(),
                        node: Self::from_json(item, place),
                    })
                    .collect(),
            ),
        };
        Self { value, place: place.clone() }
    }

    /// What it is, in words for a message: "the text `abc`".
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Int(value) => format!("the number {value}"),
            Value::Float(value) if value.abs() >= 1e15 => format!("the number {value:e}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(text) if text.chars().count() > 40 => {
                format!("the text `{}...`", text.chars().take(40).collect::<String>())
            }
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

/// Why a text is no YAML, and where.
#[derive(Debug)]
pub struct NotYaml {
    /// In words.
    pub message: String,
    /// Where, if the parser says.
    pub place: Option<Place>,
}

/// No key takes a list that is longer; it would only eat the memory.
const LONGEST_LIST: usize = 200_000;

/// Parses `source`, or the part of it from `start` on.
///
/// # Errors
/// The parser's complaint with its place.
pub fn parse(source: &Arc<Source>, start: usize) -> Result<Node, NotYaml> {
    let text = &source.text[floor_boundary(&source.text, start)..];
    // Enough for the effective scenario of the largest pool (ten thousand accounts, ten megabytes), not for a bomb.
    let budget = serde_saphyr::budget! { max_events: 8_000_000, max_nodes: 4_000_000 };
    let options = serde_saphyr::options! {
        budget: budget,
        strict_booleans: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(raw_node(raw, source, start)),
        Err(error) => {
            let place = error.location().map(|location| place_of(&location, source, start));
            let message = error.render_with_options(serde_saphyr::render_options! {
                snippets: serde_saphyr::SnippetMode::Off,
            });
            Err(NotYaml { message: without_location(&message), place })
        }
    }
}

/// The parser's messages end in "at line 3, column 5" (ours say that at the place) and in advice to programmers.
fn without_location(message: &str) -> String {
    let mut message = message.lines().next().unwrap_or(message);
    for ending in [" at line ", ", line ", ", set DuplicateKeyPolicy", "; use from_"] {
        message = &message[..message.find(ending).unwrap_or(message.len())];
    }
    if message.starts_with("budget breached") {
        return "too much of it (more than 4 million values, or aliases that multiply)".to_owned();
    }
    message.trim_end_matches([' ', ',', ':']).to_owned()
}

fn place_of(location: &serde_saphyr::Location, source: &Arc<Source>, start: usize) -> Place {
    let span = location.span();
    let length = span.byte_len().map_or(0, |length| usize::try_from(length).unwrap_or(0));
    let from = match span.byte_offset().and_then(|at| usize::try_from(at).ok()) {
        Some(at) => start.saturating_add(at),
        // The scanner's own errors have no bytes.
        None => start.saturating_add(byte_of(&source.text[floor_boundary(&source.text, start)..], location)),
    };
    Place::new(source, from..from.saturating_add(length))
}

/// The byte at a line and column.
fn byte_of(text: &str, location: &serde_saphyr::Location) -> usize {
    let line = usize::try_from(location.line()).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(location.column()).unwrap_or(1).saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let line = text[line_start..].lines().next().unwrap_or("");
    line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

fn raw_node(raw: Spanned<Raw>, source: &Arc<Source>, start: usize) -> Node {
    let place = place_of(&raw.defined, source, start);
    let value = match raw.value {
        Raw::Scalar(value) => value,
        Raw::List(items) => Value::List(items.into_iter().map(|item| raw_node(item, source, start)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    place: place_of(&key.defined, source, start),
                    key: key.value,
                    node: raw_node(value, source, start),
                })
                .collect(),
        ),
    };
    Node { value, place }
}

/// A tree as the parser gives it, before its places are brought home.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(value.into())))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Int(value.into())))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Float(value)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(text.to_owned())))
    }
    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Text(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() >= LONGEST_LIST {
                let message =
                    format!("a list of more than {LONGEST_LIST} values; `count` stands for many equal accounts");
                return Err(serde::de::Error::custom(message));
            }
            list.push(item);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let source = Arc::new(Source { origin: Origin::File("a.yaml".into()), text: text.into() });
        parse(&source, 0).unwrap()
    }

    fn at(node: &Place) -> (usize, usize, &str) {
        let (line, column) = node.line_column();
        (line, column, &node.source.text[node.range.clone()])
    }

    #[test]
    fn every_key_and_scalar_knows_its_place() {
        let tree = tree("größe: 1\nlist:\n  - {a: x, b: [1.5, ~]}\n  - true\n");
        assert_eq!(at(&tree.entry("größe").unwrap().place), (1, 1, "größe"));
        assert_eq!(at(&tree.get("größe").unwrap().place), (1, 8, "1"));
        let first = &tree.get("list").unwrap().items()[0];
        assert_eq!(at(&first.entry("b").unwrap().place), (3, 12, "b"));
        assert_eq!(at(&first.get("b").unwrap().items()[0].place), (3, 16, "1.5"));
        assert_eq!(first.get("b").unwrap().items()[1].value, Value::Null);
        assert_eq!(tree.get("list").unwrap().items()[1].value, Value::Bool(true));
    }

    #[test]
    fn a_part_of_a_text_keeps_its_place_in_the_whole() {
        let source = Arc::new(Source { origin: Origin::Set("--set"), text: "a.b={c: 7}".into() });
        let node = parse(&source, 4).unwrap();
        assert_eq!(at(&node.get("c").unwrap().place), (1, 9, "7"));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        for text in
            ["a: [1, 2\nb: 3\n", "a: 1\na: 2\n", "a: \"x\n", "? [x]\n: 1\n", "a: *nowhere\n", "a: 1\n---\nb: 2\n"]
        {
            let source = Arc::new(Source { origin: Origin::File("a.yaml".into()), text: text.into() });
            let error = parse(&source, 0).unwrap_err();
            assert!(!error.message.is_empty() && !error.message.contains(" at line"), "{}", error.message);
            assert!(error.place.is_some(), "{text:?} {}", error.message);
        }
    }

    #[test]
    fn a_map_laid_over_another_replaces_leaves_only() {
        let mut lower = tree("a: {b: 1, c: 2}\nd: 3");
        lower.merge_from(&tree("a: {c: 4}\ne: 5"));
        assert_eq!(lower, tree("a: {b: 1, c: 4}\nd: 3\ne: 5"));
    }
}
