//! The JSON Schemas of the documents that the verbs write: that of a run is made from the registry of figures, the
//! others from the types that are written and read.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::document::SCHEMA_VERSION;
use super::{comparison, sweep, tune};
use crate::measure::figures::{Better, Meta, Unit, registry};

/// The schema of each document but a run's, with the name of the verb that writes it.
pub fn experiment_schemas() -> [(&'static str, Value); 3] {
    [
        ("compare", written::<comparison::Document>("stickysim comparison document")),
        ("sweep", written::<sweep::Document>("stickysim sweep document")),
        ("tune", written::<tune::Document>("stickysim search document")),
    ]
}

/// The schema of what is written, which always has what a reader could do without.
fn written<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    // what a reader would take for granted is no matter of what is written
    let settings = settings.with_transform(RecursiveTransform(|schema: &mut Schema| {
        schema.remove("default");
    }));
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// The schema of a run's document; `schema/result.schema.json` is this.
pub fn result_schema() -> Value {
    let mut properties = Map::new();
    properties.insert("schema_version".into(), json!({ "const": SCHEMA_VERSION }));
    for name in ["stickysim_version", "scheduler_revision", "mode", "name"] {
        properties.insert(name.into(), json!({ "type": "string" }));
    }
    properties.insert("seed".into(), json!({ "type": "integer", "minimum": 0 }));
    properties.insert("replications".into(), json!({ "type": "integer", "minimum": 1 }));
    properties.insert("answer".into(), answer());
    properties.insert("notes".into(), json!({ "type": "array", "items": note() }));
    nested(&mut properties, registry::RUN.iter().filter(|meta| !meta.path.starts_with("engine.")));
    let moves = json!({
        "type": "object",
        "properties": {
            "from": { "type": "integer" }, "to": { "type": "integer" },
            "moves": { "$ref": "#/$defs/figure" }, "returns": { "$ref": "#/$defs/figure" },
        },
        "required": ["from", "to", "moves", "returns"],
        "additionalProperties": false,
    });
    let description = "Escapes that led from one account to another, the most frequent first.";
    let by_accounts = json!({ "type": "array", "description": description, "items": moves });
    require(&mut properties["escapes"], "by_accounts", by_accounts);
    properties
        .insert("accounts".into(), rows(registry::ACCOUNT, "id", &json!({ "type": "integer" }), Some(over_time())));
    properties.insert("conditions".into(), rows(registry::CONDITION, "name", &json!({ "type": "string" }), None));
    properties.insert("scenario".into(), json!({ "description": "The whole effective scenario." }));
    let engine = json!({
        "type": "object",
        "description": "The simulator itself: the only part that may differ between two runs of one seed.",
        "properties": {
            "events": { "$ref": "#/$defs/figure" }, "wall_s": { "type": "number" }, "threads": { "type": "integer" },
        },
        "required": ["events", "wall_s", "threads"],
        "additionalProperties": false,
    });
    properties.insert("engine".into(), engine);
    let required: Vec<&String> = properties.keys().collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stickysim result document",
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
        "$defs": { "figure": figure() },
    })
}

/// A caveat on figures.
fn note() -> Value {
    json!({
        "type": "object",
        "description": "What the reader of the figures at or below the path `figure` must know.",
        "properties": {
            "figure": { "type": "string" },
            "text": { "type": "string" },
            "replications": { "type": "integer" },
            "mean_over": {
                "description": "Its numbers differ between replications and are means over those that have the note, \
                                or over all.",
                "enum": ["those", "all"],
            },
        },
        "required": ["figure", "text", "replications"],
        "additionalProperties": false,
    })
}

/// What the run says in short.
fn answer() -> Value {
    let tone = json!({ "enum": ["good", "bad", "neutral", "undecided"] });
    let point = json!({
        "type": "object",
        "properties": { "text": { "type": "string" }, "tone": tone },
        "required": ["text", "tone"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": "What the run says in short: a sentence, whether it is good news, and the points that belong \
                        to it.",
        "properties": {
            "sentence": { "type": "string" }, "tone": tone, "points": { "type": "array", "items": point },
        },
        "required": ["sentence", "tone", "points"],
        "additionalProperties": false,
    })
}

/// A value, its mean and interval over replications, or nothing.
fn figure() -> Value {
    let end = json!({ "type": ["number", "null"] });
    json!({
        "description": "A number; of several replications mean and 95 % interval over those that have it; null: the \
                        run has none, or it falls among requests that never got a first token \
                        (`felt_ttft_ms.without_token` and `sessions.with_turn_without_token` say how many there are).",
        "oneOf": [
            { "type": ["number", "null"] },
            {
                "type": "object",
                "properties": {
                    "mean": end, "lo": end, "hi": end,
                    "missing": { "type": "integer", "description": "Replications that do not have the figure." },
                    "no_token": {
                        "type": "integer",
                        "description": "Replications in which it falls among requests without a first token; mean and \
                                        hi are null then, and lo is a lower bound of the median over replications.",
                    },
                },
                "required": ["mean", "lo", "hi"],
                "additionalProperties": false,
            },
        ],
    })
}

fn over_time() -> Value {
    let column = |kind: Value| json!({ "type": "array", "items": { "type": kind } });
    json!({
        "type": "object",
        "description": "The account's state at equal steps from the start of the first replication.",
        "properties": {
            "step_s": { "type": "number" },
            "ewma_ttft_ms": column(json!(["number", "null"])),
            "ewma_error_rate_ratio": column(json!("number")),
            "slots_held": column(json!("integer")),
            "degraded": column(json!("boolean")),
            "available": column(json!("boolean")),
        },
        "additionalProperties": false,
    })
}

fn rows(metas: &'static [Meta], key: &str, key_type: &Value, over_time: Option<Value>) -> Value {
    let mut properties = Map::new();
    properties.insert(key.into(), key_type.clone());
    nested(&mut properties, metas.iter());
    if key == "id" {
        properties.insert("name".into(), json!({ "type": "string" }));
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    if let Some(over_time) = over_time {
        properties.insert("over_time".into(), over_time);
    }
    let row =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    json!({ "type": "array", "items": row })
}

/// Puts a leaf at each dotted path.
fn nested<'a>(properties: &mut Map<String, Value>, metas: impl Iterator<Item = &'a Meta>) {
    for meta in metas {
        let leaf = json!({ "description": description(meta), "$ref": "#/$defs/figure" });
        match meta.path.split_once('.') {
            None => {
                properties.insert(meta.path.into(), leaf);
            }
            Some((first, rest)) => {
                let object = properties.entry(first).or_insert_with(empty_object);
                put(object, rest, leaf);
            }
        }
    }
}

fn empty_object() -> Value {
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false })
}

fn put(object: &mut Value, path: &str, leaf: Value) {
    match path.split_once('.') {
        None => require(object, path, leaf),
        Some((first, rest)) => {
            if object["properties"].get(first).is_none() {
                require(object, first, empty_object());
            }
            put(&mut object["properties"][first], rest, leaf);
        }
    }
}

fn require(object: &mut Value, name: &str, schema: Value) {
    object["properties"][name] = schema;
    if let Value::Array(required) = &mut object["required"] {
        required.push(name.into());
    }
}

fn description(meta: &Meta) -> String {
    let unit = match meta.unit {
        Unit::Count | Unit::Plain => "",
        Unit::Ms => ", ms",
        Unit::Seconds => ", s",
        Unit::Ratio => ", a share",
        Unit::PerSecond => ", a second",
        Unit::Tokens => ", tokens",
        Unit::Money => ", in the currency of the scenario's prices",
    };
    let better = match meta.better {
        Better::Lower => " (less is better)",
        Better::Higher => " (more is better)",
        Better::Neutral => "",
    };
    format!("{}{unit}{better}", meta.title)
}

/// The table of all figures in `docs/reference/results.md`.
pub fn figures_as_markdown() -> String {
    let mut out = String::from("| path | what it is | better |\n| --- | --- | --- |\n");
    let parts = [("", registry::RUN), ("accounts[].", registry::ACCOUNT), ("conditions[].", registry::CONDITION)];
    for (prefix, metas) in parts {
        for meta in metas {
            let better = match meta.better {
                Better::Lower => "less",
                Better::Higher => "more",
                Better::Neutral => "",
            };
            out.push_str(&format!("| `{prefix}{}` | {} | {better} |\n", meta.path, meta.title));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::tests::schema::committed;

    #[test]
    fn the_committed_schemas_are_these() {
        committed("schema/result.schema.json", &format!("{:#}\n", result_schema()));
        for (verb, schema) in experiment_schemas() {
            committed(&format!("schema/{verb}.schema.json"), &format!("{schema:#}\n"));
        }
    }

    #[test]
    fn the_documented_figures_are_these() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (name, expected) = ("docs/reference/results.md", figures_as_markdown());
        if std::fs::read_to_string(root.join(name)).unwrap_or_default().contains(&expected) {
            return;
        }
        let fresh = root.join("target/results.md");
        let written = std::fs::write(&fresh, expected);
        panic!("{name} is not what the code says; see {} ({written:?})", fresh.display());
    }
}
