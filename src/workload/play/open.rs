//! The open loop: requests arrive at their recorded times.
//!
//! Nobody says when a session is over: it is when no row came for a while after its last request ended. Then its slot
//! serves another one; a later row of that name is a new session (with the same session hash).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::feed::{Feed, Play};
use super::maker::Maker;
use crate::engine::IdMap;
use crate::ids::SessionRef;
use crate::units::{Span, Time};
use crate::workload::{Error, Request, SessionHash};

#[derive(Debug)]
pub(super) struct OpenLoop {
    idle: Span,
    ahead: Option<(Time, Play)>,
    exhausted: bool,
    /// Live sessions by slot.
    live: Vec<Option<Live>>,
    by_name: IdMap<u64, u32>,
    /// Every session of which nothing is under way has one entry: when to look whether it is over.
    checks: BinaryHeap<Reverse<(Time, u64, u32)>>,
}

#[derive(Debug)]
struct Live {
    session: SessionRef,
    name: u64,
    hash: SessionHash,
    turns: u32,
    under_way: u32,
    last_end: Time,
    in_checks: bool,
}

impl OpenLoop {
    pub(super) fn new(idle: Span) -> Self {
        Self {
            idle,
            ahead: None,
            exhausted: false,
            live: Vec::new(),
            by_name: IdMap::default(),
            checks: BinaryHeap::new(),
        }
    }

    pub(super) fn peek(&mut self, feed: &mut Feed, maker: &mut Maker) -> Result<Option<Time>, Error> {
        while self.ahead.is_none() && !self.exhausted {
            let Some(play) = feed.next()? else {
                self.exhaust(maker);
                break;
            };
            let at = maker.time_of(play.row.at);
            if maker.is_over(at) {
                self.exhaust(maker);
                break;
            }
            let known = play.session.is_none_or(|name| self.by_name.contains_key(&name));
            if known || maker.takes_sessions() {
                self.ahead = Some((at, play));
            }
        }
        Ok(self.ahead.as_ref().map(|&(at, _)| at))
    }

    pub(super) fn next(&mut self, feed: &mut Feed, maker: &mut Maker) -> Result<Option<Request>, Error> {
        self.peek(feed, maker)?;
        let Some((at, play)) = self.ahead.take() else { return Ok(None) };
        self.settle(at, maker);
        let session = play.session.and_then(|name| self.turn(name, &play, at, maker));
        let request = maker.request(play, at, session);
        // so that the sessions that are over now are known with this request
        self.peek(feed, maker)?;
        Ok(Some(request))
    }

    /// The session of this name, alive or new, and which turn of it this row is.
    fn turn(&mut self, name: u64, play: &Play, at: Time, maker: &mut Maker) -> Option<(SessionRef, SessionHash, u32)> {
        let known = self.by_name.get(&name).copied();
        let slot = known.unwrap_or_else(|| {
            let session = maker.slots.open();
            self.by_name.insert(name, session.slot);
            session_place(&mut self.live, session.slot);
            self.live[session.slot as usize] = Some(Live {
                session,
                name,
                hash: maker.session_hash(&play.row),
                turns: 0,
                under_way: 0,
                last_end: at,
                in_checks: false,
            });
            session.slot
        });
        let live = self.live[slot as usize].as_mut()?;
        live.turns += 1;
        live.under_way += 1;
        Some((live.session, live.hash, live.turns - 1))
    }

    pub(super) fn ended(&mut self, session: SessionRef, at: Time, maker: &mut Maker) {
        let Some(live) = self.live.get_mut(session.slot as usize).and_then(Option::as_mut) else { return };
        if live.session != session {
            return;
        }
        live.under_way = live.under_way.saturating_sub(1);
        live.last_end = at;
        if live.under_way == 0 && self.exhausted {
            self.retire(session.slot, maker);
        } else if live.under_way == 0 && !live.in_checks {
            live.in_checks = true;
            self.checks.push(Reverse((at + self.idle, session.number, session.slot)));
        }
        self.settle(at, maker);
    }

    /// Lets go of the sessions that were silent for long enough at `now`.
    fn settle(&mut self, now: Time, maker: &mut Maker) {
        while let Some(&Reverse((due, number, slot))) = self.checks.peek() {
            if due > now {
                return;
            }
            self.checks.pop();
            let Some(live) = self.live[slot as usize].as_mut().filter(|live| live.session.number == number) else {
                continue;
            };
            live.in_checks = false;
            if live.under_way == 0 {
                if live.last_end + self.idle > now {
                    live.in_checks = true;
                    self.checks.push(Reverse((live.last_end + self.idle, number, slot)));
                } else {
                    self.retire(slot, maker);
                }
            }
        }
    }

    /// Nothing more will come: all sessions of which nothing is under way are over.
    fn exhaust(&mut self, maker: &mut Maker) {
        self.exhausted = true;
        self.checks.clear();
        for slot in 0..self.live.len() {
            if self.live[slot].as_ref().is_some_and(|live| live.under_way == 0) {
                self.retire(slot as u32, maker);
            }
        }
    }

    fn retire(&mut self, slot: u32, maker: &mut Maker) {
        if let Some(live) = self.live[slot as usize].take() {
            self.by_name.remove(&live.name);
            maker.slots.close(live.session);
        }
    }
}

/// Makes room for a slot.
pub(super) fn session_place<T>(live: &mut Vec<Option<T>>, slot: u32) {
    while live.len() <= slot as usize {
        live.push(None);
    }
}
