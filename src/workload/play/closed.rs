//! The closed loop: a session's first request arrives at its recorded time, each later one a think time after the end
//! of the one before. The think time is the recorded one: from the latest recorded end of the session's earlier rows
//! (their arrival, where no end is recorded) to the row's arrival; none where they overlapped.
//!
//! A session may be played faster than it was recorded; then its next row lies further on in the trace than the run has
//! come. So before a request is given out, the trace is read as far as is needed to be sure that no session's still
//! unread row comes before it: a session that waits since `end` for its next row, with its last one recorded to end at
//! `recorded_end`, cannot send before `end + (position of the reader - recorded_end)`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::feed::{Feed, Play};
use super::maker::Maker;
use super::open::session_place;
use crate::engine::IdMap;
use crate::ids::SessionRef;
use crate::units::{Span, Time, agree, count};
use crate::workload::{Error, Request, SessionHash};

#[derive(Debug)]
pub(super) struct ClosedLoop {
    idle: Span,
    live: Vec<Option<Live>>,
    by_name: IdMap<u64, u32>,
    /// What is known to arrive, by time, then in order of planning.
    planned: BTreeMap<(Time, u64), Planned>,
    sequence: u64,
    /// Sessions that wait for a row still to be read, by the time at which the trace's start would be if it were played
    /// in step with them (in nanoseconds, may be negative); entries that no longer hold are dropped when they come up.
    waiting: BinaryHeap<Reverse<(i128, u64, u32, u32)>>,
    /// Sessions by when (in the trace) they are over if no row comes.
    checks: BinaryHeap<Reverse<(Span, u64, u32)>>,
    position: Span,
    exhausted: bool,
    now: Time,
    overlaps: u64,
    thinks: u64,
    thinks_from_arrivals: u64,
}

#[derive(Debug)]
enum Planned {
    Turn(SessionRef),
    Lone(Play),
}

#[derive(Debug)]
struct Live {
    session: SessionRef,
    name: u64,
    hash: SessionHash,
    turns: u32,
    /// Rows read but not played, with their think times.
    rows: VecDeque<(Span, Play)>,
    state: State,
    /// The latest recorded end of the rows read so far.
    recorded_end: Span,
    /// The last row had no end of its own.
    end_is_arrival: bool,
    /// No row will be added: another session goes on under its name.
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its next request is planned.
    Planned,
    /// A request of it is under way.
    UnderWay,
    /// Its last request ended then; the next row is not read yet.
    Waiting(Time),
}

impl ClosedLoop {
    pub(super) fn new(idle: Span) -> Self {
        Self {
            idle,
            live: Vec::new(),
            by_name: IdMap::default(),
            planned: BTreeMap::new(),
            sequence: 0,
            waiting: BinaryHeap::new(),
            checks: BinaryHeap::new(),
            position: Span::ZERO,
            exhausted: false,
            now: Time::ZERO,
            overlaps: 0,
            thinks: 0,
            thinks_from_arrivals: 0,
        }
    }

    pub(super) fn peek(&mut self, feed: &mut Feed, maker: &mut Maker) -> Result<Option<Time>, Error> {
        loop {
            let next = self.planned.first_key_value().map(|(&(at, _), _)| at);
            if self.exhausted || next.is_some_and(|next| self.nothing_before(next, maker)) {
                return Ok(match next {
                    Some(next) if maker.is_over(next) => {
                        self.stop(maker);
                        None
                    }
                    next => next,
                });
            }
            match feed.next()? {
                Some(play) => self.read(play, maker),
                None => self.exhaust(maker),
            }
        }
    }

    pub(super) fn next(&mut self, feed: &mut Feed, maker: &mut Maker) -> Result<Option<Request>, Error> {
        if self.peek(feed, maker)?.is_none() {
            return Ok(None);
        }
        let Some(((at, _), planned)) = self.planned.pop_first() else { return Ok(None) };
        self.now = at;
        let session = match planned {
            Planned::Lone(play) => return Ok(Some(maker.request(play, at, None))),
            Planned::Turn(session) => session,
        };
        let Some(live) = find(&mut self.live, session) else { return Ok(None) };
        let Some((_, play)) = live.rows.pop_front() else { return Ok(None) };
        live.state = State::UnderWay;
        let turn = live.turns;
        live.turns += 1;
        let hash = live.hash;
        Ok(Some(maker.request(play, at, Some((session, hash, turn)))))
    }

    pub(super) fn ended(&mut self, session: SessionRef, at: Time, maker: &mut Maker) {
        self.now = self.now.max(at);
        let Some(live) = find(&mut self.live, session) else { return };
        if let Some((think, _)) = live.rows.front() {
            let due = at + *think;
            live.state = State::Planned;
            self.plan(due, Planned::Turn(session));
        } else if live.closed || self.exhausted {
            self.retire(session.slot, maker);
        } else {
            live.state = State::Waiting(at);
            let in_step = i128::from(at.unix_nanos()) - i128::from(maker.scaled(live.recorded_end).nanos());
            self.waiting.push(Reverse((in_step, session.number, session.slot, live.turns)));
            self.checks.push(Reverse((live.recorded_end + self.idle, session.number, session.slot)));
        }
    }

    /// Whether no row that is still to be read can arrive before `at`.
    fn nothing_before(&mut self, at: Time, maker: &Maker) -> bool {
        if maker.time_of(self.position) < at {
            return false;
        }
        let position = i128::from(maker.scaled(self.position).nanos());
        while let Some(&Reverse((in_step, number, slot, turns))) = self.waiting.peek() {
            let holds = find(&mut self.live, SessionRef { slot, number })
                .is_some_and(|live| live.turns == turns && matches!(live.state, State::Waiting(_)));
            if holds {
                return in_step + position >= i128::from(at.unix_nanos());
            }
            self.waiting.pop();
        }
        true
    }

    fn read(&mut self, play: Play, maker: &mut Maker) {
        let at = play.row.at;
        self.position = at;
        self.settle(maker);
        let Some(name) = play.session else {
            self.plan(maker.time_of(at), Planned::Lone(play));
            return;
        };
        let ended = play.row.ended;
        if let Some(&slot) = self.by_name.get(&name)
            && let Some(live) = &mut self.live[slot as usize]
        {
            if live.recorded_end + self.idle > at {
                self.thinks += 1;
                self.overlaps += u64::from(at < live.recorded_end);
                self.thinks_from_arrivals += u64::from(live.end_is_arrival);
                let think = maker.scaled(at.saturating_sub(live.recorded_end));
                live.recorded_end = live.recorded_end.max(ended.unwrap_or(at));
                live.end_is_arrival = ended.is_none();
                live.rows.push_back((think, play));
                if let State::Waiting(end) = live.state {
                    live.state = State::Planned;
                    let session = live.session;
                    self.plan(end + think, Planned::Turn(session));
                }
                return;
            }
            // it lags behind so far that its name comes back as another session
            live.closed = true;
            self.by_name.remove(&name);
        }
        if !maker.takes_sessions() {
            return;
        }
        let session = maker.slots.open();
        session_place(&mut self.live, session.slot);
        self.by_name.insert(name, session.slot);
        self.live[session.slot as usize] = Some(Live {
            session,
            name,
            hash: maker.session_hash(&play.row),
            turns: 0,
            recorded_end: ended.unwrap_or(at),
            end_is_arrival: ended.is_none(),
            rows: VecDeque::from([(Span::ZERO, play)]),
            state: State::Planned,
            closed: false,
        });
        self.plan(maker.time_of(at), Planned::Turn(session));
    }

    fn plan(&mut self, at: Time, planned: Planned) {
        // rounding of a scaled time must not lead back
        self.planned.insert((at.max(self.now), self.sequence), planned);
        self.sequence += 1;
    }

    /// Lets go of the sessions that the trace has left alone for long enough.
    fn settle(&mut self, maker: &mut Maker) {
        while let Some(&Reverse((due, number, slot))) = self.checks.peek() {
            if due > self.position {
                return;
            }
            self.checks.pop();
            let over = find(&mut self.live, SessionRef { slot, number }).is_some_and(|live| {
                matches!(live.state, State::Waiting(_)) && live.recorded_end + self.idle <= self.position
            });
            if over {
                self.retire(slot, maker);
            }
        }
    }

    /// The trace is read out: no session that waits will get another row.
    fn exhaust(&mut self, maker: &mut Maker) {
        self.exhausted = true;
        for slot in 0..self.live.len() {
            if self.live[slot].as_ref().is_some_and(|live| matches!(live.state, State::Waiting(_))) {
                self.retire(slot as u32, maker);
            }
        }
    }

    /// Enough was sent: nothing that is planned will come.
    fn stop(&mut self, maker: &mut Maker) {
        self.planned.clear();
        self.exhaust(maker);
        for slot in 0..self.live.len() {
            if let Some(live) = &mut self.live[slot] {
                live.rows.clear();
                if live.state == State::Planned {
                    self.retire(slot as u32, maker);
                }
            }
        }
    }

    fn retire(&mut self, slot: u32, maker: &mut Maker) {
        if let Some(live) = self.live[slot as usize].take() {
            if self.by_name.get(&live.name) == Some(&slot) {
                self.by_name.remove(&live.name);
            }
            if live.turns > 0 {
                maker.slots.close(live.session);
            } else {
                maker.slots.cancel(live.session);
            }
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.thinks_from_arrivals > 0 {
            notes.push(format!(
                "{} of {} think times run from arrival to arrival: no end of the turn before was recorded",
                self.thinks_from_arrivals, self.thinks
            ));
        }
        if self.overlaps > 0 {
            let verb = agree(self.overlaps, "was", "were");
            let turns = count(self.overlaps, "turn");
            notes.push(format!("{turns} that overlapped an earlier one {verb} played after it"));
        }
        notes
    }
}

fn find(live: &mut [Option<Live>], session: SessionRef) -> Option<&mut Live> {
    live.get_mut(session.slot as usize).and_then(Option::as_mut).filter(|live| live.session == session)
}
