//! The gateway's `sticky_escape_triggered` lines, JSON or console form. They carry no request id: they are counted, by
//! account and time.

use std::io::Read as _;
use std::path::Path;

use crate::workload::Error;

/// Reasons, in the order of figures.
pub const REASONS: [&str; 3] = ["ttft", "error_rate", "concurrency_full"];

/// One escape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Escape {
    /// When, in s from the start of the log.
    pub at_s: f64,
    /// From which account.
    pub account: i64,
    /// A place in `REASONS`.
    pub reason: usize,
}

/// The escapes within the log's time, and what was left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escapes {
    /// In order of the file.
    pub all: Vec<Escape>,
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
}

/// Reads the escapes from `epoch_ms` on for `span_s` seconds; other lines are passed over.
///
/// # Errors
/// When it cannot be read, or every escape lies outside the log's time.
pub fn read(path: &Path, epoch_ms: Option<i64>, span_s: f64) -> Result<Escapes, Error> {
    let mut escapes = Escapes::default();
    let (mut outside, mut broken, mut first_outside) = (0_u64, 0_u64, None);
    let (mut lines, mut without_zone) = (0_u64, 0_u64);
    for line in readable(path)?.lines() {
        lines += 1;
        if !line.contains("sticky_escape_triggered") {
            continue;
        }
        let Some((at_ms, account, reason)) = parse(line) else {
            broken += 1;
            continue;
        };
        without_zone += u64::from(!has_zone(line));
        let at_s = epoch_ms.map_or(0.0, |epoch| (at_ms - epoch) as f64 / 1e3);
        if at_s < -5.0 || at_s > span_s + 5.0 {
            outside += 1;
            first_outside.get_or_insert(at_s);
            continue;
        }
        escapes.all.push(Escape { at_s, account, reason });
    }
    if let Some(off) = first_outside
        && escapes.all.is_empty()
    {
        let message = format!(
            "all {outside} escapes lie outside the log's time, the first by {:.2} h: another day, or another time zone",
            if off < 0.0 { off } else { off - span_s } / 3_600.0
        );
        return Err(Error::in_file(path, message, "give the escape log of the same period, with zones in its times"));
    }
    if let Some(off) = first_outside {
        escapes.notes.push(format!(
            "{outside} escapes outside the log's time are not counted, the first lies {:.2} h off it (a longer log, or times of \
             another zone among them)",
            (if off < 0.0 { -off } else { off - span_s }) / 3_600.0
        ));
    }
    if without_zone > 0 {
        escapes.notes.push(format!("{without_zone} escapes have times without a zone: UTC is assumed"));
    }
    if escapes.all.is_empty() && broken == 0 {
        escapes.notes.push(format!(
            "none of the {lines} lines of {} is an escape: taken for none at all (were lines of level INFO logged?)",
            path.display()
        ));
    }
    if broken > 0 {
        escapes
            .notes
            .push(format!("{broken} escape lines cannot be read (cut off, or of another form) and are not counted"));
    }
    Ok(escapes)
}

/// Time in ms since 1970, account, reason.
fn parse(line: &str) -> Option<(i64, i64, usize)> {
    let reason_of = |name: &str| REASONS.iter().position(|reason| *reason == name);
    let line = line.trim();
    if line.starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let at = ["time", "ts", "timestamp"].iter().find_map(|key| value.get(key))?;
        let at_ms = match at {
            serde_json::Value::String(text) => instant(text)?,
            // Unix seconds
            number => (number.as_f64()? * 1e3) as i64,
        };
        return Some((at_ms, value["account_id"].as_i64()?, reason_of(value["reason"].as_str()?)?));
    }
    // console form: time, level, logger, caller, message, then fields as JSON or key=value
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let at_ms = instant(first).or_else(|| instant(&format!("{first}T{}", words.next()?)))?;
    let fields = line.split_once("sticky_escape_triggered")?.1;
    if let Some(json) = fields.find('{').and_then(|at| fields.get(at..)) {
        let value: serde_json::Value = serde_json::from_str(json.trim()).ok()?;
        return Some((at_ms, value["account_id"].as_i64()?, reason_of(value["reason"].as_str()?)?));
    }
    let field = |name: &str| {
        fields
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .map(|v| v.trim_matches('"'))
    };
    Some((at_ms, field("account_id")?.parse().ok()?, reason_of(field("reason")?)?))
}

/// RFC 3339, the zone also as +0800; without a zone: UTC.
fn instant(text: &str) -> Option<i64> {
    let text = text.trim_matches(|c: char| c == '[' || c == ']');
    let bytes = text.as_bytes();
    let zone =
        bytes.len().checked_sub(5).filter(|&at| at > 10 && matches!(bytes[at], b'+' | b'-') && !text.ends_with('Z'));
    let text = match zone {
        Some(at) if bytes[at + 1..].iter().all(u8::is_ascii_digit) => {
            format!("{}:{}", text.get(..at + 3)?, text.get(at + 3..)?)
        }
        _ => text.to_owned(),
    };
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse());
    instant.ok().map(|instant| instant.as_millisecond())
}

/// Whether a line's time says its zone: any form that ends in Z or in an offset, and Unix seconds.
fn has_zone(line: &str) -> bool {
    if line.trim_start().starts_with('{') {
        return !line.contains("\"time\":\"") || ends_in_zone(line.split("\"time\":\"").nth(1).unwrap_or_default());
    }
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default();
    ends_in_zone(if first.contains('T') { first } else { words.next().unwrap_or_default() })
}

/// Whether a time (up to a quote or bracket) ends in Z or an offset.
fn ends_in_zone(time: &str) -> bool {
    let time = time.split(['"', ']']).next().unwrap_or_default();
    let clock = time.rsplit(['T', ' ']).next().unwrap_or_default();
    clock.ends_with('Z') || clock.contains(['+', '-'])
}

/// The whole text of a log.
fn readable(path: &Path) -> Result<String, Error> {
    let text = text(path)?;
    if text.contains('\0') {
        let message = "it is no text: expected the gateway's own log, JSON or console form";
        return Err(Error::in_file(path, message, "give the file with the sticky_escape_triggered lines"));
    }
    Ok(text)
}

/// The whole text of a file, unpacked if it is gzip.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read it", &error))?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let done = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked);
        done.map_err(|error| Error::io(path, "unpack it", &error))?;
        unpacked
    } else {
        bytes
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_and_all_zones_are_read() {
        let json = r#"{"level":"INFO","time":"2026-11-23T11:50:51.768Z","msg":"sticky_escape_triggered","account_id":3,"reason":"concurrency_full","error_rate":0,"ttft":140.3}"#;
        let console = "2026-11-23T19:50:51.768+0800\tINFO\tslog\tsticky_escape_triggered\t{\"account_id\": 3, \"reason\": \"concurrency_full\"}";
        let plain =
            "2026-11-23 11:50:51.768 INFO sticky_escape_triggered account_id=3 reason=concurrency_full ttft=140.3";
        for line in [json, console, plain] {
            assert_eq!(parse(line), Some((1_795_434_651_768, 3, 2)), "{line}");
        }
    }
}
