//! The JSON Schema of scenarios, and the reference in docs/scenario.md that is written from it.

use serde_json::Value;

use super::model::Scenario;

/// The JSON Schema of a scenario file. Committed as `schema/scenario.schema.json`.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "stickysim scenario".into());
    schema.to_value()
}
