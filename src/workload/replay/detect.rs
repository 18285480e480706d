//! Telling a trace's format from its header or first record.

use std::path::Path;

use super::folder::is_session_file;
use super::format::Format;
use super::input::open_unpacked;
use super::table::Header;
use super::timestamp;
use crate::workload::Error;

/// How much of a file is looked at: more than any header or record of a line format.
const HEAD: usize = 1 << 18;

/// The format of a file or folder.
pub(super) fn detect(path: &Path) -> Result<Format, Error> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io(path, "open it", &error))?;
    if metadata.is_dir() {
        return detect_folder(path);
    }
    let mut head = Vec::new();
    open_unpacked(path)
        .and_then(|input| std::io::Read::read_to_end(&mut std::io::Read::take(input, HEAD as u64), &mut head))
        .map_err(|error| Error::io(path, "read it", &error))?;
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() {
        return Err(Error::in_file(path, "expected a trace, found an empty file", ""));
    }
    let found = if text.starts_with('{') { of_json(text) } else { of_csv(text) };
    found.ok_or_else(|| {
        let first: String = text.lines().next().unwrap_or("").chars().take(120).collect();
        let names = Format::ALL.map(Format::name).join(", ");
        Error::new(
            format!("this is no trace of a known format; it starts with: {first}"),
            format!("name its format, one of: {names}"),
        )
        .at(path, 1, 0)
    })
}

fn detect_folder(path: &Path) -> Result<Format, Error> {
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, "list it", &error))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if is_session_file(&path, Format::Weka) {
                return Ok(Format::Weka);
            } else if is_session_file(&path, Format::Codex) {
                return Ok(Format::Codex);
            }
        }
    }
    Err(Error::in_file(path, "expected a folder of Weka (.json) or Codex (.jsonl) sessions, found neither", ""))
}

fn of_json(text: &str) -> Option<Format> {
    let line = text.lines().next().unwrap_or("");
    let Ok(serde_json::Value::Object(record)) = serde_json::from_str::<serde_json::Value>(line) else {
        // a session file is one object, on one long line or on many
        return text.contains("\"requests\"").then_some(Format::Weka);
    };
    let has = |key: &str| record.contains_key(key);
    let rules = [
        (has("stickysim_trace") || has("at_s") || has("at"), Format::NativeJsonl),
        (has("outcome") && has("arrival_ms"), Format::GatewayLog),
        (has("chat_id") && has("parent_chat_id"), Format::Qwen),
        (has("payload") && has("type"), Format::Codex),
        (has("requests"), Format::Weka),
        (has("session_id") && has("input_length"), Format::RagPulse),
        (has("timestamp") && has("input_length") && has("output_length"), Format::Mooncake),
    ];
    rules.into_iter().find(|&(fits, _)| fits).map(|(_, format)| format)
}

fn of_csv(text: &str) -> Option<Format> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let header = Header::of(lines.next()?.as_bytes()).ok()?;
    let has = |name: &str| header.find(name).is_some();
    if has("ContextTokens") && has("GeneratedTokens") {
        if has("NumImages") {
            return Some(Format::AzureLmm2024);
        }
        // 2024 writes the zone
        let mut room = Vec::new();
        let first = lines.next().and_then(|line| header.record(line.as_bytes(), &mut room).ok());
        let first = first.as_ref().and_then(|record| record.optional(header.find("TIMESTAMP"))).unwrap_or("");
        let zoned = timestamp::date(first).is_some() && first.get(19..).is_some_and(|rest| rest.contains(['+', 'Z']));
        return Some(if zoned { Format::AzureLlm2024 } else { Format::AzureLlm2023 });
    }
    if has("Request tokens") && has("Response tokens") {
        return Some(if has("Session ID") { Format::BurstGpt3 } else { Format::BurstGpt });
    }
    (has("at_s") || has("at")).then_some(Format::NativeCsv)
}
