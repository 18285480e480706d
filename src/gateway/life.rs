//! A request under way in the gateway, and the slab that holds all requests under way.

use crate::ids::{AccountIx, ResponseId};
use crate::measure::Status;
use crate::scheduler::{EscapeReason, Layer, SlotToken, WaitPlan};
use crate::units::{Span, Time};
use crate::upstream::Attempt;
use crate::workload::Request;

/// The phase in which a request is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// Between two steps of one instant.
    Deciding,
    /// WebSocket: behind another turn of its connection.
    Queued,
    /// In the queue of its user.
    UserWaiting { entered: Time, pause: Span, polls: u32 },
    /// In the wait counter of an account.
    Waiting { account: AccountIx, entered: Time, plan: WaitPlan, pause: Span, polls: u32 },
    /// At an upstream.
    Forwarding(Flight),
    /// In the pause before the same account is tried again.
    RetryPause { since: Time },
    /// WebSocket: in the pause before a rate-limited account is tried again; the slot is kept.
    TurnPause { account: AccountIx, slot: SlotToken, since: Time },
    /// In the pause before the client's next try.
    Backoff { since: Time },
    /// The client has left; the upstream request runs on. Over WebSocket it keeps its slot.
    Detached(Flight),
}

/// What the last excluded account of a request was excluded for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Exclusion {
    /// A failure, if there was any exclusion at all.
    #[default]
    Failure,
    /// It is an OAuth account and cannot continue a response.
    Continuation,
}

/// One forward under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub account: AccountIx,
    /// `None` once it has been given back.
    pub slot: Option<SlotToken>,
    pub began: Time,
    /// Set when its connection stands.
    pub connected: Option<(Time, Attempt)>,
}

/// A request under way, with everything that has happened to it so far.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub request: Request,
    pub number: u64,
    pub replica: u32,
    pub phase: Phase,
    /// Current token of events about the phase.
    pub phase_token: u32,
    /// Current token of events about the client's try.
    pub try_token: u32,
    /// When the client's patience ends in this try, if it does.
    pub deadline: Option<Time>,
    pub departure_planned: bool,
    /// Accounts that failed in this try (over WebSocket: on this connection).
    pub excluded: Vec<AccountIx>,
    /// Retries of the same account in this try, by account.
    pub retries: Vec<(AccountIx, u32)>,
    /// A one-off session hash, given to a request without a session by a pool-mode account.
    pub one_off: Option<[u8; 16]>,
    /// The response that is continued: over WebSocket the one that the connection began with.
    pub previous: Option<ResponseId>,
    /// What the last excluded account was excluded for.
    pub exclusion: Exclusion,
    pub holds_user_slot: bool,
    /// Whether a forward of this try was given up for want of output (a what-if).
    pub gave_up: bool,
    /// Whether the client has been sent a comment, and with it HTTP status 200.
    pub streaming: bool,
    pub switches: u32,
    /// What the client gets when the accounts run out now.
    pub exhausted_code: u16,
    /// What the client gets of an error that does not fail over.
    pub error_code: u16,
    pub account: Option<AccountIx>,
    pub layer: Option<Layer>,
    pub escape: Option<EscapeReason>,
    pub selects: u32,
    pub visits: u32,
    pub failed_attempts: u32,
    pub total_switches: u32,
    pub client_retries: u32,
    pub waited: Span,
    pub failed: Span,
    pub first_token: Option<Time>,
    pub upstream_ttft: Option<Span>,
    pub cached_tokens: u32,
    pub degraded: bool,
    /// Set once the client has its answer.
    pub status: Option<Status>,
}

impl Life {
    fn new(request: Request, number: u64, replica: u32) -> Self {
        Self {
            request,
            number,
            replica,
            phase: Phase::Deciding,
            phase_token: 0,
            try_token: 0,
            deadline: None,
            departure_planned: false,
            excluded: Vec::new(),
            retries: Vec::new(),
            one_off: None,
            previous: None,
            exclusion: Exclusion::default(),
            holds_user_slot: false,
            gave_up: false,
            streaming: false,
            switches: 0,
            exhausted_code: 502,
            error_code: 502,
            account: None,
            layer: None,
            escape: None,
            selects: 0,
            visits: 0,
            failed_attempts: 0,
            total_switches: 0,
            client_retries: 0,
            waited: Span::ZERO,
            failed: Span::ZERO,
            first_token: None,
            upstream_ttft: None,
            cached_tokens: 0,
            degraded: false,
            status: None,
        }
    }

    /// The HTTP status that its client gets (spec gateway.md, step 6 and "What users see of it").
    pub const fn http_code(&self, status: Status) -> u16 {
        match status {
            Status::ClientGone => 499,
            _ if self.streaming => 200,
            Status::Ok | Status::StreamBroken => 200,
            Status::WaitQueueFull | Status::WaitTimeout => 429,
            Status::NoAvailableAccounts => 503,
            Status::ModelNotFound => 404,
            Status::InvalidRequest => 400,
            Status::FailoverExhausted => self.exhausted_code,
            Status::UpstreamError => self.error_code,
            Status::AccountBusy => 502,
        }
    }
}

/// All requests under way. A slot of a request that is over is used again, with the vectors that it had grown.
#[derive(Debug, Default)]
pub(super) struct Lives {
    slots: Vec<Life>,
    free: Vec<u32>,
    next_token: u32,
}

impl Lives {
    /// Takes a request in.
    pub fn insert(&mut self, request: Request, number: u64, replica: u32) -> u32 {
        let (phase_token, try_token) = (self.token(), self.token());
        let ix = if let Some(ix) = self.free.pop() {
            let slot = &mut self.slots[ix as usize];
            let (mut excluded, mut retries) = (std::mem::take(&mut slot.excluded), std::mem::take(&mut slot.retries));
            excluded.clear();
            retries.clear();
            *slot = Life { excluded, retries, ..Life::new(request, number, replica) };
            ix
        } else {
            self.slots.push(Life::new(request, number, replica));
            (self.slots.len() - 1) as u32
        };
        let life = &mut self.slots[ix as usize];
        life.phase_token = phase_token;
        life.try_token = try_token;
        ix
    }

    /// Lets a request go.
    pub fn remove(&mut self, ix: u32) {
        let token = self.token();
        let life = &mut self.slots[ix as usize];
        life.phase_token = token;
        life.try_token = token;
        life.request.recorded = None;
        self.free.push(ix);
    }

    /// Enters a phase; events of the earlier one are overtaken. Returns the token of the new one.
    pub fn enter(&mut self, ix: u32, phase: Phase) -> u32 {
        let token = self.token();
        let life = &mut self.slots[ix as usize];
        life.phase = phase;
        life.phase_token = token;
        token
    }

    /// Begins another try of the client: a departure planned for the earlier one is overtaken.
    pub fn new_try(&mut self, ix: u32) {
        let token = self.token();
        let life = &mut self.slots[ix as usize];
        life.try_token = token;
        life.departure_planned = false;
        life.excluded.clear();
        life.retries.clear();
        life.switches = 0;
        life.streaming = false;
        life.gave_up = false;
        life.exhausted_code = 502;
        life.error_code = 502;
        life.exclusion = Exclusion::default();
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Tokens differ for 2^32 phases, far longer than any event is pending.
    fn token(&mut self) -> u32 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }
}

impl std::ops::Index<u32> for Lives {
    type Output = Life;
    fn index(&self, ix: u32) -> &Life {
        &self.slots[ix as usize]
    }
}

impl std::ops::IndexMut<u32> for Lives {
    fn index_mut(&mut self, ix: u32) -> &mut Life {
        &mut self.slots[ix as usize]
    }
}
