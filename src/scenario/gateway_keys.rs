//! Reads the gateway's own key tree: takes the keys that a simulation knows, in either spelling, and lists the others.
//!
//! The gateway's loader is looser than ours: it does not distinguish upper from lower case, takes numbers and booleans
//! in quotes, and passes over keys that it does not know. So do we, for this tree only.

use super::error::{ErrorKind, ScenarioError, nearest, suggestion};
use super::near_miss;
use super::tree::{Entry, Node, Place, Value};

/// What a key holds, as far as quotes around it must be looked through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Switch,
    Number,
    Text,
}

/// The keys that a simulation knows.
const KEYS: [(&str, Holds); 29] = [
    ("openai_scheduler.sticky_escape_enabled", Holds::Switch),
    ("openai_scheduler.sticky_escape_ttft_ms", Holds::Number),
    ("openai_scheduler.sticky_escape_error_rate", Holds::Number),
    ("openai_ws.lb_top_k", Holds::Number),
    ("openai_ws.scheduler_score_weights.priority", Holds::Number),
    ("openai_ws.scheduler_score_weights.load", Holds::Number),
    ("openai_ws.scheduler_score_weights.queue", Holds::Number),
    ("openai_ws.scheduler_score_weights.error_rate", Holds::Number),
    ("openai_ws.scheduler_score_weights.ttft", Holds::Number),
    ("openai_ws.scheduler_score_weights.reset", Holds::Number),
    ("openai_ws.scheduler_score_weights.quota_headroom", Holds::Number),
    ("openai_ws.scheduler_score_weights.upstream_cost", Holds::Number),
    ("openai_ws.scheduler_score_weights.previous_response", Holds::Number),
    ("openai_ws.scheduler_score_weights.session_sticky", Holds::Number),
    ("openai_ws.sticky_session_ttl_seconds", Holds::Number),
    ("openai_ws.sticky_response_id_ttl_seconds", Holds::Number),
    ("openai_ws.sticky_previous_response_ttl_seconds", Holds::Number),
    ("scheduling.sticky_session_max_waiting", Holds::Number),
    ("scheduling.sticky_session_wait_timeout", Holds::Text),
    ("scheduling.fallback_max_waiting", Holds::Number),
    ("scheduling.fallback_wait_timeout", Holds::Text),
    ("scheduling.outbox_poll_interval_seconds", Holds::Number),
    ("scheduling.full_rebuild_interval_seconds", Holds::Number),
    ("scheduling.load_batch_cache_ttl_ms", Holds::Number),
    ("scheduling.load_batch_enabled", Holds::Switch),
    ("max_account_switches", Holds::Number),
    ("concurrency_slot_ttl_minutes", Holds::Number),
    ("openai_first_output_timeout_seconds", Holds::Number),
    ("rate_limit.overload_cooldown_minutes", Holds::Number),
];

/// The later spelling of some of them, and where they stood before.
const LATER: [(&str, &str); 14] = [
    ("advanced_scheduler.sticky_escape_enabled", "openai_scheduler.sticky_escape_enabled"),
    ("advanced_scheduler.sticky_escape_ttft_ms", "openai_scheduler.sticky_escape_ttft_ms"),
    ("advanced_scheduler.sticky_escape_error_rate", "openai_scheduler.sticky_escape_error_rate"),
    ("advanced_scheduler.lb_top_k", "openai_ws.lb_top_k"),
    ("advanced_scheduler.scheduler_score_weights.priority", "openai_ws.scheduler_score_weights.priority"),
    ("advanced_scheduler.scheduler_score_weights.load", "openai_ws.scheduler_score_weights.load"),
    ("advanced_scheduler.scheduler_score_weights.queue", "openai_ws.scheduler_score_weights.queue"),
    ("advanced_scheduler.scheduler_score_weights.error_rate", "openai_ws.scheduler_score_weights.error_rate"),
    ("advanced_scheduler.scheduler_score_weights.ttft", "openai_ws.scheduler_score_weights.ttft"),
    ("advanced_scheduler.scheduler_score_weights.reset", "openai_ws.scheduler_score_weights.reset"),
    ("advanced_scheduler.scheduler_score_weights.quota_headroom", "openai_ws.scheduler_score_weights.quota_headroom"),
    ("advanced_scheduler.scheduler_score_weights.upstream_cost", "openai_ws.scheduler_score_weights.upstream_cost"),
    (
        "advanced_scheduler.scheduler_score_weights.previous_response",
        "openai_ws.scheduler_score_weights.previous_response",
    ),
    ("advanced_scheduler.scheduler_score_weights.session_sticky", "openai_ws.scheduler_score_weights.session_sticky"),
];

/// What the newest gateways call some of them (TokenRouter's and its like: their table of old and new keys).
const NEWEST: [(&str, &str); 6] = [
    ("advanced_scheduler.score_weights.priority", "openai_ws.scheduler_score_weights.priority"),
    ("advanced_scheduler.score_weights.load", "openai_ws.scheduler_score_weights.load"),
    ("advanced_scheduler.score_weights.queue", "openai_ws.scheduler_score_weights.queue"),
    ("advanced_scheduler.score_weights.error_rate", "openai_ws.scheduler_score_weights.error_rate"),
    ("advanced_scheduler.score_weights.ttft", "openai_ws.scheduler_score_weights.ttft"),
    ("max_provider_switches", "max_account_switches"),
];

/// Keys of the newest gateways that are a what-if elsewhere, with the key here.
const WHAT_IFS: [(&str, &str); 2] = [
    ("advanced_scheduler.ewma_ttft_alpha", "ewma_alpha"),
    ("advanced_scheduler.ewma_error_rate_alpha", "ewma_error_rate_alpha"),
];

/// All spellings with the first spelling of each.
fn spelled() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYS.iter().map(|(known, _)| (*known, *known)).chain(LATER).chain(NEWEST)
}

/// The known keys, counted from `gateway` (but for those of `rate_limit`).
pub(super) fn known_keys() -> Vec<&'static str> {
    spelled().map(|(written, _)| written).collect()
}

/// What a `gateway` tree says of what is a what-if here: the averages' weights.
pub(super) fn what_ifs(tree: &Node) -> Vec<Entry> {
    let mut found = Vec::new();
    for (path, key) in WHAT_IFS {
        let Some((outer, inner)) = path.split_once('.') else { continue };
        let outer = tree.entries().iter().find(|entry| entry.key.to_lowercase() == outer);
        let inner = outer.and_then(|outer| outer.node.entries().iter().find(|entry| entry.key.to_lowercase() == inner));
        if let Some(entry) = inner {
            let mut node = entry.node.clone();
            look_through_quotes(&mut node, KEYS[1].0);
            found.push(Entry { key: key.to_owned(), place: entry.place.clone(), node });
        }
    }
    found
}

/// What there is to say of keys that are not read.
#[derive(Clone, Debug, Default)]
pub(super) struct NotRead {
    /// The gateway's own, listed with `-v`.
    pub(super) ignored: Vec<String>,
    /// Near misses, and what matters and is not simulated.
    pub(super) warnings: Vec<String>,
}

/// The last key below `rate_limit`, which stands beside `gateway`, not in it.
pub(super) const COOLDOWN: &str = "rate_limit.overload_cooldown_minutes";

/// How long a batch of loads is cached; `what_if.load_batch_cache_ms` is an older name of it here.
pub(super) const LOAD_CACHE: &str = "scheduling.load_batch_cache_ttl_ms";

/// The keys that a simulation knows, below `gateway` but for `COOLDOWN`.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(path, _)| *path)
}

/// The same in every spelling.
pub(super) fn spellings() -> impl Iterator<Item = &'static str> {
    spelled().map(|(path, _)| path)
}

/// The short name of a well-known key in full: `lb_top_k` is `gateway.openai_ws.lb_top_k`.
pub(super) fn in_full(short: &str) -> Option<String> {
    short_names().find(|(name, _)| *name == short).map(|(_, path)| path)
}

/// All short names with what they stand for.
pub(super) fn short_names() -> impl Iterator<Item = (&'static str, String)> {
    let gateway = KEYS.iter().map(|(path, _)| {
        // Weights keep their parent: `weights.ttft` would say too little otherwise.
        let name = path.strip_prefix("openai_ws.scheduler_score_weights").map_or_else(
            || path.rsplit('.').next().unwrap_or(path),
            |_| path.strip_prefix("openai_ws.").unwrap_or(path),
        );
        (name, if *path == COOLDOWN { (*path).to_owned() } else { format!("gateway.{path}") })
    });
    let others = [
        ("ewma_alpha", "what_if.ewma_alpha".to_owned()),
        // what the key was called before it was found to be one of the gateway's
        ("load_batch_cache_ms", format!("gateway.{LOAD_CACHE}")),
    ];
    gateway.chain(others)
}

/// Brings a `gateway` tree into the first spelling, without the keys that a simulation does not know; those are added
/// to `not_read`, with `file` if it is not the scenario itself.
///
/// # Errors
/// When two spellings of one key differ, or a `--set` names a key that nobody knows.
pub(super) fn canonical(tree: &Node, file: Option<&str>, not_read: &mut NotRead) -> Result<Node, ScenarioError> {
    let mut out = Node { value: Value::Map(Vec::new()), place: tree.place.clone() };
    let mut found = Vec::new();
    collect("", tree, file, not_read, &mut found)?;
    for key in found {
        put(&mut out, &key)?;
    }
    Ok(out)
}

/// One known key with its value.
struct Found {
    path: &'static str,
    written: String,
    label: Place,
    node: Node,
}

fn collect(
    prefix: &str,
    tree: &Node,
    file: Option<&str>,
    not_read: &mut NotRead,
    found: &mut Vec<Found>,
) -> Result<(), ScenarioError> {
    for entry in tree.entries() {
        let written = if prefix.is_empty() { entry.key.clone() } else { format!("{prefix}.{}", entry.key) };
        let path = written.to_lowercase();
        if WHAT_IFS.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let leaf = spelled().find(|(known, _)| *known == path);
        let inner = format!("{path}.");
        let is_inner = spelled().map(|(known, _)| known);
        let mut is_inner = is_inner.filter(|known| known.starts_with(&inner)).peekable();
        if let Some((_, path)) = leaf {
            let mut node = entry.node.clone();
            look_through_quotes(&mut node, path);
            found.push(Found { path, written, label: entry.place.clone(), node });
        } else if is_inner.peek().is_some() {
            match entry.node.value {
                Value::Map(_) | Value::Null => collect(&written, &entry.node, file, not_read, found)?,
                _ => {
                    let keys: Vec<_> = is_inner.filter_map(|known| known[inner.len()..].split('.').next()).collect();
                    let message = format!("`{}` needs keys of its own, found {}", entry.key, entry.node.describe());
                    return Err(ScenarioError::new(ErrorKind::WrongType, message)
                        .help(Some(format!("known here: {}", unique(&keys).join(", "))))
                        .path(format!("gateway.{written}"))
                        .place(Some(entry.node.place.clone())));
                }
            }
        } else if entry.place.is_set() || entry.node.place.is_set() {
            return Err(unknown(prefix, entry));
        } else {
            let from = file.map_or_else(String::new, |file| format!(" ({file})"));
            warn(&written, &entry.node, &from, &mut not_read.warnings);
            not_read.ignored.push(format!("gateway.{written}{from}"));
        }
    }
    Ok(())
}

/// Warns of near misses in what is not read, as deep as it goes.
fn warn(written: &str, node: &Node, from: &str, warnings: &mut Vec<String>) {
    let inner = node.entries();
    for entry in inner {
        warn(&format!("{written}.{}", entry.key), &entry.node, from, warnings);
    }
    if inner.is_empty() {
        let is_off = matches!(node.value, Value::Int(0) | Value::Null) || node.value == Value::Float(0.0);
        let hint = near_miss::of(written, &known_keys()).or_else(|| near_miss::felt(written, is_off));
        warnings.extend(hint.map(|hint| format!("{hint}{from}")));
    }
}

/// A `--set` that would change nothing is a mistake, even where a file may hold what it likes.
fn unknown(prefix: &str, entry: &Entry) -> ScenarioError {
    let inner = if prefix.is_empty() { String::new() } else { format!("{}.", prefix.to_lowercase()) };
    let all = spelled().map(|(known, _)| known).filter(|known| *known != COOLDOWN);
    let here: Vec<_> = all.filter_map(|known| known.strip_prefix(&inner)?.split('.').next()).collect();
    let here = unique(&here);
    let elsewhere = nearest(&entry.key, KEYS.iter().filter_map(|(known, _)| known.rsplit('.').next()))
        .and_then(|name| KEYS.iter().find(|(known, _)| known.rsplit('.').next() == Some(name)))
        .map(|(known, _)| format!("did you mean `gateway.{known}`?"));
    let help = nearest(&entry.key, here.iter().copied())
        .map(|name| format!("did you mean `{name}`?"))
        .or(elsewhere)
        .or_else(|| suggestion(&entry.key, &here));
    let message = format!("the gateway's key `{}` changes nothing in a simulation", entry.key);
    let path = format!("gateway.{}{}", if prefix.is_empty() { String::new() } else { format!("{prefix}.") }, entry.key);
    ScenarioError::new(ErrorKind::UnknownKey, message)
        .label("not known here")
        .help(help)
        .path(path)
        .place(Some(entry.place.clone()))
}

fn unique<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut unique: Vec<&str> = Vec::new();
    for name in names {
        if !unique.contains(name) {
            unique.push(name);
        }
    }
    unique
}

/// The gateway takes "15000" for 15000 and "true", "yes" or "on" for true.
pub(super) fn look_through_quotes(node: &mut Node, path: &str) {
    let Value::Text(text) = &node.value else { return };
    let text = text.trim();
    let holds = KEYS.iter().find(|(known, _)| *known == path).map_or(Holds::Text, |(_, holds)| *holds);
    let value = match holds {
        Holds::Text => None,
        Holds::Switch => match text.to_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "y" | "on" => Some(Value::Bool(true)),
            "false" | "f" | "0" | "no" | "n" | "off" => Some(Value::Bool(false)),
            _ => None,
        },
        Holds::Number => {
            let whole = text.parse::<i64>().ok().map(|number| Value::Int(number.into()));
            whole.or_else(|| text.parse::<f64>().ok().map(Value::Float))
        }
    };
    if let Some(value) = value {
        node.value = value;
    }
}

/// Puts a key at its place in the tree, unless the other spelling stands there and says something else.
fn put(out: &mut Node, key: &Found) -> Result<(), ScenarioError> {
    let mut node = out;
    let mut steps = key.path.split('.').peekable();
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        let Some(entries) = node.entries_mut() else { return Ok(()) };
        let at = entries.iter().position(|entry| entry.key == step);
        let at = match at {
            Some(at) if last => {
                let earlier = &entries[at];
                // An override may stand under a key that the file has as well: then only its value shows which it is.
                let overrides = key.label.is_set() || key.node.place.is_set();
                let overridden = earlier.place.is_set() || earlier.node.place.is_set();
                if earlier.node != key.node && !overrides && !overridden {
                    let (line, column) = earlier.place.line_column();
                    let message = format!("`gateway.{}` is also given at line {line}, column {column}", key.written);
                    return Err(ScenarioError::new(ErrorKind::Conflict, format!("{message}, and differs"))
                        .label("two spellings of one key")
                        .help(Some(format!("keep one of them; both mean `gateway.{}`", key.path)))
                        .path(format!("gateway.{}", key.written))
                        .place(Some(key.label.clone())));
                }
                if overrides || !overridden {
                    entries[at].node = key.node.clone();
                    entries[at].place = key.label.clone();
                }
                return Ok(());
            }
            Some(at) => at,
            None => {
                let value = if last { key.node.value.clone() } else { Value::Map(Vec::new()) };
                let node = Node { value, place: key.node.place.clone() };
                entries.push(Entry { key: step.to_owned(), place: key.label.clone(), node });
                entries.len() - 1
            }
        };
        node = &mut entries[at].node;
    }
    Ok(())
}
