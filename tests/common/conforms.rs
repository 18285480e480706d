//! As much of JSON Schema as the schemas of this project use.

use serde_json::Value;

/// Why `value` is not as `schema` says: the first complaint, with its place; `None` if it is. References are looked up
/// in `root`.
pub fn complaint(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
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
    if !is_of_type(&schema["type"], value) {
        return Some(format!("{at}: {value} is no {}", schema["type"]));
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
    keys.iter().find_map(|(key, value)| {
        let at = format!("{at}.{key}");
        let others = ["additionalProperties", "unevaluatedProperties"].into_iter().find_map(|word| schema.get(word));
        match (schema["properties"].get(key), others) {
            (Some(schema), _) => complaint(root, schema, value, &at),
            (None, Some(Value::Bool(false))) => Some(format!("{at}: unknown key")),
            (None, Some(schema)) => complaint(root, schema, value, &at),
            (None, None) => None,
        }
    })
}

fn is_of_type(kinds: &Value, value: &Value) -> bool {
    let fits = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    };
    match kinds {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(fits),
        kind => kind.as_str().is_none_or(fits),
    }
}
