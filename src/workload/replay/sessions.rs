//! Which program's session a transcript is, and when it started, by its first lines. Codex wrote three generations of
//! files (flat lines until mid 2025, no `task_complete` until 2026), Claude Code writes one.

use serde_json::{Map, Value};

use super::input::Opened;
use super::timestamp;
use crate::workload::Error;

/// Whose transcript a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Codex, with turns.
    Codex,
    /// Codex of a time when its files held no turns that one could play.
    OldCodex,
    /// Claude Code.
    Claude,
    /// Other JSON lines.
    Other,
}

/// What the first lines of a transcript say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) kind: Kind,
    /// When it started, in Unix nanoseconds, rounded down to a second (turns carry whole seconds).
    pub(super) start: i128,
}

/// How much is looked at, and how much where that holds no whole line.
const LOOKS: [usize; 2] = [1 << 16, 1 << 23];

/// Looks at a file's first lines.
pub(super) fn look(opened: &mut Opened) -> Result<Look, Error> {
    let path = opened.path().to_path_buf();
    for length in LOOKS {
        let head = opened.head(length)?;
        let is_all = head.len() < length;
        let mut kind = None;
        for line in head.split_inclusive(|&byte| byte == b'\n') {
            let is_whole = is_all || line.ends_with(b"\n");
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
            if line.is_empty() {
                continue;
            }
            let Ok(record) = serde_json::from_slice::<Map<String, Value>>(line) else {
                if is_whole && kind.is_none() {
                    return Err(expected().at(&path, 1, 0));
                }
                continue;
            };
            let kind = *kind.get_or_insert_with(|| kind_of(&record));
            if kind == Kind::Other {
                return Ok(Look { kind, start: 0 });
            }
            if let Some(nanos) = record.get("timestamp").and_then(Value::as_str).and_then(timestamp::date) {
                return Ok(Look { kind, start: nanos - nanos.rem_euclid(1_000_000_000) });
            }
        }
        if is_all && kind == Some(Kind::Claude) {
            // nothing but summaries: a file without requests
            return Ok(Look { kind: Kind::Other, start: 0 });
        }
    }
    Err(expected().at(&path, 1, 0))
}

fn expected() -> Error {
    Error::new("expected a session of Codex or Claude Code, whose first line has a `timestamp`", "leave this file out")
}

fn kind_of(record: &Map<String, Value>) -> Kind {
    if is_codex(record) {
        Kind::Codex
    } else if is_old_codex(record) {
        Kind::OldCodex
    } else if is_claude(record) {
        Kind::Claude
    } else {
        Kind::Other
    }
}

/// `{timestamp, type, payload}`.
pub(super) fn is_codex(record: &Map<String, Value>) -> bool {
    record.contains_key("payload") && record.contains_key("type")
}

/// The first line of the flat generation: `{id, timestamp, instructions}`, later with `git`.
pub(super) fn is_old_codex(record: &Map<String, Value>) -> bool {
    let has = |key: &str| record.contains_key(key);
    has("id") && has("timestamp") && (has("instructions") || has("git")) && !has("message")
}

/// A message, or one of the lines that may stand before the first: a summary, a snapshot, a queued prompt.
pub(super) fn is_claude(record: &Map<String, Value>) -> bool {
    let has = |key: &str| record.contains_key(key);
    match record.get("type").and_then(Value::as_str).unwrap_or("") {
        "summary" => has("leafUuid"),
        "file-history-snapshot" => has("messageId"),
        "user" | "assistant" | "system" | "attachment" | "progress" => has("sessionId") && has("uuid"),
        "queue-operation" | "last-prompt" | "custom-title" | "ai-title" | "agent-name" | "permission-mode" | "mode" => {
            has("sessionId")
        }
        _ => false,
    }
}
