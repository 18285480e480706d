//! Turns on WebSocket connections (spec gateway.md, "WebSocket"): the first turn of a connection selects, the next ones
//! stay on its account whatever its health, and only a rate limit moves the connection to another account.

use super::attempt::AttemptEnd;
use super::config::Transport;
use super::ended::Ended;
use super::event::{Event, Ticket};
use super::failure::Again;
use super::life::Phase;
use super::responses::response_key;
use super::run::Gateway;
use super::sockets::{After, Socket};
use crate::ids::{AccountIx, ResponseId};
use crate::measure::{BindingCause, Observer, Status};
use crate::scheduler::{Outcome, SlotToken};
use crate::units::{Span, Time};
use crate::upstream::Upstream;
use crate::workload::{Previous, Workload};

impl<W: Workload + ?Sized, U: Upstream, O: Observer> Gateway<'_, W, U, O> {
    /// A turn arrives: on a new connection, on its open one, or behind the turn that is under way there.
    pub(super) fn turn_arrives(&mut self, ix: u32, now: Time) {
        let replica = self.lives[ix].replica;
        let request = &self.lives[ix].request;
        let connection = request.connection;
        if let Some(socket) = self.sockets.open.get_mut(&connection) {
            if socket.busy {
                socket.queue.push_back(ix);
                self.lives.enter(ix, Phase::Queued);
                return;
            }
            if now.since(socket.idle_since) < self.config.connection_idle {
                return self.next_turn(ix, now);
            }
        }
        let previous = match (request.previous, request.session) {
            (Previous::None, _) | (Previous::LastOfSession, None) => None,
            (Previous::Response(response), _) => Some(response),
            (Previous::LastOfSession, Some(session)) => self.sockets.last_response.get(&session.number).copied(),
        };
        let socket = Socket {
            account: None,
            replica,
            busy: true,
            idle_since: now,
            queue: std::collections::VecDeque::new(),
            excluded: Vec::new(),
            switches: 0,
            turns: 0,
            previous,
        };
        self.sockets.open.insert(connection, socket);
        self.begin_turn(ix, now);
        self.turn_select(ix, now);
    }

    /// Time spent waiting for a free connection counts as waiting. The turn inherits the connection's account and
    /// replica.
    fn begin_turn(&mut self, ix: u32, now: Time) {
        let life = &mut self.lives[ix];
        life.waited += now.since(life.request.at);
        life.deadline = life.request.patience.map(|patience| now + patience);
        if let Some(socket) = self.sockets.open.get_mut(&life.request.connection) {
            socket.busy = true;
            socket.turns += 1;
            life.replica = socket.replica;
            life.excluded.append(&mut socket.excluded);
            life.switches = socket.switches;
            life.previous = socket.previous;
        }
    }

    /// A later turn stays on the connection's account and takes a slot there again; none free counts as a failure.
    fn next_turn(&mut self, ix: u32, now: Time) {
        self.begin_turn(ix, now);
        let connection = self.lives[ix].request.connection;
        let Some(account) = self.sockets.open.get(&connection).and_then(|socket| socket.account) else {
            return self.turn_over(ix, Status::AccountBusy, After::Close, now);
        };
        self.lives[ix].account = Some(account);
        match self.try_slot(account, now) {
            Some(slot) => self.forward(ix, account, slot, now),
            None => {
                self.report(ix, account, false, None, now);
                self.turn_over(ix, Status::AccountBusy, After::Close, now);
            }
        }
    }

    /// The connection's first turn, or a turn after a rate limit: a select whose wait plan is tried once.
    fn turn_select(&mut self, ix: u32, now: Time) {
        let decision = self.select(ix, now);
        match decision.outcome {
            Outcome::NoAvailableAccounts => {
                let tried_none = self.lives[ix].excluded.is_empty();
                let status = if tried_none { Status::NoAvailableAccounts } else { Status::FailoverExhausted };
                self.turn_over(ix, status, After::Close, now);
            }
            Outcome::Acquired(account, slot) => self.open_on(ix, account, slot, now),
            Outcome::Wait(account, _) => match self.try_slot(account, now) {
                Some(slot) => self.open_on(ix, account, slot, now),
                None => self.turn_over(ix, Status::AccountBusy, After::Close, now),
            },
        }
    }

    /// The session is bound on every selection that got a slot, escaped or not.
    fn open_on(&mut self, ix: u32, account: AccountIx, slot: SlotToken, now: Time) {
        self.bind_session(ix, account, BindingCause::WebSocket, now);
        let connection = self.lives[ix].request.connection;
        if let Some(socket) = self.sockets.open.get_mut(&connection) {
            socket.account = Some(account);
        }
        self.forward(ix, account, slot, now);
    }

    /// The upstream ends.
    pub(super) fn turn_attempt_end(&mut self, ix: u32, end: &AttemptEnd<'_>, client_there: bool, now: Time) {
        let (account, slot) = (end.account, end.slot);
        let ended = end.ended(Transport::WebSocket);
        let status = match ended {
            Ended::Complete => {
                self.free_slot(account, slot, now);
                self.succeeded(ix, account, client_there, now);
                self.report(ix, account, true, end.upstream_ttft(), now);
                self.bind_response(ix, account, client_there, now);
                Status::Ok
            }
            Ended::Failed => {
                let verdict = self.failed(ix, account, end.attempt, now);
                self.report(ix, account, false, None, now);
                if !client_there {
                    self.free_slot(account, slot, now);
                    return self.lives.remove(ix);
                }
                self.note(ix, end, ended, now);
                if let (Again::InWindow(pause), Some(slot)) = (verdict.again, slot) {
                    return self.pause_turn(ix, account, slot, pause, now);
                }
                self.free_slot(account, slot, now);
                return self.move_connection(ix, account, now);
            }
            Ended::Broken { .. } | Ended::Closed => {
                self.free_slot(account, slot, now);
                self.report(ix, account, false, None, now);
                if ended == Ended::Closed { Status::UpstreamError } else { Status::StreamBroken }
            }
        };
        if !client_there {
            return self.lives.remove(ix);
        }
        self.note(ix, end, ended, now);
        let after = if status == Status::Ok { After::Keep } else { After::Close };
        self.turn_over(ix, status, after, now);
    }

    /// A client that has left never hears of the response that it could continue.
    fn bind_response(&mut self, ix: u32, account: AccountIx, client_there: bool, now: Time) {
        let request = &self.lives[ix].request;
        let response = ResponseId { connection: request.connection, turn: request.turn };
        if let Some(session) = request.session.filter(|_| client_there) {
            self.sockets.last_response.insert(session.number, response);
        }
        let process = &self.processes[self.lives[ix].replica as usize];
        process.scheduler.bind_response(&mut self.pool, response_key(response), account, now);
    }

    /// From 0.1.179 on an OAuth account that has been rate-limited for less than two minutes is tried again, on the
    /// same connection and with its slot. A later turn that does so has no previous response any more.
    fn pause_turn(&mut self, ix: u32, account: AccountIx, slot: SlotToken, pause: Span, now: Time) {
        let life = &mut self.lives[ix];
        if let Some(socket) = self.sockets.open.get_mut(&life.request.connection).filter(|socket| socket.turns > 1) {
            socket.previous = None;
            life.previous = None;
        }
        let token = self.lives.enter(ix, Phase::TurnPause { account, slot, since: now });
        self.plan_departure(ix);
        self.plan(now + pause, Event::Retry(Ticket { life: ix, token }));
    }

    /// A rate limit before anything went to the client: select anew, with what the connection began with.
    fn move_connection(&mut self, ix: u32, account: AccountIx, now: Time) {
        let life = &mut self.lives[ix];
        life.excluded.push(account);
        if life.switches >= self.config.max_account_switches {
            return self.turn_over(ix, Status::FailoverExhausted, After::Close, now);
        }
        life.switches += 1;
        self.report_switch(ix);
        self.lives.enter(ix, Phase::Deciding);
        self.turn_select(ix, now);
    }

    /// A turn is over for its client: the connection takes back what it remembers, or is closed. Turns that queued
    /// behind it come next; on a closed connection the first of them opens a new one.
    pub(super) fn turn_over(&mut self, ix: u32, status: Status, after: After, now: Time) {
        let life = &mut self.lives[ix];
        let connection = life.request.connection;
        let lasting = after == After::Keep && life.request.session.is_some();
        if lasting {
            if let Some(socket) = self.sockets.open.get_mut(&connection) {
                socket.busy = false;
                socket.idle_since = now;
                socket.excluded.append(&mut life.excluded);
                socket.switches = life.switches;
                self.sockets.ready.extend(socket.queue.pop_front());
            }
        } else if let Some(socket) = self.sockets.open.remove(&connection) {
            self.sockets.ready.extend(socket.queue);
        }
        self.finish(ix, status, now);
    }

    /// Turns whose connection has become free.
    pub(super) fn ready_turns(&mut self, now: Time) {
        while let Some(next) = self.sockets.ready.pop_front() {
            self.lives.enter(next, Phase::Deciding);
            self.turn_arrives(next, now);
        }
    }
}
