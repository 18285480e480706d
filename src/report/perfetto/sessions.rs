//! The sessions with the slowest turns, each as a track of its own: turn after turn, however often it changed accounts.

use std::io::Write;

use serde_json::json;

use super::events::{Events, Track};
use crate::ids::SessionRef;
use crate::measure::{Finished, Status};
use crate::units::{Span, Time};

/// So many sessions have a track.
const MOST: usize = 50;
/// So many turns of a session are kept.
const TURNS: usize = 500;

/// A turn.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Time,
    end: Time,
    felt: Option<Span>,
    account: Option<u32>,
    escaped: Option<&'static str>,
    status: Status,
    number: u64,
}

/// A session, under way or over.
#[derive(Clone, Debug)]
struct Session {
    number: u64,
    hash: String,
    worst: Span,
    turns: Vec<Turn>,
}

/// All sessions under way, and the worst that are over.
#[derive(Debug, Default)]
pub(super) struct Worst {
    live: Vec<Option<Session>>,
    worst: Vec<Session>,
}

impl Worst {
    pub fn turn(&mut self, finished: &Finished<'_>) {
        let Some(session) = finished.request.session else { return };
        let slot = session.slot as usize;
        if self.live.len() <= slot {
            self.live.resize_with(slot + 1, || None);
        }
        if let Some(stale) = self.live[slot].take_if(|live| live.number != session.number) {
            self.keep(stale);
        }
        let live = self.live[slot].get_or_insert_with(|| Session {
            number: session.number,
            hash: String::from_utf8_lossy(finished.request.session_hash.as_bytes()).into_owned(),
            worst: Span::ZERO,
            turns: Vec::new(),
        });
        let felt = finished.felt_ttft();
        // a turn without a first token was as slow as its client was kept
        live.worst = live.worst.max(felt.unwrap_or_else(|| finished.end.since(finished.request.at)));
        if live.turns.len() < TURNS {
            live.turns.push(Turn {
                at: finished.request.at,
                end: finished.end,
                felt,
                account: finished.account.map(|account| account.0),
                escaped: finished.escape.map(|reason| reason.name()),
                status: finished.status,
                number: finished.number,
            });
        }
    }

    pub fn over(&mut self, session: SessionRef) {
        let live = self.live.get_mut(session.slot as usize);
        if let Some(over) = live.and_then(|live| live.take_if(|live| live.number == session.number)) {
            self.keep(over);
        }
    }

    fn keep(&mut self, session: Session) {
        self.worst.push(session);
        if self.worst.len() >= 4 * MOST {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.worst.sort_by(|a, b| b.worst.cmp(&a.worst).then(a.number.cmp(&b.number)));
        self.worst.truncate(MOST);
    }

    /// Writes a track for each of the worst into this process. A turn is called slow over `slo`; `ids` are those of the
    /// accounts.
    pub fn write<W: Write>(&mut self, events: &mut Events<W>, process: u32, slo: Span, ids: &[i64]) {
        for session in std::mem::take(&mut self.live).into_iter().flatten() {
            self.worst.push(session);
        }
        self.cut();
        if self.worst.is_empty() {
            return;
        }
        events.process(process, "sessions with the slowest turns");
        for (lane, session) in (1..).zip(&self.worst) {
            let track = Track { process, lane };
            let worst = crate::report::format::time(session.worst.secs(), None);
            events.lane(track, &format!("{} (worst turn {worst})", session.hash));
            let mut turns = session.turns.clone();
            turns.sort_by_key(|turn| (turn.at, turn.number));
            let mut free = Time::ZERO;
            for (place, turn) in turns.iter().enumerate() {
                // turns that run at once would lie on each other: the later one begins when the earlier has ended
                let from = turn.at.max(free);
                if turn.end <= from {
                    continue;
                }
                free = turn.end;
                let account = turn.account.and_then(|account| ids.get(account as usize));
                let args = [
                    ("request", json!(turn.number)),
                    ("turn", json!(place + 1)),
                    ("account", json!(account)),
                    ("felt_ttft_ms", json!(turn.felt.map(Span::millis))),
                    ("escape", json!(turn.escaped)),
                    ("status", json!(turn.status.name())),
                ];
                events.slice(track, &turn.name(slo), from, turn.end.since(from), &args);
            }
        }
    }
}

impl Turn {
    /// What it was.
    fn name(&self, slo: Span) -> String {
        let base = match self.felt {
            _ if self.status != Status::Ok => self.status.name(),
            Some(felt) if felt > slo => "slow",
            _ => "ok",
        };
        if self.escaped.is_some() { format!("{base}, escaped") } else { base.to_owned() }
    }
}
