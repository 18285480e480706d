//! A search in the forms of every report.

use std::fmt::Write as _;

use serde_json::Value;

use super::sections::{self, fate, stands};
use super::{Document, TuneReport};
use crate::experiment::tune::Advice;
use crate::report::answer::{Answer, of_tune};
use crate::report::comparison::csv_ends;
use crate::report::printed::Report;
use crate::report::summary::Section;
use crate::scenario::full_key;

impl Report for TuneReport {
    /// Every arm and the confirmation.
    type Document = Document;

    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    fn answer(&self) -> Option<Answer> {
        Some(of_tune(self))
    }

    fn brief(&self) -> Vec<Section> {
        sections::brief(self)
    }

    /// One row an arm.
    fn to_csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> =
            ["arm", "fate", "stands", "replications", "regret", "dearer_by"].map(str::to_owned).to_vec();
        header.extend(self.scenarios.iter().flat_map(|name| ["mean", "lo", "hi"].map(|part| format!("{name}:{part}"))));
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(&header);
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for arm in &self.tuned.arms {
            let mut row = vec![arm.name.clone(), fate(arm).to_owned(), stands(arm).to_owned()];
            row.extend([arm.replications.to_string(), number(arm.regret), number(arm.dearer_by)]);
            row.extend(arm.means.iter().flat_map(|&mean| csv_ends(mean)));
            let _ = writer.write_record(&row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The lines of the gateway's config that make the recommended values; `None` when nothing shall be changed, or
    /// what was varied is no key of the gateway.
    fn config(&self) -> Option<String> {
        if self.tuned.advice != Advice::Change {
            return None;
        }
        let mut root = serde_json::Map::new();
        for set in &self.challenger()?.sets {
            let (key, value) = set.split_once('=')?;
            let full = full_key(key.trim());
            let path: Vec<&str> = full.split('.').collect();
            if !matches!(path.first(), Some(&("gateway" | "rate_limit"))) {
                continue;
            }
            let mut node = &mut root;
            for part in &path[..path.len() - 1] {
                let inner = node.entry((*part).to_owned()).or_insert_with(|| Value::Object(serde_json::Map::new()));
                node = inner.as_object_mut()?;
            }
            node.insert((*path.last()?).to_owned(), Value::String(value.trim().to_owned()));
        }
        let mut text = String::new();
        lines(&root, 0, &mut text);
        (!text.is_empty()).then_some(text)
    }
}

/// A tree of keys as YAML.
fn lines(map: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in map {
        let indent = "  ".repeat(depth);
        // writing to a string cannot fail
        let _ = match value {
            Value::Object(inner) => {
                let done = writeln!(out, "{indent}{key}:");
                lines(inner, depth + 1, out);
                done
            }
            Value::String(text) => writeln!(out, "{indent}{key}: {text}"),
            other => writeln!(out, "{indent}{key}: {other}"),
        };
    }
}
