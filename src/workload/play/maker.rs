//! Makes requests of rows: numbers for sessions, users, connections and responses.

use std::collections::VecDeque;

use super::feed::Play;
use crate::engine::{IdMap, Luck};
use crate::ids::{ResponseId, SessionRef};
use crate::units::{Span, Time, agree, count};
use crate::workload::config::{ReplayConfig, SessionNames};
use crate::workload::replay::{PreviousResponse, TraceRow};
use crate::workload::{Previous, Request, SessionHash, purpose};

/// Connections of requests without a session count from here, those of sessions bear the sessions' numbers.
const LONE_CONNECTIONS: u64 = 1 << 39;

#[derive(Debug)]
pub(super) struct Maker {
    pub(super) config: ReplayConfig,
    pub(super) slots: Slots,
    luck: Luck,
    deal: u64,
    pub(super) start: Time,
    end: Time,
    users: IdMap<u64, u32>,
    responses: Responses,
    requests: u64,
    lone: u64,
}

impl Maker {
    pub(super) fn new(config: ReplayConfig, luck: Luck, start: Time) -> Self {
        Self {
            end: config.limits.duration.map_or(Time::NEVER, |duration| start + duration),
            slots: Slots::default(),
            luck,
            deal: luck.key(purpose::DEAL, 0, 0),
            start,
            users: IdMap::default(),
            responses: Responses { known: IdMap::default(), order: VecDeque::new(), unknown: 0 },
            requests: 0,
            lone: 0,
            config,
        }
    }

    /// A span of the trace as it is played.
    pub(super) fn scaled(&self, span: Span) -> Span {
        if self.config.time_scale == 1.0 { span } else { span.scale(self.config.time_scale) }
    }

    /// When something of the trace is to happen.
    pub(super) fn time_of(&self, at: Span) -> Time {
        self.start + self.scaled(at)
    }

    /// Whether nothing may arrive at `at` any more.
    pub(super) fn is_over(&self, at: Time) -> bool {
        at >= self.end || self.config.limits.requests.is_some_and(|limit| self.requests >= limit)
    }

    /// Whether one more session may start.
    pub(super) fn takes_sessions(&self) -> bool {
        self.config.limits.sessions.is_none_or(|limit| self.slots.started() < limit)
    }

    /// What the gateway's draw hashes for the session of this row.
    pub(super) fn session_hash(&self, row: &TraceRow) -> SessionHash {
        let Some(name) = row.session.as_deref() else { return SessionHash::EMPTY };
        match self.config.session_names {
            SessionNames::Redealt => SessionHash::dealt(name, self.deal),
            SessionNames::Raw => SessionHash::of_name(name),
        }
    }

    /// The request of a row that arrives at `at` as this turn of this session.
    pub(super) fn request(&mut self, play: Play, at: Time, session: Option<(SessionRef, SessionHash, u32)>) -> Request {
        let Play { row, version, luck, .. } = play;
        self.requests += 1;
        let connection = match session {
            Some((session, ..)) => session.number,
            None => {
                self.lone += 1;
                LONE_CONNECTIONS + self.lone
            }
        };
        let turn = session.map_or(0, |(.., turn)| turn);
        let named = |name: &str| xxhash_rust::xxh64::xxh64(name.as_bytes(), version);
        let previous = match &row.previous {
            PreviousResponse::None => Previous::None,
            PreviousResponse::Last => Previous::LastOfSession,
            PreviousResponse::Named(name) => self.responses.find(named(name)),
        };
        if let Some(name) = &row.response_id {
            self.responses.add(named(name), ResponseId { connection, turn }, at, self.config.session_idle);
        }
        let user = row.user.map(|user| {
            // a copy's users are others: an extra session is an extra client
            let next = self.users.len() as u32;
            *self.users.entry(u64::from(user) ^ version.rotate_left(32)).or_insert(next)
        });
        let drawn = |patience: &crate::engine::Distribution| {
            Span::from_secs_f64(patience.sample(&mut self.luck.stream(purpose::PATIENCE, luck, 0)))
        };
        Request {
            luck,
            at,
            session: session.map(|(session, ..)| session),
            session_hash: session.map_or(SessionHash::EMPTY, |(_, hash, _)| hash),
            turn,
            connection,
            previous,
            user,
            model: row.model,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            patience: row.patience.or_else(|| self.config.patience.as_ref().map(drawn)),
            recorded: row.recorded,
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.config.session_names == SessionNames::Raw && self.slots.started() > 0 {
            notes.push(
                "the trace's session names are taken as those that the gateway hashes (session_names: raw), so a \
                 session's draws are the same in every replication"
                    .to_owned(),
            );
        }
        let unknown = self.responses.unknown;
        if unknown > 0 {
            let (requests, verb) = (count(unknown, "request"), agree(unknown, "continues", "continue"));
            notes.push(format!("{requests} {verb} a response that the trace does not have, or not recently"));
        }
        notes
    }
}

/// Dense numbers for sessions, used again.
#[derive(Debug, Default)]
pub(super) struct Slots {
    next_number: u64,
    used: u32,
    free: Vec<u32>,
    retired: Vec<SessionRef>,
}

impl Slots {
    pub(super) fn open(&mut self) -> SessionRef {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        self.next_number += 1;
        SessionRef { slot, number: self.next_number - 1 }
    }

    /// Lets go of a session that has sent something.
    pub(super) fn close(&mut self, session: SessionRef) {
        self.retired.push(session);
    }

    /// Lets go of a session that nobody has heard of.
    pub(super) fn cancel(&mut self, session: SessionRef) {
        self.free.push(session.slot);
    }

    /// Says that a session is over. Only now may its slot serve another one.
    pub(super) fn retired(&mut self) -> Option<SessionRef> {
        let session = self.retired.pop()?;
        self.free.push(session.slot);
        Some(session)
    }

    pub(super) const fn started(&self) -> u64 {
        self.next_number
    }
}

/// Responses by what the trace calls them, forgotten after as long as sessions are.
#[derive(Debug)]
struct Responses {
    known: IdMap<u64, ResponseId>,
    order: VecDeque<(Time, u64)>,
    unknown: u64,
}

impl Responses {
    fn find(&mut self, name: u64) -> Previous {
        match self.known.get(&name) {
            Some(&response) => Previous::Response(response),
            None => {
                self.unknown += 1;
                Previous::None
            }
        }
    }

    fn add(&mut self, name: u64, response: ResponseId, now: Time, keep: Span) {
        while let Some(&(then, old)) = self.order.front() {
            if then + keep >= now {
                break;
            }
            self.order.pop_front();
            self.known.remove(&old);
        }
        self.known.insert(name, response);
        self.order.push_back((now, name));
    }
}
