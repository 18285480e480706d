//! The JSON Schema of scenarios: `stickysim schema`, committed as schema/scenario.schema.json.

use serde_json::{Value, json};

use super::model::Scenario;

/// The JSON Schema of a scenario file.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "stickysim scenario".into());
    let mut schema = schema.to_value();
    open_gateway(&mut schema);
    schema
}

/// The `gateway` tree may hold any key of the gateway, and the later spelling of some.
fn open_gateway(schema: &mut Value) {
    for tree in ["Gateway", "OpenAiScheduler", "OpenAiWs", "Weights", "Scheduling"] {
        if let Some(Value::Object(tree)) = schema.pointer_mut(&format!("/$defs/{tree}")) {
            tree.remove("additionalProperties");
        }
    }
    if let Some(Value::Object(keys)) = schema.pointer_mut("/$defs/Gateway/properties") {
        let key = |of: &str, key: &str| json!({ "$ref": format!("#/$defs/{of}/properties/{key}") });
        let later = json!({
            "type": "object",
            "description": "The later spelling of the escape gate's keys, the top-k and the weights.",
            "properties": {
                "sticky_escape_enabled": key("OpenAiScheduler", "sticky_escape_enabled"),
                "sticky_escape_ttft_ms": key("OpenAiScheduler", "sticky_escape_ttft_ms"),
                "sticky_escape_error_rate": key("OpenAiScheduler", "sticky_escape_error_rate"),
                "lb_top_k": key("OpenAiWs", "lb_top_k"),
                "scheduler_score_weights": key("OpenAiWs", "scheduler_score_weights"),
            },
        });
        keys.insert("advanced_scheduler".to_owned(), later);
    }
}
