//! Qwen Bailian: JSON lines of `chat_id`, `parent_chat_id` (-1 at a chain's root), `timestamp` (seconds),
//! `input_length`, `output_length`, `type`, `turn`, `hash_ids`. A session is a chain of parents. Where a parent is
//! missing from the trace, the chain starts at the missing one, so siblings stay together.
//!
//! A chat is remembered for [`MEMORY`] after its arrival, so that memory does not grow with the file; a later child of
//! it counts as one whose parent is missing.

use std::collections::VecDeque;

use serde::Deserialize;

use super::line::{BadLine, LineFormat, LooseSeconds, bad_value, json};
use super::loose::Whole;
use super::names::Names;
use super::row::TraceRow;
use crate::engine::IdMap;
use crate::units::{Span, agree, count};

/// How long a chat may be continued.
const MEMORY: Span = Span::from_secs(4 * 3_600);

#[derive(Default)]
pub(super) struct Qwen {
    roots: IdMap<u64, i64>,
    order: VecDeque<(Span, i64)>,
    missing: u64,
}

#[derive(Deserialize)]
struct Line {
    chat_id: Whole<i64>,
    parent_chat_id: Whole<i64>,
    timestamp: LooseSeconds,
    input_length: Whole<u32>,
    output_length: Whole<u32>,
}

impl LineFormat for Qwen {
    fn row(&mut self, line: &[u8], _: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let parsed: Line = json(line, "a Qwen Bailian record")?;
        let LooseSeconds(nanos) = parsed.timestamp;
        let at = Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        while let Some(&(then, chat)) = self.order.front() {
            if then + MEMORY >= at {
                break;
            }
            self.order.pop_front();
            self.roots.remove(&(chat as u64));
        }
        let Some(chat) = parsed.chat_id.0 else { return Err(bad_value(line, "chat_id", "a whole number")) };
        // none: the root of a chain
        let parent = parsed.parent_chat_id.0.unwrap_or(-1);
        let root = if parent == -1 {
            chat
        } else if let Some(&root) = self.roots.get(&(parent as u64)) {
            root
        } else {
            self.missing += 1;
            self.remember(at, parent, parent);
            parent
        };
        self.remember(at, chat, root);
        Ok(Some(TraceRow {
            at,
            session: Some(format!("chat-{root}").into()),
            input_tokens: parsed.input_length.or_zero(),
            output_tokens: parsed.output_length.or_zero(),
            ..TraceRow::default()
        }))
    }

    fn notes(&self) -> Vec<String> {
        if self.missing == 0 {
            return Vec::new();
        }
        vec![format!(
            "{} {} one that the trace does not have: its session starts there",
            count(self.missing, "chat"),
            agree(self.missing, "continues", "continue")
        )]
    }
}

impl Qwen {
    fn remember(&mut self, at: Span, chat: i64, root: i64) {
        self.roots.insert(chat as u64, root);
        self.order.push_back((at, chat));
    }
}
