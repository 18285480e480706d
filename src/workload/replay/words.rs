//! What a JSON reader complains of, in the words of those who write traces rather than of those who write Rust.

/// The complaint without its place.
pub(super) fn of_json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    in_plain_words(text)
}

fn in_plain_words(text: &str) -> String {
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = text.strip_prefix(start).and_then(|rest| rest.split_once(", expected ")) {
            return format!("expected {}, found {}", kind(expected), value(found));
        }
    }
    if let Some(rest) = text.strip_prefix("missing field ") {
        return format!("the key {rest} is missing");
    }
    if let Some(rest) = text.strip_prefix("duplicate field ") {
        return format!("the key {rest} stands there twice");
    }
    if let Some(rest) = text.strip_prefix("unknown field ") {
        let (key, known) = rest.split_once(", ").unwrap_or((rest, ""));
        let known = known.trim_start_matches("expected one of ").trim_start_matches("expected ").replace('`', "");
        return match known.as_str() {
            "" | "there are no fields" => format!("unknown key {key}"),
            _ => format!("unknown key {key}; known are {known}"),
        };
    }
    if text.starts_with("EOF while parsing") {
        return "it ends in the middle of a record".to_owned();
    }
    if text == "number out of range" {
        return "this number is too large for any use".to_owned();
    }
    text.to_owned()
}

fn kind(expected: &str) -> String {
    let whole = |most: u64| format!("a whole number from 0 to {most}");
    match expected {
        "u8" => whole(u8::MAX.into()),
        "u16" => whole(u16::MAX.into()),
        "u32" => whole(u32::MAX.into()),
        "u64" => whole(u64::MAX),
        "i32" | "i64" | "i128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "a borrowed string" | "string or map" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        other if other.starts_with("struct ") => "an object of keys".to_owned(),
        other => other.to_owned(),
    }
}

fn value(found: &str) -> String {
    let rest = |start: &str| found.strip_prefix(start);
    if let Some(text) = rest("string ") {
        return format!("the text {text}");
    }
    if let Some(number) = rest("integer ").or_else(|| rest("floating point ")) {
        return number.trim_matches('`').to_owned();
    }
    if let Some(value) = rest("boolean ") {
        return value.trim_matches('`').to_owned();
    }
    match found {
        "null" | "unit value" => "null".to_owned(),
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        "newtype struct" | "struct variant" => "an object".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_name_limits_and_things_that_a_trace_has() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only what is wrong with it matters")]
        struct Line {
            tokens: u32,
            status: Option<u16>,
            name: Option<String>,
        }
        let complaint = |text: &str| {
            serde_json::from_str::<Line>(text).map_or_else(|error| of_json_error(&error), |line| format!("{line:?}"))
        };
        for (text, expected) in [
            (r#"{"tokens": 4294967296}"#, "expected a whole number from 0 to 4294967295, found 4294967296"),
            (r#"{"tokens": null}"#, "expected a whole number from 0 to 4294967295, found null"),
            (r#"{"tokens": 1, "status": "ok"}"#, "expected a whole number from 0 to 65535, found the text \"ok\""),
            (r#"{"tokens": 1, "name": 5}"#, "expected a text in quotes, found 5"),
            (r#"{"status": 1}"#, "the key `tokens` is missing"),
            (r#"{"tokens": 1, "tokens": 1}"#, "the key `tokens` stands there twice"),
            (r#"{"token": 1}"#, "unknown key `token`; known are tokens, status, name"),
            (r#"{"tokens": 1"#, "it ends in the middle of a record"),
            (r#"{"tokens": [1]}"#, "expected a whole number from 0 to 4294967295, found a list"),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
    }
}
