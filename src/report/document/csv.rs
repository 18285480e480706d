//! The result document as rows of path and value: what the JSON document has, one leaf a row.

use serde_json::Value;

use super::{ResultDocument, json};
use crate::report::format::cell;

/// The document with a header: `path,value`, or `path,mean,lo,hi` of several replications (what is not a figure has its
/// value in the second column).
pub(super) fn of(document: &ResultDocument) -> String {
    let several = document.replications > 1;
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut row = |fields: &[&str]| {
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(fields);
    };
    row(if several { &["path", "mean", "lo", "hi"] } else { &["path", "value"] });
    leaves("", &json::of(document), &mut |path, value| {
        if !several {
            return row(&[path, &text(value)]);
        }
        match value {
            Value::Object(interval) => {
                let [mean, lo, hi] = ["mean", "lo", "hi"].map(|part| interval.get(part).map_or_else(String::new, text));
                row(&[path, &mean, &lo, &hi]);
            }
            other => row(&[path, &text(other), "", ""]),
        }
    });
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Every leaf with its dotted path; an interval is one leaf. Time series are left to `accounts.csv`.
fn leaves(path: &str, value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(object) if object.contains_key("mean") && object.contains_key("hi") => visit(path, value),
        Value::Object(object) => {
            for (name, inner) in object.iter().filter(|(name, _)| *name != "over_time") {
                leaves(&below(name), inner, visit);
            }
        }
        Value::Array(items) => {
            for (place, inner) in items.iter().enumerate() {
                // accounts and conditions go by their names, as figures are named everywhere
                let name = inner.get("id").or_else(|| inner.get("name")).map_or_else(|| place.to_string(), text);
                leaves(&below(&name), inner, visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => visit(path, value),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text).into_owned(),
        other => other.to_string(),
    }
}
