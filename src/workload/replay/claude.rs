//! Claude Code transcripts: one JSONL file a session under `~/.claude/projects`, a line for each prompt, answer and
//! tool result. A row is one request to the model: it arrives with the last line before its answer that is not an
//! answer (the prompt, or the result of a tool) and ends with the answer's last line. An answer has a line for each of
//! its parts, all with the `id` of one message; its usage counts once, as it stands last.
//!
//! Subagents are sessions of their own (another context, so another prompt cache): by `agentId`, or by the prompt that
//! began them. There is no time to the first token in these files. Answers that stand in two files (a session that was
//! continued copies the one before) are read once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::line::{BadLine, bad_value, json};
use super::loose::{Name, or_default};
use super::names::Names;
use super::row::TraceRow;
use super::timestamp;
use crate::units::Span;
use crate::workload::Recorded;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Name<'a>,
    #[serde(borrow, default)]
    timestamp: Name<'a>,
    #[serde(borrow, default, rename = "sessionId")]
    session: Name<'a>,
    #[serde(borrow, default, rename = "agentId")]
    agent: Name<'a>,
    #[serde(borrow, default)]
    uuid: Name<'a>,
    #[serde(borrow, default, rename = "parentUuid")]
    parent: Name<'a>,
    #[serde(default, rename = "isSidechain", deserialize_with = "or_default")]
    aside: bool,
    #[serde(default, rename = "isApiErrorMessage", deserialize_with = "or_default")]
    failed: bool,
    #[serde(default)]
    message: Value,
}

/// One session file under way.
#[derive(Default)]
pub(super) struct Transcript {
    /// The last line that is no answer, by chain: when it was written.
    asked: BTreeMap<String, i128>,
    /// Of the lines of subagents: which prompt began their chain.
    chains: BTreeMap<String, String>,
    /// Answers by the chain and id of their message.
    answers: BTreeMap<(String, String), Answer>,
    /// Answers in the order of their first lines.
    order: Vec<(String, String)>,
    number: u64,
}

struct Answer {
    session: Box<str>,
    asked: i128,
    ended: i128,
    model: String,
    input: u64,
    cached: u64,
    output: u64,
    status: Option<u16>,
    failed: bool,
}

impl Transcript {
    /// Takes a line in.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), BadLine> {
        self.number += 1;
        let parsed: Line<'_> = json(line, "a line of a Claude Code transcript")?;
        let kind = parsed.kind.or_blank();
        if kind != "user" && kind != "assistant" {
            return Ok(());
        }
        let Some(at) = timestamp::date(parsed.timestamp.or_blank()) else {
            return Err(bad_value(line, "timestamp", "a date such as 2026-01-01T00:00:00Z"));
        };
        let chain = self.chain(&parsed);
        if kind == "user" {
            self.asked.insert(chain, at);
        } else {
            self.answer(&parsed, chain, at);
        }
        Ok(())
    }

    /// The name of the session or subagent that a line belongs to.
    fn chain(&mut self, line: &Line<'_>) -> String {
        let session = line.session.or_blank();
        let (agent, uuid, parent) = (line.agent.or_blank(), line.uuid.or_blank(), line.parent.or_blank());
        if !agent.is_empty() {
            return format!("{session}/{agent}");
        }
        if !line.aside {
            return session.to_owned();
        }
        let root = self.chains.get(parent).cloned().unwrap_or_else(|| uuid.to_owned());
        let chain = format!("{session}/{root}");
        self.chains.insert(uuid.to_owned(), root);
        chain
    }

    fn answer(&mut self, line: &Line<'_>, chain: String, at: i128) {
        let model = line.message["model"].as_str().unwrap_or("");
        // what the program says itself, as "no response requested", is no answer of a model
        if model == "<synthetic>" && !line.failed {
            return;
        }
        let id = match line.message["id"].as_str() {
            Some(id) if !line.failed => id.to_owned(),
            _ => format!("line {}", self.number),
        };
        let key = (chain, id);
        let asked = self.asked.get(&key.0).copied().unwrap_or(at).min(at);
        let answer = self.answers.entry(key.clone()).or_insert_with(|| {
            self.order.push(key.clone());
            Answer {
                session: key.0.as_str().into(),
                asked,
                ended: at,
                model: if line.failed { String::new() } else { model.to_owned() },
                input: 0,
                cached: 0,
                output: 0,
                status: None,
                failed: line.failed,
            }
        });
        answer.ended = answer.ended.max(at);
        let usage = &line.message["usage"];
        let tokens = |key: &str| usage[key].as_u64().unwrap_or(0);
        answer.cached = answer.cached.max(tokens("cache_read_input_tokens"));
        let input = tokens("input_tokens") + tokens("cache_creation_input_tokens") + tokens("cache_read_input_tokens");
        answer.input = answer.input.max(input);
        answer.output = answer.output.max(tokens("output_tokens"));
        if line.failed {
            answer.status = Some(status_in(&line.message).unwrap_or(502));
        }
    }

    /// The rows, from `origin` (Unix nanoseconds) on, without the answers that `known` says were read before; how many
    /// these were.
    pub(super) fn rows(
        mut self,
        origin: i128,
        names: &mut Names,
        mut known: impl FnMut(&str) -> bool,
    ) -> (Vec<TraceRow>, u64) {
        let mut rows = Vec::new();
        let mut twice = 0;
        for key in std::mem::take(&mut self.order) {
            let Some(answer) = self.answers.remove(&key) else { continue };
            if !answer.failed && known(&key.1) {
                twice += 1;
                continue;
            }
            let since = |nanos: i128| Span::from_nanos(u64::try_from(nanos - origin).unwrap_or(0));
            let (at, ended) = (since(answer.asked), since(answer.ended));
            let count = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
            let recorded = Recorded {
                duration: Some(ended.saturating_sub(at)),
                status: Some(answer.status.unwrap_or(200)),
                cached_tokens: (!answer.failed).then_some(count(answer.cached)),
                ..Recorded::default()
            };
            rows.push(TraceRow {
                at,
                session: Some(answer.session),
                model: names.model(&answer.model),
                input_tokens: count(answer.input),
                output_tokens: count(answer.output),
                ended: Some(ended),
                failed: answer.failed,
                recorded: Some(Box::new(recorded)),
                ..TraceRow::default()
            });
        }
        rows.sort_by_key(|row: &TraceRow| row.at);
        (rows, twice)
    }
}

/// The HTTP status in "API Error: 529 {...}".
fn status_in(message: &Value) -> Option<u16> {
    let text = match &message["content"] {
        Value::String(text) => text.as_str(),
        parts => parts[0]["text"].as_str()?,
    };
    let digits: String = text
        .split_once("API Error")?
        .1
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok().filter(|status| (400..600).contains(status))
}
