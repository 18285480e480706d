//! A fit as a scenario file: what a person would write, in the order in which one would read it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::accounts::Known;
use super::cache::Cache;
use super::fit::{AccountFit, Fit, after};
use super::records::Log;
use super::shape::{round, time};
use super::spans::Failing;
use super::tries::{Fault, Tries};
use crate::scenario::Scenario;

/// What a scenario is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The log that was read.
    pub log: &'a Log,
    /// The attempts at upstreams, by account.
    pub tries: &'a Tries,
    /// What was fitted to them.
    pub fit: &'a Fit,
    /// The accounts as the gateway knows them; those of the log that it does not know are added.
    pub known: &'a [Known],
    /// The prompt cache.
    pub cache: &'a Cache,
    /// A scenario that holds the gateway's settings, and whatever else was set.
    pub settings: &'a Scenario,
    /// The trace, relative to the scenario.
    pub trace: &'a str,
    /// Where sessions are unknown: the mean time in s between turns of assumed ones.
    pub assumed_think_s: Option<f64>,
    /// All accounts have as many slots as asked for: the log knows no accounts.
    pub unlimited: bool,
}

/// The ids of the pool, ascending.
pub fn pool(known: &[Known], tries: &Tries) -> Vec<i64> {
    let mut ids: Vec<i64> = known.iter().map(|known| known.id).chain(tries.ids.iter().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The scenario as a tree.
pub fn build(parts: Parts<'_>) -> Value {
    let mut scenario = Map::new();
    let mut put = |key: &str, value: Value| drop(scenario.insert(key.to_owned(), value));
    let settings = parts.settings;
    put("name", json!("calibrated"));
    if let Some(epoch) = parts.log.epoch_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
        put("epoch", json!(epoch.to_string()));
    }
    if let Some(group) = parts.log.group {
        put("group_id", json!(group));
    }
    let default = Scenario::default();
    put("transport", json!(settings.transport));
    if settings.version() != default.version() {
        put("gateway_version", json!(settings.version()));
        put("mode", json!(settings.scheduler_mode()));
        put("admin_settings", json!(settings.admin_settings));
    }
    put("gateway", json!(settings.gateway));
    put("rate_limit", json!(settings.rate_limit));
    if settings.replicas != default.replicas {
        put("replicas", json!(settings.replicas));
    }
    if settings.what_if != default.what_if {
        put("what_if", json!(settings.what_if));
    }
    if settings.clients != default.clients {
        put("clients", json!(settings.clients));
    }
    if settings.measure != default.measure {
        put("measure", json!(settings.measure));
    }
    let pool = pool(parts.known, parts.tries);
    let protocol = settings.accounts.first().map(|account| account.protocol);
    put("accounts", pool.iter().map(|&id| account(&parts, id, json!(protocol))).collect());
    put("conditions", Value::Array(conditions(&parts)));
    let mut replay = json!({"file": parts.trace, "format": "jsonl", "timing": "recorded"});
    if let Some(think) = parts.assumed_think_s {
        replay["sessions"] = json!({"assume": {
            "turns": {"constant": 1e9},
            "think_time": {"exponential": {"mean": time(think)}},
        }});
    }
    put("workload", json!({"replay": replay}));
    Value::Object(scenario)
}

fn account(parts: &Parts<'_>, id: i64, protocol: Value) -> Value {
    let place = parts.tries.ids.binary_search(&id).ok();
    let fit: &AccountFit = place.map_or(&parts.fit.unseen, |place| &parts.fit.accounts[place]);
    let known = parts.known.iter().find(|known| known.id == id);
    let mut account = Map::new();
    let mut put = |key: &str, value: Value| drop(account.insert(key.to_owned(), value));
    put("id", json!(id));
    if let Some(known) = known {
        put("type", json!(if known.oauth { "oauth" } else { "api_key" }));
        put("priority", json!(known.priority));
        if let Some(factor) = known.load_factor {
            put("load_factor", json!(factor));
        }
    }
    let slots = match (known, place) {
        _ if parts.unlimited => 0,
        (Some(known), _) => known.concurrency,
        // of how long answers took nothing is known: then no limit is better than one that was made up
        (None, Some(place)) => parts.tries.most_at_once(place),
        (None, None) => 1,
    };
    put("concurrency", json!(slots));
    put("protocol", protocol);
    put("ttft", fit.shape.time(fit.mu, fit.sigma));
    if parts.fit.normal.exponent > 0.0 {
        let normal = &parts.fit.normal;
        put(
            "size_effect",
            json!({"exponent": round(normal.exponent), "median_input_tokens": round(normal.median_input)}),
        );
    }
    if let Some(speed) = parts.tries.prefill_tokens_per_s {
        put("prefill_tokens_per_second", json!(round(speed)));
    }
    put("decode", fit.decode.0.clone());
    put(
        "prompt_cache",
        match parts.cache {
            Cache::NeverHit => Value::Null,
            Cache::Hits { .. } => json!({}),
            Cache::Fitted { ttl_s, block_tokens, min_tokens, .. } => {
                json!({"ttl": format!("{ttl_s}s"), "block_tokens": block_tokens, "min_tokens": min_tokens})
            }
        },
    );
    let failures: Vec<Value> = fit
        .failures
        .iter()
        .map(
            |failure| json!({"probability": failure.probability, "error": error(failure.fault, failure.after_s, None)}),
        )
        .collect();
    if !failures.is_empty() {
        put("failures", Value::Array(failures));
    }
    Value::Object(account)
}

fn error(fault: Fault, after_s: f64, reset_after_s: Option<f64>) -> Value {
    let after = json!({"constant": time(after_s)});
    match fault {
        Fault::Status(code) => {
            let mut status = json!({"code": code.clamp(400, 599), "after": after});
            if let Some(reset) = reset_after_s {
                status["reset_after"] = json!({"constant": time(reset)});
            }
            json!({"status": status})
        }
        Fault::Transport if after_s > 5.0 => json!({"timeout": {"after": after}}),
        // whether it was of the kind that lasts is not in the log
        Fault::Transport => json!({"connect": {"after": after, "durable": false}}),
        Fault::Broken => json!({"broken": {}}),
    }
}

fn conditions(parts: &Parts<'_>) -> Vec<Value> {
    let mut conditions = Vec::new();
    for (kind, effect) in parts.log.kinds.iter().zip(&parts.fit.normal.kinds) {
        if *effect != 0.0 && !kind.is_empty() {
            conditions.push(json!({
                "name": format!("model {kind}"),
                "when": {"scheduled": {"at": "0s"}},
                "effect": {"ttft_factor": round(libm::exp(*effect)), "only_models": [kind]},
            }));
        }
    }
    let when = |from: f64, to: Option<f64>| {
        let mut scheduled = json!({"at": time(from)});
        if let Some(to) = to {
            scheduled["for"] = time(to - from);
        }
        json!({"scheduled": scheduled})
    };
    for (number, span) in (1..).zip(&parts.fit.slow) {
        let mut effect = json!({"ttft_factor": round(span.factor)});
        if span.decode_factor != 1.0 {
            effect["decode_factor"] = json!(round(span.decode_factor));
        }
        let id = parts.tries.ids[span.account];
        conditions.push(json!({
            "name": format!("slow {number} (account {id})"),
            "accounts": [id],
            "when": when(span.from_s, span.to_s),
            "effect": effect,
        }));
    }
    for (number, span) in (1..).zip(&parts.fit.failing) {
        let id = parts.tries.ids[span.account];
        let what = words(span.fault);
        conditions.push(json!({
            "name": format!("failing {number} (account {id}, {what})"),
            "accounts": [id],
            "when": when(span.from_s, span.to_s),
            "effect": {
                "error_rate": round(span.rate),
                "error": error(span.fault, after(parts.tries, span.fault), reset_after(parts.tries, span)),
            },
        }));
    }
    conditions
}

/// A fault in words.
pub fn words(fault: Fault) -> String {
    match fault {
        Fault::Status(429) => "429, rate limit".to_owned(),
        Fault::Status(status) => status.to_string(),
        Fault::Transport => "transport error".to_owned(),
        Fault::Broken => "broken stream".to_owned(),
    }
}

/// A 429 that was followed by a long silence of its account named its reset time; one that was not is over after the
/// gateway's own 5 s. (Up to 5 min away are the list of candidates' doing.)
fn reset_after(tries: &Tries, span: &Failing) -> Option<f64> {
    if span.fault != Fault::Status(429) {
        return None;
    }
    let of = &tries.of[span.account];
    let silences: Vec<f64> = (span.range.0..span.range.1)
        .filter(|&i| of[i].fault == Some(span.fault))
        .filter_map(|i| Some(of.get(i + 1)?.at_s - of[i].at_s))
        .collect();
    let typical = super::robust::median(&silences);
    (typical > 400.0).then_some(typical)
}

/// The tree as YAML: blocks, but for what fits on a line.
pub fn yaml(value: &Value, head: &str) -> String {
    let mut text = String::new();
    for line in head.lines() {
        let _ = writeln!(text, "# {line}");
    }
    block(value, 0, &mut text);
    text
}

const WIDTH: usize = 100;

fn block(value: &Value, depth: usize, text: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let _ = write!(text, "{pad}{}:", plain(key));
                nested(value, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(text, "{pad}-");
                nested(item, depth + 1, text);
            }
        }
        other => {
            let _ = writeln!(text, "{pad}{other}");
        }
    }
}

fn nested(value: &Value, depth: usize, text: &mut String) {
    let flow = value.to_string();
    let container = matches!(value, Value::Object(map) if !map.is_empty())
        || matches!(value, Value::Array(items) if !items.is_empty());
    if !container || flow.len() + 2 * depth < WIDTH {
        let _ = writeln!(text, " {}", spaced(value));
    } else {
        text.push('\n');
        block(value, depth, text);
    }
}

/// Flow style with spaces, as people write it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", plain(key), spaced(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// A text without quotes where it cannot be taken for something else.
fn plain(text: &str) -> String {
    let simple = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if simple { text.to_owned() } else { Value::from(text).to_string() }
}
