//! One line of a log, whatever it is wrapped in: the prefixes of docker, compose, CRI, journald and syslog; the JSON of
//! docker's json-file driver, of `journalctl -o json`, Loki, fluentd and cloud logs; quotes, and the colours of a
//! terminal.
//!
//! No wrapper is known by name. What a line holds is looked for: the first object that can be read, texts inside of
//! it, and so on inwards, until there is the gateway's own record. The time nearest to the message is its own.

use serde_json::{Map, Value};

use super::time::{Moment, instant, last_in, of_value};

/// What a line, or a part of one, turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// A session left its account.
    Escape(Event),
    /// Another line of a program's log.
    Other { at: Option<Moment>, is_detailed: bool },
}

/// An escape as it was logged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) at: Moment,
    /// From which account; `None`: it has a name instead of a number.
    pub(super) account: Option<i64>,
    pub(super) reason: String,
    /// How the message is spelled.
    pub(super) spelling: String,
    /// Of all that it says, so that the same line in two files is known again.
    pub(super) hash: u64,
}

/// Wrappers within wrappers, at most.
const DEEPEST: usize = 6;
/// Places in a line at which an object may begin.
const MOST_STARTS: usize = 12;

/// Reads a line.
pub(super) fn read(line: &str) -> Vec<Found> {
    let mut found = Vec::new();
    of_text(&without_colours(line), None, 0, &mut found);
    found
}

/// Reads a document that is one JSON value over many lines.
pub(super) fn read_document(value: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    of_value_within(value, None, 0, &mut found);
    found
}

/// Terminal colours and other control sequences.
fn without_colours(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['\u{1b}', '\u{9b}']) {
        clean.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches(['\u{1b}', '\u{9b}', '[']);
        let end = after.find(|c: char| !matches!(c, '0'..='9' | ';' | '?')).unwrap_or(after.len());
        rest = after[end..].strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(&after[end..]);
    }
    clean.push_str(rest);
    // colours that were written out
    if clean.contains("\\u001b[") || clean.contains("\\x1b[") { clean.replace("\\x1b[", "\\u001b[") } else { clean }
}

fn of_text(text: &str, outer: Option<Moment>, depth: usize, found: &mut Vec<Found>) {
    let text = text.trim();
    if depth > DEEPEST || text.is_empty() {
        return;
    }
    if let Some((before, map)) = object_in(text) {
        return of_object(&map, before, outer, depth, found);
    }
    // a field of CSV
    if text.contains("{\"\"") {
        return of_text(&text.replace("\"\"", "\""), outer, depth + 1, found);
    }
    if let Some((before, inner)) = quoted_in(text) {
        return of_text(&inner, last_in(before).or(outer), depth + 1, found);
    }
    if text.contains("\\\"") && text.contains('{') {
        return of_text(&text.replace("\\\"", "\""), outer, depth + 1, found);
    }
    of_plain(text, outer, found);
}

/// The first object in a text that can be read, with what stands before it.
fn object_in(text: &str) -> Option<(&str, Map<String, Value>)> {
    text.match_indices('{').take(MOST_STARTS).find_map(|(at, _)| {
        match serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>().next() {
            Some(Ok(Value::Object(map))) if !map.is_empty() => Some((&text[..at], map)),
            _ => None,
        }
    })
}

/// The first quoted text that holds an object or an escape, with what stands before it.
fn quoted_in(text: &str) -> Option<(&str, String)> {
    text.match_indices('"').take(MOST_STARTS).find_map(|(at, _)| {
        match serde_json::Deserializer::from_str(&text[at..]).into_iter::<String>().next() {
            Some(Ok(inner)) if inner.contains('{') || Mention::find(&inner).is_some() => Some((&text[..at], inner)),
            _ => None,
        }
    })
}

const MESSAGES: [&str; 7] = ["msg", "message", "m", "event", "@message", "text", "body"];
const TIMES: [&str; 10] = [
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "datetime",
    "date",
    "t",
    "_source_realtime_timestamp",
    "__realtime_timestamp",
    "at",
];

/// The value of the first of these keys, spelled in any case.
fn value_of<'a>(map: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| map.iter().find(|(own, _)| own.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

fn of_object(map: &Map<String, Value>, before: &str, outer: Option<Moment>, depth: usize, found: &mut Vec<Found>) {
    let own = TIMES.iter().find_map(|key| value_of(map, &[key]).and_then(of_value));
    let at = own.or_else(|| last_in(before)).or(outer);
    let message = MESSAGES.iter().find_map(|key| value_of(map, &[key])?.as_str());
    let mention = message.and_then(Mention::find).or_else(|| Mention::find(before)).or_else(|| Mention::flag(map));
    if let (Some(mention), Some(at)) = (&mention, at)
        && mention.is_escape
        && let Some(reason) = field(map, &REASON_FIELDS)
        && let Some(account) = field(map, &ACCOUNT_FIELDS)
    {
        found.push(Found::Escape(Event {
            at,
            account: number(account),
            reason: reason.as_str().unwrap_or_default().to_owned(),
            spelling: mention.spelling.clone(),
            hash: hash(&Value::Object(map.clone()).to_string()),
        }));
        return;
    }
    let so_far = found.len();
    for (key, value) in map {
        // the keys of a record by itself are no lines, but for the one that may hold a line
        let is_message = MESSAGES.iter().chain(&["log", "line", "textpayload", "_raw", "raw", "content"]);
        if value.is_string() && !is_message.clone().any(|name| key.eq_ignore_ascii_case(name)) {
            let text = value.as_str().unwrap_or_default();
            if !text.contains('{') && Mention::find(text).is_none() {
                continue;
            }
        }
        of_value_within(value, at, depth + 1, found);
    }
    if found.len() == so_far
        && let Some(level) = value_of(map, &["level", "l", "lvl", "severity", "loglevel"]).and_then(Value::as_str)
        && at.is_some()
    {
        found.push(Found::Other { at, is_detailed: is_detailed(level) });
    }
}

fn of_value_within(value: &Value, outer: Option<Moment>, depth: usize, found: &mut Vec<Found>) {
    // lists are no wrapper of a line but hold many
    match value {
        _ if depth > 2 * DEEPEST => {}
        Value::String(text) => of_text(text, outer, depth, found),
        Value::Object(map) => of_object(map, "", outer, depth, found),
        // a text that a journal writes as its bytes
        Value::Array(items)
            if items.len() > 8 && items.iter().all(|item| item.as_u64().is_some_and(|byte| byte < 256)) =>
        {
            let bytes: Vec<u8> = items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok()).collect();
            of_text(&without_colours(&String::from_utf8_lossy(&bytes)), outer, depth + 1, found);
        }
        // Loki: a time and a line
        Value::Array(items) if items.len() >= 2 && items[0].is_string() && of_value(&items[0]).is_some() => {
            of_value_within(&items[1], of_value(&items[0]), depth + 1, found);
        }
        Value::Array(items) => items.iter().for_each(|item| of_value_within(item, outer, depth + 1, found)),
        _ => {}
    }
}

/// A line without any JSON: `time level message key=value ...`.
fn of_plain(text: &str, outer: Option<Moment>, found: &mut Vec<Found>) {
    let Some(mention) = Mention::find(text) else {
        let level = text.split_whitespace().take(8).find_map(|word| {
            let word = word.rsplit('=').next().unwrap_or(word).trim_matches(|c: char| !c.is_ascii_alphabetic());
            LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level)).then_some(word)
        });
        let at = last_in(text.get(..text.len().min(160)).unwrap_or(text)).or(outer);
        if let (Some(level), Some(_)) = (level, at) {
            found.push(Found::Other { at, is_detailed: is_detailed(level) });
        }
        return;
    };
    let at = last_in(&text[..mention.at]).or_else(|| time_field(text)).or(outer);
    let word = |names: &[&str]| names.iter().find_map(|name| word_of(text, name));
    if let (true, Some(at), Some(account), Some(reason)) =
        (mention.is_escape, at, word(&ACCOUNT_FIELDS), word(&REASON_FIELDS))
    {
        found.push(Found::Escape(Event {
            at,
            account: account.parse().ok(),
            reason,
            spelling: mention.spelling,
            hash: hash(&text[mention.at..]),
        }));
    }
}

/// `ts=...` or `time="..."` anywhere in a line.
fn time_field(text: &str) -> Option<Moment> {
    ["time", "ts", "timestamp"].iter().find_map(|name| {
        let value = word_of(text, name)?;
        instant(&value).or_else(|| super::time::unix(value.parse().ok()?))
    })
}

const LEVELS: [&str; 12] =
    ["trace", "debug", "info", "notice", "warn", "warning", "error", "err", "dpanic", "panic", "fatal", "critical"];

/// Whether a log with lines of this level has those of level INFO as well.
fn is_detailed(level: &str) -> bool {
    ["trace", "debug", "info"].iter().any(|name| level.eq_ignore_ascii_case(name))
}

const ACCOUNT_FIELDS: [&str; 8] = [
    "sticky_account_id",
    "from_account_id",
    "bound_account_id",
    "account_id",
    "provider_id",
    "accountid",
    "account",
    "provider",
];
const REASON_FIELDS: [&str; 5] = ["sticky_escape_reason", "escape_reason", "reason", "cause", "why"];

/// Letters and digits only, in lower case: `accountId`, `account-id` and `account_id` are one name.
pub(super) fn plainly(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn field<'a>(map: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        map.iter().find(|(key, value)| plainly(key) == plainly(name) && !value.is_null()).map(|(_, value)| value)
    })
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Object(map) => map.get("id")?.as_i64(),
        other => other.as_i64().or_else(|| other.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64)),
    }
}

/// What follows `name=`, `name:` or `"name":` in a line.
fn word_of(text: &str, name: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(name).find_map(|(at, _)| {
        let starts = at == 0 || !lower.as_bytes()[at - 1].is_ascii_alphanumeric() && lower.as_bytes()[at - 1] != b'_';
        let rest = text.get(at + name.len()..)?.trim_start_matches('"').trim_start();
        let rest = rest.strip_prefix(['=', ':']).filter(|_| starts)?.trim_start();
        let value = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ')' | ']' | ';')).next()?,
        };
        (!value.is_empty()).then(|| value.to_owned())
    })
}

fn hash(text: &str) -> u64 {
    xxhash_rust::xxh64::xxh64(text.trim().as_bytes(), 0)
}

/// A place where a text speaks of sticky escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) at: usize,
    pub(super) spelling: String,
    /// Whether it says that an escape happened. Otherwise it is a setting or something of the kind.
    pub(super) is_escape: bool,
}

/// What may follow `sticky_escape` where an escape happened; that nothing follows is possible as well.
const HAPPENED: [&str; 9] = ["", "triggered", "trigger", "fired", "fire", "escaped", "activated", "hit", "happened"];

impl Mention {
    /// The first in a text: `sticky_escape_triggered`, `openai.sticky-escape-triggered`, `Sticky escape triggered`,
    /// and the like.
    pub(super) fn find(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let is_gap = |at: usize| bytes.get(at).is_some_and(|byte| matches!(byte, b'_' | b'-' | b' ' | b'.'));
        let mut mentioned = None;
        for (at, word) in lower.match_indices("sticky") {
            let mut end = at + word.len();
            end += usize::from(is_gap(end));
            if !lower.get(end..).is_some_and(|rest| rest.starts_with("escape")) {
                continue;
            }
            end += "escape".len();
            let next = end + usize::from(is_gap(end));
            let length = bytes[next.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            let then = &lower[next.min(bytes.len())..next.min(bytes.len()) + length];
            // `sticky_escape_error_rate`: the word goes on
            let goes_on = bytes.get(next + length).is_some_and(|byte| matches!(byte, b'_' | b'-'));
            let known = HAPPENED.contains(&then) && !goes_on;
            let is_escape = known || (is_gap(end) && bytes[end] == b' ' && !then.is_empty());
            let before = bytes[..at].iter().rev().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
            let start = at - before.count();
            let stop = if known && !then.is_empty() { next + length } else { end };
            let mention = Self { at, spelling: text[start..stop].to_owned(), is_escape };
            if is_escape {
                return Some(mention);
            }
            mentioned.get_or_insert(mention);
        }
        mentioned
    }

    /// Whether it can be nothing but an escape, so that a line that cannot be read is one too few.
    pub(super) fn is_triggered(&self) -> bool {
        plainly(&self.spelling).ends_with("stickyescapetriggered")
    }

    /// A record of a decision that says it in a field of its own: `"sticky_escape_triggered": true`.
    fn flag(map: &Map<String, Value>) -> Option<Self> {
        let (key, _) =
            map.iter().find(|(key, value)| plainly(key) == "stickyescapetriggered" && **value == Value::Bool(true))?;
        Some(Self { at: 0, spelling: format!("{key}: true"), is_escape: true })
    }
}
