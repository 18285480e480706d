//! Telling a trace's format from its header or first record. A format needs evidence: the keys or columns that it must
//! have, with values of their kind. What has none is named by what it looks like (`looks`), never taken for the
//! nearest.

use std::path::Path;

use serde_json::Value;

use super::folder::is_session_file;
use super::format::Format;
use super::input::{Opened, is_read_once};
use super::looks::{self, first_record};
use super::sessions;
use super::table::{Fields, Header};
use super::timestamp;
use super::usage;
use crate::workload::Error;

/// How much of a file is looked at: more than any header or record of a line format.
const HEAD: usize = 1 << 18;

/// A format, and by what it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detected {
    pub(super) format: Format,
    /// In words, such as "`timestamp` and `input_length` in its first record".
    pub(super) by: String,
}

/// The format of a folder of sessions: that of its first session file; of Codex and Claude Code files together, both.
pub(super) fn of_folder(path: &Path) -> Result<Detected, Error> {
    let mut folders = vec![path.to_path_buf()];
    let mut seen: Option<Format> = None;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, "list it", &error))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if is_session_file(&path, Format::Weka) && seen.is_none() && is_weka(&path) {
                return Ok(Detected { format: Format::Weka, by: "session files with `requests`".to_owned() });
            } else if is_session_file(&path, Format::Codex) {
                let kind =
                    Opened::new(&path).and_then(|mut opened| sessions::look(&mut opened)).ok().map(|look| look.kind);
                let format = match kind {
                    Some(sessions::Kind::Codex | sessions::Kind::OldCodex) => Format::Codex,
                    Some(sessions::Kind::Claude) => Format::Claude,
                    Some(sessions::Kind::Other) | None => continue,
                };
                if seen.is_some_and(|seen| seen != format) {
                    return Ok(Detected { format: Format::Transcripts, by: "session files of both kinds".to_owned() });
                }
                seen = Some(format);
            }
        }
    }
    let message = "expected a folder of Weka (.json), Codex or Claude Code (.jsonl) sessions, found none of them";
    seen.map(|format| Detected { format, by: "its session files".to_owned() })
        .ok_or_else(|| Error::in_file(path, message, "name a file in it, or another folder"))
}

/// Whether a file in a folder is one of the WEKA corpus: other JSON files lie in folders, too.
fn is_weka(path: &Path) -> bool {
    let Ok(mut opened) = Opened::new(path) else { return false };
    let Ok(head) = opened.head(HEAD) else { return false };
    of_text(&String::from_utf8_lossy(head)).is_some_and(|found| found.format == Format::Weka)
}

/// The format of a file by its first bytes.
pub(super) fn of_file(opened: &mut Opened) -> Result<Detected, Error> {
    let path = opened.path().to_path_buf();
    let head = opened.head(HEAD)?;
    if let Some(by) = usage::evidence(head) {
        return Ok(Detected { format: Format::Usage, by: by.to_owned() });
    }
    if let Some(what) = looks::of_bytes(head) {
        return Err(Error::in_file(&path, format!("this is no trace but {}", what.is), what.remedy));
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        let remedy = if is_read_once(&path) {
            "a pipe can be read only once; it was read before, or nothing was written to it"
        } else {
            ""
        };
        return Err(Error::in_file(&path, "expected a trace, found an empty file", remedy));
    }
    of_text(text).ok_or_else(|| unknown(text).at(&path, 1, 0))
}

fn of_text(text: &str) -> Option<Detected> {
    if text.starts_with('{') { of_json(text) } else { of_csv(text) }
}

/// What there is to say of a text of no known format.
fn unknown(text: &str) -> Error {
    let names = Format::ALL.map(Format::name).join(", ");
    match looks::of_text(text) {
        Some(what) => Error::new(format!("this is no trace of a known format: it looks like {}", what.is), what.remedy),
        None => {
            let first = looks::shown(text.lines().next().unwrap_or(""), 120);
            Error::new(
                format!("this is no trace of a known format; it starts with: {first}"),
                format!("see {} for how to make one of it, or name its format, one of: {names}", looks::GUIDE),
            )
        }
    }
}

fn found(format: Format, by: &[&str]) -> Detected {
    let names: Vec<String> = by.iter().map(|name| format!("`{name}`")).collect();
    Detected { format, by: names.join(", ") }
}

fn of_json(text: &str) -> Option<Detected> {
    let Some(record) = first_record(text) else {
        // a session of the WEKA corpus is one object, on one long line or on many: requests with `t`
        return weka_head(text).then(|| found(Format::Weka, &["requests", "t"]));
    };
    let has = |key: &str| record.contains_key(key);
    let is_number = |key: &str| record.get(key).is_some_and(Value::is_number);
    let is_text = |key: &str| record.get(key).is_some_and(Value::is_string);
    let is_lengths = has("input_length") && has("output_length");
    let is_ragpulse = is_lengths && has("session_id") && is_text("timestamp");
    let by_blocks = is_lengths && has("session_id") && record.get("hash_ids").is_some_and(Value::is_object);
    let rules = [
        (has("stickysim_trace"), Format::NativeJsonl, ["stickysim_trace"].as_slice()),
        (has("at_s"), Format::NativeJsonl, &["at_s"]),
        (has("at"), Format::NativeJsonl, &["at"]),
        (has("outcome") && has("arrival_ms"), Format::GatewayLog, &["outcome", "arrival_ms"]),
        (has("chat_id") && has("parent_chat_id"), Format::Qwen, &["chat_id", "parent_chat_id"]),
        (sessions::is_codex(&record), Format::Codex, &["payload", "type"]),
        (sessions::is_old_codex(&record), Format::Codex, &["id", "timestamp", "instructions"]),
        (sessions::is_claude(&record), Format::Claude, &["sessionId", "type"]),
        (record.get("requests").is_some_and(is_weka_list), Format::Weka, &["requests", "t"]),
        (is_ragpulse, Format::RagPulse, &["session_id", "input_length", "timestamp (a text)"]),
        (by_blocks, Format::RagPulse, &["session_id", "input_length", "hash_ids (a map)"]),
        (
            is_lengths && (is_number("timestamp") || is_number("delay")),
            Format::Mooncake,
            &["timestamp (a number)", "input_length", "output_length"],
        ),
    ];
    rules.into_iter().find(|&(fits, ..)| fits).map(|(_, format, by)| found(format, by))
}

/// Whether these are a session's requests: objects with `t`.
fn is_weka_list(requests: &Value) -> bool {
    let Some(requests) = requests.as_array() else { return false };
    requests.first().is_none_or(|first| first.get("t").is_some())
}

/// The same of an object of which only the beginning is at hand, or that goes over many lines.
fn weka_head(text: &str) -> bool {
    if let Ok(Value::Object(record)) = serde_json::from_str::<Value>(text) {
        return record.get("requests").is_some_and(is_weka_list);
    }
    let Some((_, requests)) = text.split_once("\"requests\"") else { return false };
    let Some(requests) = requests.trim_start().strip_prefix(':') else { return false };
    let Some(first) = requests.trim_start().strip_prefix('[') else { return false };
    let first: String = first.chars().take(4_096).collect();
    first.match_indices("\"t\"").any(|(at, key)| first[at + key.len()..].trim_start().starts_with(':'))
}

fn of_csv(text: &str) -> Option<Detected> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let header = Header::of(lines.next()?.as_bytes()).ok()?;
    let has = |name: &str| header.find(name).is_some();
    if has("ContextTokens") && has("GeneratedTokens") {
        let by = ["ContextTokens", "GeneratedTokens"];
        if has("NumImages") {
            return Some(found(Format::AzureLmm2024, &by));
        }
        // 2024 writes the zone
        let mut room = Fields::default();
        let first = lines.next().and_then(|line| header.record(line.as_bytes(), &mut room).ok());
        let first = first.as_ref().and_then(|record| record.optional(header.find("TIMESTAMP"))).unwrap_or("");
        let zoned = timestamp::date(first).is_some() && first.get(19..).is_some_and(|rest| rest.contains(['+', 'Z']));
        return Some(found(if zoned { Format::AzureLlm2024 } else { Format::AzureLlm2023 }, &by));
    }
    if has("Request tokens") && has("Response tokens") {
        let format = if has("Session ID") { Format::BurstGpt3 } else { Format::BurstGpt };
        return Some(found(format, &["Request tokens", "Response tokens"]));
    }
    let by: &[&str] = if has("at_s") { &["at_s"] } else { &["at"] };
    (has("at_s") || has("at")).then(|| found(Format::NativeCsv, by))
}
