//! The sessions that suffered, and those with the slowest turns, turn by turn.

use crate::engine::IdMap;
use crate::ids::SessionRef;
use crate::measure::{Finished, Status};
use crate::scheduler::EscapeReason;
use crate::units::{Span, Time};

/// So many sessions are kept.
const MOST: usize = 12;
/// So many sessions that suffered are kept.
const HARMED: usize = 2_000;
/// So many sessions that did not are kept beside them.
const SPARED: usize = 3_000;
/// So many turns of a session are kept.
const TURNS: usize = 500;

/// A turn.
#[derive(Clone, Debug)]
pub(in crate::report::picture) struct Turn {
    pub at: Time,
    pub felt: Option<Span>,
    pub account: Option<u32>,
    pub escape: Option<EscapeReason>,
    pub cold: bool,
    pub status: Status,
    /// Ground truth: the account that answered was degraded.
    pub degraded: bool,
}

/// A session.
#[derive(Clone, Debug)]
pub(in crate::report::picture) struct Session {
    pub number: u64,
    pub hash: String,
    pub worst: Span,
    /// Turns over the limit, or without an answer.
    pub harm: u32,
    /// Whether it ever met a degraded account, or left one.
    pub touched: bool,
    /// Whether it had a turn while any account was degraded.
    near: bool,
    pub turns: Vec<Turn>,
    pub cut: bool,
}

/// All sessions under way, and the slowest that are over.
#[derive(Clone, Debug, Default)]
pub(super) struct Journeys {
    live: Vec<Option<Session>>,
    slowest: Vec<Session>,
    harmed: Vec<Session>,
    /// Those that had turns while an account was degraded and never met one: on the other side they may have.
    spared: Vec<Session>,
    /// So many accounts are degraded.
    ill: u32,
    /// Whether any account ever was. Until then all sessions are kept as those of an incident would be: a run in which
    /// slots run out has victims, too.
    ever_ill: bool,
    /// A turn over this is harm.
    limit: Span,
    /// Requests under way that were cold.
    cold: IdMap<u64, ()>,
}

impl Journeys {
    /// Harm is a turn over this limit.
    pub fn new(limit: Span) -> Self {
        Self { limit, ..Self::default() }
    }

    /// An account degraded, or recovered.
    pub fn health(&mut self, degraded: bool) {
        if degraded && !self.ever_ill {
            self.ever_ill = true;
            self.spared.clear();
            self.live.iter_mut().flatten().for_each(|session| session.near = false);
        }
        self.ill = if degraded { self.ill + 1 } else { self.ill.saturating_sub(1) };
    }

    pub fn cold(&mut self, request: u64) {
        self.cold.insert(request, ());
    }

    pub fn turn(&mut self, finished: &Finished<'_>) {
        let cold = self.cold.remove(&finished.number).is_some();
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
            harm: 0,
            touched: false,
            near: false,
            turns: Vec::new(),
            cut: false,
        });
        let felt = finished.felt_ttft();
        let failed = finished.status != Status::Ok;
        live.harm += u32::from(failed || felt.is_some_and(|felt| felt > self.limit));
        live.touched |= finished.degraded || finished.escape.is_some();
        live.near |= self.ill > 0 || !self.ever_ill;
        live.worst = live.worst.max(felt.unwrap_or(Span::ZERO));
        live.cut |= live.turns.len() >= TURNS;
        if live.turns.len() < TURNS {
            live.turns.push(Turn {
                at: finished.request.at,
                felt,
                account: finished.account.map(|account| account.0),
                escape: finished.escape,
                cold,
                status: finished.status,
                degraded: finished.degraded,
            });
        }
    }

    pub fn over(&mut self, session: SessionRef) {
        let live = self.live.get_mut(session.slot as usize);
        if let Some(over) = live.and_then(|live| live.take_if(|live| live.number == session.number)) {
            self.keep(over);
        }
    }

    pub fn run_over(&mut self) {
        for session in std::mem::take(&mut self.live).into_iter().flatten() {
            self.keep(session);
        }
        self.cut();
        self.cut_harmed();
        self.cut_spared();
    }

    /// Those that an incident touched and harmed, the most harmed first; where there are none, the slowest.
    pub fn to_tell(&self) -> &[Session] {
        let harmed = self.harmed.iter().take(MOST).take_while(|session| session.harm > 0).count();
        if harmed > 0 { &self.harmed[..harmed] } else { &self.slowest }
    }

    /// Those that met a degraded account or escaped, the most harmed first.
    pub fn harmed(&self) -> &[Session] {
        &self.harmed
    }

    /// The session of this number, if it is kept as one of those that suffered here or might have elsewhere.
    pub fn find(&self, number: u64) -> Option<&Session> {
        self.harmed.iter().chain(&self.spared).find(|session| session.number == number)
    }

    fn keep(&mut self, session: Session) {
        if session.touched {
            self.harmed.push(session.clone());
            if self.harmed.len() >= 2 * HARMED {
                self.cut_harmed();
            }
        } else if session.near {
            self.spared.push(session.clone());
            if self.spared.len() >= 2 * SPARED {
                self.cut_spared();
            }
        }
        let enough = self.slowest.len() >= MOST;
        if enough && self.slowest[..MOST].iter().all(|other| other.worst >= session.worst) {
            return;
        }
        self.slowest.push(session);
        if self.slowest.len() >= 2 * MOST {
            self.cut();
        }
    }

    fn cut_harmed(&mut self) {
        self.harmed.sort_by(|a, b| b.harm.cmp(&a.harm).then(b.worst.cmp(&a.worst)).then(a.number.cmp(&b.number)));
        self.harmed.truncate(HARMED);
    }

    /// Which ones stay does not depend on how they fared.
    fn cut_spared(&mut self) {
        self.spared.sort_by_key(|session| session.number);
        self.spared.truncate(SPARED);
    }

    fn cut(&mut self) {
        self.slowest.sort_by(|a, b| b.worst.cmp(&a.worst).then(a.number.cmp(&b.number)));
        self.slowest.truncate(MOST);
    }
}
