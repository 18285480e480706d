//! The gateway's environment (`gateway_env`): a `.env` file or a compose file, whose `GATEWAY_*` variables lie over the
//! config file. `GATEWAY_OPENAI_WS_LB_TOP_K` is the key `gateway.openai_ws.lb_top_k`.

use std::sync::Arc;

use super::error::{ErrorKind, ScenarioError};
use super::gateway_keys::{COOLDOWN, NotRead, spellings};
use super::tree::{Entry, Node, Origin, Place, Source, Value, parse};

/// A variable as it stands in the file.
struct Variable {
    name: String,
    value: String,
    place: Place,
}

/// The `gateway` and `rate_limit` trees that a file of environment variables amounts to. Variables that change nothing
/// in a simulation are added to `not_read`, those that are nearly known with a warning.
///
/// # Errors
/// When the file is neither.
pub(super) fn tree(text: &str, file: &str, not_read: &mut NotRead) -> Result<Node, ScenarioError> {
    let source = Arc::new(Source { origin: Origin::File(file.to_owned()), text: text.to_owned() });
    let whole = Place::new(&source, 0..0);
    let variables = match parse(&source, 0) {
        Ok(node) if matches!(node.value, Value::Map(_)) => compose(&node),
        _ => dot_env(&source)?,
    };
    let mut out = Node { value: Value::Map(Vec::new()), place: whole };
    for variable in variables {
        let name = variable.name.to_uppercase();
        // an empty variable counts as not set
        let Some(value) = without_references(&variable.value).filter(|value| !value.is_empty()) else { continue };
        let known = spellings().find(|path| name == variable_of(path));
        match known {
            Some(path) if path == COOLDOWN => place_at(&mut out, path, &value, &variable.place),
            Some(path) => place_at(&mut out, &format!("gateway.{path}"), &value, &variable.place),
            None => {
                if let Some(meant) = near(&name) {
                    let warning = format!("`{}` is not read; did you mean `{meant}`? ({file})", variable.name);
                    not_read.warnings.push(warning);
                }
                if name.starts_with("GATEWAY_") {
                    not_read.ignored.push(format!("{} ({file})", variable.name));
                }
            }
        }
    }
    Ok(out)
}

/// The variable that was probably meant by a name that nobody knows: one that differs in two letters at most, or in a
/// unit at its end.
fn near(name: &str) -> Option<String> {
    const SHORTEST: usize = 16;
    if name.len() < SHORTEST || !(name.contains("GATEWAY") || name.contains("RATE_LIMIT")) {
        return None;
    }
    let is_near = |known: &String| {
        let (shorter, longer) = if name.len() < known.len() { (name, known.as_str()) } else { (known.as_str(), name) };
        let unit = longer.strip_prefix(shorter).unwrap_or("");
        strsim::damerau_levenshtein(name, known) <= 2 || ["_MS", "_SECONDS", "_MINUTES"].contains(&unit)
    };
    spellings().map(variable_of).find(is_near)
}

/// The name of the variable of a key.
pub(super) fn variable_of(path: &str) -> String {
    let upper = path.replace('.', "_").to_uppercase();
    if path == COOLDOWN { upper } else { format!("GATEWAY_{upper}") }
}

/// `environment` of every service, as a map or as a list of NAME=VALUE.
fn compose(node: &Node) -> Vec<Variable> {
    let mut variables = Vec::new();
    let services = node.get("services").map(Node::entries).unwrap_or_default();
    // without services it may be a plain map of variables
    let environments: Vec<&Node> = if services.is_empty() {
        vec![node.get("environment").unwrap_or(node)]
    } else {
        services.iter().filter_map(|service| service.node.get("environment")).collect()
    };
    for environment in environments {
        for Entry { key, node, .. } in environment.entries() {
            if let Some(value) = scalar(&node.value) {
                variables.push(Variable { name: key.clone(), value, place: node.place.clone() });
            }
        }
        for item in environment.items() {
            if let Value::Text(text) = &item.value
                && let Some((name, value)) = text.split_once('=')
            {
                let (name, value) = (name.trim().to_owned(), value.to_owned());
                variables.push(Variable { name, value, place: item.place.clone() });
            }
        }
    }
    variables
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// Lines of NAME=VALUE, with comments, quotes and `export`.
fn dot_env(source: &Arc<Source>) -> Result<Vec<Variable>, ScenarioError> {
    let mut variables = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let place = Place::new(source, start..start + line.trim_end().len());
        start += line.len();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            let message = "expected NAME=VALUE, or a compose file with `services`";
            return Err(ScenarioError::new(ErrorKind::Syntax, message).label("no variable").place(Some(place)));
        };
        let value = value.trim();
        let quoted =
            |quote: char| value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)).map(|(text, _)| text);
        let plain = || value.split_once(" #").map_or(value, |(value, _)| value).trim_end();
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or_else(plain).to_owned();
        variables.push(Variable { name: name.trim().to_owned(), value, place });
    }
    Ok(variables)
}

/// `${NAME:-default}` is its default here, `${NAME}` is not set: other variables are not known.
fn without_references(value: &str) -> Option<String> {
    let Some(inner) = value.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Some(value.to_owned());
    };
    let default = inner.split_once(":-").or_else(|| inner.split_once('-'));
    default.map(|(_, default)| default.to_owned())
}

fn place_at(out: &mut Node, path: &str, value: &str, place: &Place) {
    let mut node = out;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        let Some(entries) = node.entries_mut() else { return };
        let at = entries.iter().position(|entry| entry.key == step).unwrap_or_else(|| {
            let node = Node { value: Value::Map(Vec::new()), place: place.clone() };
            entries.push(Entry { key: step.to_owned(), place: place.clone(), node });
            entries.len() - 1
        });
        if last {
            entries[at].node = Node { value: Value::Text(value.to_owned()), place: place.clone() };
        }
        node = &mut entries[at].node;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top_k(text: &str) -> (Option<Value>, Vec<String>) {
        let mut not_read = NotRead::default();
        let tree = tree(text, "env", &mut not_read).unwrap();
        let found = tree.get("gateway").and_then(|node| node.get("openai_ws")?.get("lb_top_k"));
        (found.map(|node| node.value.clone()), not_read.ignored)
    }

    #[test]
    fn dot_env_and_compose_files_say_the_same() {
        let five = (Some(Value::Text("5".to_owned())), vec!["GATEWAY_MAX_BODY_SIZE (env)".to_owned()]);
        for text in [
            "# top k\nexport GATEWAY_OPENAI_WS_LB_TOP_K=\"5\"\nGATEWAY_MAX_BODY_SIZE=1 # bytes\nOTHER=x\n",
            "GATEWAY_OPENAI_WS_LB_TOP_K = '5'\nGATEWAY_MAX_BODY_SIZE=1",
            concat!(
                "services:\n  app:\n    environment:\n",
                "      GATEWAY_OPENAI_WS_LB_TOP_K: 5\n      GATEWAY_MAX_BODY_SIZE: 1\n"
            ),
            concat!(
                "services:\n  app:\n    environment:\n",
                "    - GATEWAY_OPENAI_WS_LB_TOP_K=${TOP_K:-5}\n    - GATEWAY_MAX_BODY_SIZE=1\n"
            ),
        ] {
            assert_eq!(top_k(text), five, "{text}");
        }
    }

    #[test]
    fn what_is_empty_or_refers_to_what_is_not_known_is_not_set() {
        assert_eq!(top_k("GATEWAY_OPENAI_WS_LB_TOP_K=\n").0, None);
        assert_eq!(top_k("GATEWAY_OPENAI_WS_LB_TOP_K=${TOP_K}\n").0, None);
        let error = tree("GATEWAY_X\n", "env", &mut NotRead::default()).unwrap_err();
        assert!(error.message().contains("NAME=VALUE"));
    }

    #[test]
    fn variables_that_are_nearly_known_are_named_and_the_gateways_own_are_not() {
        let ttft = Some("GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS".to_owned());
        for name in [
            "GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT",
            "GATEWAY_OPENAI_SCHEDULER_STICKY_ESCPAE_TTFT_MS",
            "GATEWAYOPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS",
        ] {
            assert_eq!(near(name), ttft, "{name}");
        }
        assert_eq!(near("RATE_LIMIT_OVERLOAD_COOLDOWN").as_deref(), Some("RATE_LIMIT_OVERLOAD_COOLDOWN_MINUTES"));
        for own in [
            "GATEWAY_OPENAI_HTTP2_FALLBACK_TTL_SECONDS",
            "GATEWAY_SCHEDULING_OUTBOX_LAG_WARN_SECONDS",
            "GATEWAY_OPENAI_RESPONSE_HEADER_TIMEOUT",
            "GATEWAY_MAX_CONNS_PER_HOST",
            "DATABASE_MAX_OPEN_CONNS",
        ] {
            assert_eq!(near(own), None, "{own}");
        }
    }

    #[test]
    fn variables_are_named_after_their_keys() {
        assert_eq!(variable_of("scheduling.load_batch_enabled"), "GATEWAY_SCHEDULING_LOAD_BATCH_ENABLED");
        assert_eq!(variable_of(COOLDOWN), "RATE_LIMIT_OVERLOAD_COOLDOWN_MINUTES");
    }
}
