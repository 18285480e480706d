//! Synthetic workloads: sessions from distributions.
//!
//! What a session is like (turns, tokens, think times, patience) comes from one stream keyed by the session's number
//! and drawn in a fixed order, a word for each question even where its answer is constant. So no policy changes it,
//! and turning one knob leaves the answers to all other questions as they were.
mod arrivals;
mod equilibrium;
mod presets;
#[cfg(test)]
mod tests;

use crate::engine::{Agenda, IdMap, Luck, Stream};
use crate::ids::{ModelId, SessionRef};
use crate::units::{Span, Time};
use crate::workload::config::{InputModel, Start, SynthConfig, SynthTiming};
use crate::workload::{Ending, Error, Previous, Request, SessionHash, Workload, purpose};

use arrivals::ArrivalClock;
pub use equilibrium::Expected;
use equilibrium::{Equilibrium, UnderWay};

/// Bits of a request's luck that hold its turn; the session's number stands above them.
const TURN_BITS: u32 = 24;

/// Days of the agenda of turns: some minutes, longer than most pauses.
const TURNS_REACH: usize = 512;

/// Connections of requests without a session count from here, those of sessions bear the sessions' numbers.
const LONE_CONNECTIONS: u64 = 1 << 39;

/// Sessions that are under way at the start count from here: however many there are, later ones keep their numbers, and
/// with them their luck.
const UNDER_WAY_NUMBERS: u64 = 1 << 31;

/// A synthetic workload under way.
#[derive(Clone, Debug)]
pub struct SynthWorkload {
    config: SynthConfig,
    luck: Luck,
    start: Time,
    end: Time,
    arrivals: ArrivalClock,
    next_session: Option<Time>,
    /// Planned turns: time, session number, slot, packed so that one integer comparison orders them.
    turns: Agenda,
    slots: Vec<Live>,
    free: Vec<u32>,
    /// Slots of the clients that send no session, by number: their requests do not name it.
    sessionless: IdMap<u64, u32>,
    retired: Vec<SessionRef>,
    models: Vec<String>,
    cumulative_weights: Vec<f64>,
    next_number: u64,
    requests: u64,
}

/// A session that still sends.
#[derive(Clone, Debug)]
struct Live {
    number: u64,
    stream: Stream,
    hash: SessionHash,
    turn: u32,
    turns: u32,
    input: f64,
    model: ModelId,
    user: Option<u32>,
    sends_session: bool,
    /// Whether it has sent anything since the start.
    seen: bool,
    /// Whether its next turn is in the heap.
    planned: bool,
    /// Its requests that have not ended (more than one in an open loop only).
    under_way: u32,
}

impl SynthWorkload {
    /// A workload that starts at `start`.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn new(config: SynthConfig, luck: Luck, start: Time) -> Result<Self, Error> {
        for (what, share) in [
            ("the share of clients without a session", config.sessionless_share),
            ("the probability of a compaction", config.input.compaction_probability),
            ("what a compaction leaves", config.input.compaction_factor),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::new(format!("{what} must be between 0 and 1, not {share}"), ""));
            }
        }
        let mut total = 0.0;
        let mut cumulative_weights = Vec::new();
        for (model, weight) in &config.models {
            if !(*weight >= 0.0 && weight.is_finite()) {
                return Err(Error::new(format!("the weight of model {model} must be 0 or more, not {weight}"), ""));
            }
            total += weight;
            cumulative_weights.push(total);
        }
        if total <= 0.0 && !config.models.is_empty() {
            return Err(Error::new("the weights of the models sum to 0", "give at least one model a weight above 0"));
        }
        if config.models.len() >= usize::from(u16::MAX) {
            return Err(Error::new("more than 65,534 models", ""));
        }
        let names = config.models.iter().map(|(name, _)| name.clone());
        let mut workload = Self {
            arrivals: ArrivalClock::new(&config.arrivals, luck, config.start != Start::Empty)?,
            luck,
            start,
            end: config.limits.duration.map_or(Time::NEVER, |duration| start + duration),
            next_session: None,
            turns: Agenda::new(TURNS_REACH),
            slots: Vec::new(),
            free: Vec::new(),
            sessionless: IdMap::default(),
            retired: Vec::new(),
            models: std::iter::once(String::new()).chain(names).collect(),
            cumulative_weights,
            next_number: 0,
            requests: 0,
            config,
        };
        // a limit of no requests leaves none to those under way either
        if let Some(equilibrium) = Equilibrium::of(&workload.config).filter(|_| !workload.is_over()) {
            workload.begin_under_way(&equilibrium);
        }
        workload.plan_session();
        Ok(workload)
    }

    /// Puts the sessions in their places that are under way at the start.
    fn begin_under_way(&mut self, equilibrium: &Equilibrium) {
        let mut count = self.luck.stream(purpose::UNDER_WAY, 0, 0);
        let mut place = 0.0;
        let mut number = UNDER_WAY_NUMBERS;
        while equilibrium.one_more(&mut place, &mut count) {
            let mut stream = self.luck.stream(purpose::UNDER_WAY, number, 0);
            if let Some(found) = equilibrium.draw(&mut stream)
                && self.start + found.next < self.end
            {
                self.take_up(number, found, &mut stream);
            }
            number += 1;
        }
    }

    /// A session that was found under way.
    fn take_up(&mut self, number: u64, found: UnderWay, stream: &mut Stream) {
        let slot = self.begin_session(number);
        let live = &mut self.slots[slot as usize];
        (live.turn, live.turns) = (found.sent, found.turns.min((1 << TURN_BITS) - 1));
        for _ in 1..found.sent {
            let growth = stream.open01();
            let compacts = stream.chance(self.config.input.compaction_probability);
            live.input = grown(&self.config.input, live.input, growth, compacts);
        }
        self.push_turn(slot, self.start + found.next);
    }

    /// How many sessions have arrived, clients without one included; not those that were under way at the start.
    pub const fn sessions(&self) -> u64 {
        self.next_number
    }

    fn plan_session(&mut self) {
        let wanted = !self.is_over() && self.config.limits.sessions.is_none_or(|limit| self.next_number < limit);
        let at = if wanted { self.arrivals.next().map(|span| self.start + span) } else { None };
        self.next_session = at.filter(|&at| at < self.end);
    }

    fn is_over(&self) -> bool {
        self.config.limits.requests.is_some_and(|limit| self.requests >= limit)
    }

    fn next_turn(&self) -> Option<Time> {
        self.turns.peek().map(|key| Time::from_unix_nanos((key >> 64) as u64))
    }

    fn begin_session(&mut self, number: u64) -> u32 {
        let mut stream = self.luck.stream(purpose::SESSION, number, 0);
        let turns = self.config.turns.sample(&mut stream) + 0.5;
        let input = self.config.input.start_tokens.sample(&mut stream);
        let sends_session = !stream.chance(self.config.sessionless_share);
        let model = stream.open01();
        let user = stream.open01();
        let live = Live {
            number,
            hash: if sends_session { SessionHash::of_synthetic(self.luck.seed(), number) } else { SessionHash::EMPTY },
            turn: 0,
            turns: (turns as u32).clamp(1, (1 << TURN_BITS) - 1),
            input,
            model: self.model_at(model),
            user: (self.config.users > 0).then(|| (user * f64::from(self.config.users)) as u32),
            sends_session,
            seen: false,
            planned: false,
            under_way: 0,
            stream,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = live;
            slot
        } else {
            self.slots.push(live);
            (self.slots.len() - 1) as u32
        };
        if !sends_session {
            self.sessionless.insert(number, slot);
        }
        slot
    }

    fn model_at(&self, u: f64) -> ModelId {
        let Some(total) = self.cumulative_weights.last() else { return ModelId::BLANK };
        let index = self.cumulative_weights.partition_point(|&weight| weight <= u * total);
        ModelId(index.min(self.cumulative_weights.len() - 1) as u16 + 1)
    }

    /// The next request of the session at `slot`, arriving at `at`.
    fn send(&mut self, slot: u32, at: Time) -> Request {
        let live = &mut self.slots[slot as usize];
        let input = &self.config.input;
        let growth = live.stream.open01();
        let compacts = live.stream.chance(input.compaction_probability);
        let output = self.config.output_tokens.sample(&mut live.stream);
        let patience = live.stream.open01();
        if live.turn > 0 {
            live.input = grown(input, live.input, growth, compacts);
        }
        let luck = (live.number << TURN_BITS) | u64::from(live.turn);
        let request = Request {
            luck,
            at,
            session: live.sends_session.then_some(SessionRef { slot, number: live.number }),
            session_hash: live.hash,
            turn: if live.sends_session { live.turn } else { 0 },
            connection: if live.sends_session { live.number } else { LONE_CONNECTIONS + self.requests },
            previous: if self.config.previous_response && live.turn > 0 && live.sends_session {
                Previous::LastOfSession
            } else {
                Previous::None
            },
            user: live.user,
            model: live.model,
            input_tokens: tokens(live.input),
            output_tokens: tokens(output),
            patience: self.config.patience_s.as_ref().map(|dist| Span::from_secs_f64(dist.draw(patience))),
            recorded: None,
        };
        live.turn += 1;
        live.seen = true;
        live.planned = false;
        live.under_way += 1;
        self.requests += 1;
        request
    }

    /// Plans the next turn of a session whose last one ends at `end`, if there is to be one.
    fn plan_turn(&mut self, slot: u32, end: Time) {
        if self.is_over() {
            return;
        }
        let live = &mut self.slots[slot as usize];
        if live.turn >= live.turns {
            return;
        }
        let at = end + Span::from_secs_f64(self.config.think_s.sample(&mut live.stream));
        if at < self.end {
            self.push_turn(slot, at);
        }
    }

    fn push_turn(&mut self, slot: u32, at: Time) {
        let live = &mut self.slots[slot as usize];
        live.planned = true;
        let number = live.number as u32;
        let key = (u128::from(at.unix_nanos()) << 64) | (u128::from(number) << 32) | u128::from(slot);
        self.turns.push(key);
    }

    /// Frees the slot of a session of which nothing is planned or under way.
    fn let_go_if_done(&mut self, slot: u32) {
        let live = &self.slots[slot as usize];
        if live.planned || live.under_way > 0 {
            return;
        }
        if live.sends_session && !live.seen {
            self.free.push(slot);
        } else if live.sends_session {
            self.retired.push(SessionRef { slot, number: live.number });
        } else {
            self.sessionless.remove(&live.number);
            self.free.push(slot);
        }
    }

    /// Enough was sent: lets go of the sessions that wait for a turn, which will never come.
    fn drop_plans(&mut self) {
        self.next_session = None;
        while let Some(key) = self.turns.pop() {
            let slot = key as u32;
            self.slots[slot as usize].planned = false;
            self.let_go_if_done(slot);
        }
    }
}

/// The input of a later turn, from that of the turn before.
#[inline]
fn grown(model: &InputModel, input: f64, growth: f64, compacts: bool) -> f64 {
    let grown = input + model.growth_tokens.draw(growth).max(0.0);
    let full = model.limit_tokens.is_some_and(|limit| grown > f64::from(limit));
    if compacts || full { grown * model.compaction_factor } else { grown }
}

fn tokens(drawn: f64) -> u32 {
    ((drawn + 0.5) as u32).max(1)
}

impl Workload for SynthWorkload {
    #[inline]
    fn peek(&mut self) -> Result<Option<Time>, Error> {
        Ok(match (self.next_turn(), self.next_session) {
            (Some(turn), Some(session)) => Some(turn.min(session)),
            (turn, session) => turn.or(session),
        })
    }

    fn next(&mut self) -> Result<Option<Request>, Error> {
        let (slot, at) = match (self.next_turn(), self.next_session) {
            (Some(turn), session) if session.is_none_or(|session| turn <= session) => {
                let Some(key) = self.turns.pop() else { return Ok(None) };
                (key as u32, turn)
            }
            (_, Some(session)) => {
                let slot = self.begin_session(self.next_number);
                self.next_number += 1;
                self.plan_session();
                (slot, session)
            }
            _ => return Ok(None),
        };
        let request = self.send(slot, at);
        if let SynthTiming::Open { service_s } = &self.config.timing {
            let service = service_s.sample(&mut self.slots[slot as usize].stream);
            self.plan_turn(slot, at + Span::from_secs_f64(service));
        }
        if self.is_over() {
            self.drop_plans();
        }
        Ok(Some(request))
    }

    fn ended(&mut self, request: &Request, ending: Ending) {
        let number = request.luck >> TURN_BITS;
        let slot = match request.session {
            Some(session) => Some(session.slot),
            None => self.sessionless.get(&number).copied(),
        };
        let Some(slot) = slot else { return };
        let Some(live) = self.slots.get_mut(slot as usize).filter(|live| live.number == number) else { return };
        live.under_way = live.under_way.saturating_sub(1);
        if self.config.timing == SynthTiming::Closed {
            self.plan_turn(slot, ending.at);
        }
        self.let_go_if_done(slot);
    }

    #[inline]
    fn retired(&mut self) -> Option<SessionRef> {
        // only now may its slot serve another session
        let session = self.retired.pop()?;
        self.free.push(session.slot);
        Some(session)
    }

    fn model_name(&self, model: ModelId) -> &str {
        self.models.get(model.at()).map_or("", String::as_str)
    }
}
