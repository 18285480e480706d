//! The reference of every key in Markdown, written from the JSON Schema: the second half of docs/reference/scenario.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema::json_schema;

/// A section for every part of a scenario, with a row for every key: its type, its default, what it is.
pub fn reference_markdown() -> String {
    let schema = json_schema();
    let mut writer = Writer { defs: schema["$defs"].as_object(), queue: Vec::new(), seen: BTreeSet::new() };
    let mut out = String::from("### Scenario\n\n");
    writer.section(&schema, &mut out);
    let mut next = 0;
    while next < writer.queue.len() {
        let name = writer.queue[next].clone();
        next += 1;
        let Some(def) = writer.defs.and_then(|defs| defs.get(&name)) else { continue };
        // The sections on distributions of times say it all for those of numbers.
        if !name.ends_with("Of_double") {
            let _ = write!(out, "\n### {}\n\n{}\n\n", title(&name), filled(&text(def)));
            writer.section(def, &mut out);
        }
    }
    out
}

struct Writer<'a> {
    defs: Option<&'a Map<String, Value>>,
    /// Names of definitions in the order in which they were met.
    queue: Vec<String>,
    seen: BTreeSet<String>,
}

impl Writer<'_> {
    fn section(&mut self, schema: &Value, out: &mut String) {
        if let Some(keys) = schema["properties"].as_object() {
            out.push_str("| key | type | default | what it is |\n| --- | --- | --- | --- |\n");
            self.rows(keys, &required(schema), out);
        } else if let Some(options) = schema["oneOf"].as_array() {
            out.push_str("| one of | type | what it is |\n| --- | --- | --- |\n");
            for option in options {
                let what = text(option);
                if let Some(word) = option["const"].as_str() {
                    let _ = writeln!(out, "| `{word}` | | {what} |");
                }
                for word in option["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    let _ = writeln!(out, "| `{word}` | | {what} |");
                }
                for (key, value) in option["properties"].as_object().into_iter().flatten() {
                    let _ = writeln!(out, "| `{key}:` | {} | {what} |", self.kind(value));
                }
            }
        }
    }

    fn rows(&mut self, keys: &Map<String, Value>, required: &BTreeSet<&str>, out: &mut String) {
        for (key, value) in keys {
            let default = match value.get("default") {
                _ if required.contains(key.as_str()) => "must be given".to_owned(),
                None | Some(Value::Null) => String::new(),
                Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
                Some(Value::String(text)) if text.is_empty() => String::new(),
                Some(Value::String(text)) => format!("`{text}`"),
                Some(default) => {
                    let default = default.to_string().replace('"', "").replace(',', ", ").replace(':', ": ");
                    if default.len() > 70 { "see there".to_owned() } else { format!("`{default}`") }
                }
            };
            let kind = self.kind(value);
            let _ = writeln!(out, "| `{key}` | {kind} | {default} | {} |", text(value));
        }
    }

    /// A type in words, linked where it has a section of its own.
    fn kind(&mut self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            if self.seen.insert(name.to_owned()) {
                self.queue.push(name.to_owned());
            }
            let title = title(name);
            let section = title.replace("of numbers", "of times");
            return format!("[{title}](#{})", section.to_lowercase().replace(' ', "-"));
        }
        if let Some(options) = schema["anyOf"].as_array() {
            let known: Vec<_> = options.iter().filter(|option| option["type"] != "null").collect();
            return known.into_iter().map(|option| self.kind(option)).collect::<Vec<_>>().join(" or ");
        }
        if let Some(keys) = schema["properties"].as_object() {
            if keys.values().all(|key| key["$ref"].as_str().is_some_and(|path| path.contains("/properties/"))) {
                return keys.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            }
            let keys: Vec<_> =
                keys.iter().map(|(key, value)| format!("`{key}`: {} {}", self.kind(value), text(value))).collect();
            return keys.join("; ");
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
            kind => kind.as_str(),
        };
        match kind {
            Some("array") => format!("list of {}", self.kind(&schema["items"])),
            Some("boolean") => "true or false".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("string") => "text".to_owned(),
            Some(kind) => kind.to_owned(),
            None => String::new(),
        }
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A text in lines of at most 120 columns.
fn filled(text: &str) -> String {
    let (mut out, mut columns) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > 120 {
            out.push('\n');
            columns = 0;
        } else if columns > 0 {
            out.push(' ');
            columns += 1;
        }
        out.push_str(word);
        columns += length;
    }
    out
}

/// A description in one line.
fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or("").replace('\n', " ").replace('|', "\\|")
}

/// A definition's name in words: `DistributionOf_Duration` is "Distribution of times".
fn title(name: &str) -> String {
    let (name, of) = match name.split_once("Of_") {
        Some((name, "Duration")) => (name, " of times"),
        Some((name, _)) => (name, " of numbers"),
        None => (name, ""),
    };
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
            words.extend(c.to_lowercase());
        } else {
            words.push(c);
        }
    }
    // The one name that is written otherwise.
    words.replace("Open ai", "OpenAI") + of
}
