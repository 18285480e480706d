//! Helpers that the tests of this room share.

use super::contract::Forward;
use crate::ids::{AccountIx, ModelId, SessionRef};
use crate::units::{Span, Time};
use crate::workload::{Previous, Request, SessionHash};

/// When the tests' runs start.
pub(super) const START: Time = Time::from_unix_nanos(1_767_225_600_000_000_000);

/// The time this many seconds after the start.
pub(super) fn at(seconds: f64) -> Time {
    START + Span::from_secs_f64(seconds)
}

/// A request of 8,000 tokens in and 100 out, in a session of its own.
pub(super) fn request(luck: u64) -> Request {
    Request {
        luck,
        at: START,
        session: Some(SessionRef { slot: luck as u32 % 1_000, number: luck }),
        session_hash: SessionHash::of_name("s"),
        turn: 0,
        connection: 0,
        previous: Previous::None,
        user: None,
        model: ModelId::BLANK,
        input_tokens: 8_000,
        output_tokens: 100,
        patience: None,
        recorded: None,
    }
}

/// The first forward of `request`, to this account, this many seconds after the start, with no other forward running
/// there.
pub(super) fn forward(request: &Request, account: u32, seconds: f64) -> Forward<'_> {
    Forward { request, visit: 0, account: AccountIx(account), start: at(seconds), busy: 0 }
}
