//! The committed JSON Schema and the reference in docs/reference/scenario.md are those of the code.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::{json_schema, reference_markdown};
use super::load;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a committed file with what the code says; `UPDATE=1 cargo test` writes it.
#[expect(clippy::disallowed_methods, reason = "a test may be told to write what it would compare")]
fn committed(path: &str, expected: &str) {
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(project(path), expected).unwrap();
    }
    let found = std::fs::read_to_string(project(path)).unwrap();
    assert!(
        found == expected,
        "{path} is not what the code says: run `UPDATE=1 cargo test --release scenario` and commit it"
    );
}

#[test]
fn the_committed_schema_is_that_of_the_code() {
    committed("schema/scenario.schema.json", &format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap()));
}

#[test]
fn the_reference_in_the_docs_is_written_from_the_schema() {
    let path = "docs/reference/scenario.md";
    let text = std::fs::read_to_string(project(path)).unwrap();
    let begin = "<!-- From here on written from the schema: UPDATE=1 cargo test --release scenario -->\n";
    let (head, _) = text.split_once(begin).unwrap_or_else(|| panic!("{path} has no line {begin}"));
    committed(path, &format!("{head}{begin}\n{}", reference_markdown()));
}

/// Whether `value` is as `schema` says; as much of JSON Schema as ours uses. The first complaint otherwise.
fn complaint(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(path) = schema["$ref"].as_str() {
        return complaint(root, root.pointer(path.trim_start_matches('#')).expect(path), value, at);
    }
    for (word, exactly) in [("anyOf", false), ("oneOf", true)] {
        if let Some(options) = schema[word].as_array() {
            let fitting = options.iter().filter(|option| complaint(root, option, value, at).is_none()).count();
            if fitting == 0 || (exactly && fitting > 1) {
                return Some(format!("{at}: {fitting} of {word} fit {value}"));
            }
        }
    }
    if let Some(constant) = schema.get("const") {
        return (constant != value).then(|| format!("{at}: {value} is not {constant}"));
    }
    if let Some(words) = schema["enum"].as_array() {
        return (!words.contains(value)).then(|| format!("{at}: {value} is none of {words:?}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let fits = |kind: &&str| match *kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{at}: type {other}"),
    };
    if !kinds.is_empty() && !kinds.iter().any(fits) {
        return Some(format!("{at}: {value} is no {kinds:?}"));
    }
    if let Some(items) = value.as_array() {
        let mut items = items.iter().enumerate();
        return items.find_map(|(index, item)| complaint(root, &schema["items"], item, &format!("{at}[{index}]")));
    }
    let keys = value.as_object()?;
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !keys.contains_key(required) {
            return Some(format!("{at}: {required} is missing"));
        }
    }
    keys.iter().find_map(|(key, value)| match schema["properties"].get(key) {
        Some(schema) => complaint(root, schema, value, &format!("{at}.{key}")),
        None if schema["additionalProperties"] == false => Some(format!("{at}: unknown key {key}")),
        None => None,
    })
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = json_schema();
    let wide = std::fs::read_to_string(project("src/scenario/tests/everything.yaml")).unwrap();
    let mut texts = vec![wide];
    for entry in std::fs::read_dir(project("scenarios")).unwrap() {
        texts.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    for text in &texts {
        let effective = serde_json::to_value(load(text, &[]).unwrap_or_else(|e| panic!("{e}")).scenario).unwrap();
        assert_eq!(complaint(&schema, &schema, &effective, ""), None);
    }
    // ...and not what it does not.
    for (text, json) in [
        ("{accounts: [{tfft: 1}]}", serde_json::json!({"accounts": [{"tfft": 1}]})),
        ("{seed: x}", serde_json::json!({"seed": "x"})),
        ("{transport: ftp}", serde_json::json!({"transport": "ftp"})),
        ("{accounts: [{ttft: {constant: 5}}]}", serde_json::json!({"accounts": [{"ttft": {"constant": 5}}]})),
    ] {
        assert!(load(text, &[]).is_err(), "{text}");
        assert!(complaint(&schema, &schema, &json, "").is_some(), "{text}");
    }
}
