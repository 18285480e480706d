//! The committed JSON Schema and the reference in docs/reference/scenario.md are those of the code.

#[path = "../../../tests/common/conforms.rs"]
mod conforms;

use std::path::{Path, PathBuf};

use conforms::complaint;

use super::super::{json_schema, reference_markdown};
use super::load;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a committed file with what the code says; `UPDATE=1 cargo test` writes it.
#[expect(clippy::disallowed_methods, reason = "a test may be asked to write what it would compare")]
pub(crate) fn committed(path: &str, expected: &str) {
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(project(path), expected).unwrap();
    }
    let found = std::fs::read_to_string(project(path)).unwrap();
    assert!(
        found == expected,
        "{path} is not what the code says: run `UPDATE=1 cargo test --release --lib schema` and commit it"
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
