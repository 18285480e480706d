//! What a workload yields, and the trait by which the run asks for it.

use crate::ids::{ModelId, ResponseId, SessionRef};
use crate::units::{Span, Time};

/// The text that the gateway knows a session by: up to 23 bytes, kept in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionHash {
    length: u8,
    bytes: [u8; 23],
}

impl SessionHash {
    /// No text at all, for requests without a session.
    pub const EMPTY: Self = Self { length: 0, bytes: [0; 23] };

    /// What the gateway makes of a session's name: xxHash64 as 16 lower-case hex digits (real-runs/README.md).
    pub fn of_name(name: &str) -> Self {
        Self::hex(xxhash_rust::xxh64::xxh64(name.as_bytes(), 0))
    }

    /// The hash of a session of a trace whose recorded name only groups requests: drawn from (deal, name). The draw of
    /// the scheduler is seeded by this hash, so another deal makes the scheduler's luck another one, too.
    pub fn dealt(name: &str, deal: u64) -> Self {
        Self::hex(xxhash_rust::xxh64::xxh64(name.as_bytes(), deal))
    }

    /// The hash of synthetic session `number` of the run with this seed: of the name that `synthetic_name` writes.
    /// Allocates nothing.
    pub fn of_synthetic(seed: u64, number: u64) -> Self {
        let mut text = [0; 41];
        let digits = write_decimal(&mut text, number);
        let dash = text.len() - digits - 1;
        text[dash] = b'-';
        let from = dash - write_decimal(&mut text[..dash], seed);
        Self::hex(xxhash_rust::xxh64::xxh64(&text[from..], 0))
    }

    fn hex(hash: u64) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut bytes = [0; 23];
        for (place, byte) in bytes.iter_mut().take(16).enumerate() {
            *byte = HEX[(hash >> (60 - 4 * place)) as usize & 15];
        }
        Self { length: 16, bytes }
    }

    /// This text as it stands; `None` when it is longer than 23 bytes.
    pub fn verbatim(text: &str) -> Option<Self> {
        let mut bytes = [0; 23];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { length: text.len() as u8, bytes })
    }

    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The name of synthetic session `number` of the run with this seed: `seed-number`. Each replication has a seed of its
/// own, so the sessions of two replications share no names (spec simulator.md, "One run").
pub fn synthetic_name(seed: u64, number: u64) -> String {
    format!("{seed}-{number}")
}

/// Writes a number at the end of a buffer that has room for it; how many digits that took.
fn write_decimal(text: &mut [u8], number: u64) -> usize {
    let mut rest = number;
    let mut digits = 0;
    for place in text.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        digits += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits
}

/// Which earlier response a request continues (`previous_response_id`, WebSocket only).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Previous {
    /// None.
    #[default]
    None,
    /// The last one that its session completed, if any.
    LastOfSession,
    /// This one, if it has been completed by then.
    Response(ResponseId),
}

/// One request of a client, as it arrives.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names the request's luck: the same for the same request under every policy (for synthesis made from session and
    /// turn, for a trace from the row), unique within a run.
    pub luck: u64,
    /// When it arrives at the gateway.
    pub at: Time,
    /// Its session, if it has one.
    pub session: Option<SessionRef>,
    /// What the gateway's draw hashes for the session. Meaningless without a session.
    pub session_hash: SessionHash,
    /// Its place in its session, from 0.
    pub turn: u32,
    /// The WebSocket connection it is sent on; turns with the same number share one. Over HTTP it says nothing.
    pub connection: u64,
    /// Which response it continues.
    pub previous: Previous,
    /// Who sent it, for limits per user.
    pub user: Option<u32>,
    /// The model asked for.
    pub model: ModelId,
    /// Tokens of input, cached ones included.
    pub input_tokens: u32,
    /// Tokens of output.
    pub output_tokens: u32,
    /// How long the client waits for the first token; `None`: for ever.
    pub patience: Option<Span>,
    /// What was recorded in reality, if the trace says.
    pub recorded: Option<Box<Recorded>>,
}

/// What a trace says became of a request in reality.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The account id that served it last.
    pub account: Option<i64>,
    /// Time to first token as the gateway measured it, from the forward.
    pub first_token: Option<Span>,
    /// From the forward to the end.
    pub duration: Option<Span>,
    /// HTTP status.
    pub status: Option<u16>,
    /// Input tokens found in the prompt cache.
    pub cached_tokens: Option<u32>,
    /// Scripted attempts: the k-th forward of the request does what the k-th entry says, the last one repeats.
    pub attempts: Vec<RecordedAttempt>,
}

/// How one forward to an upstream went or shall go; spans count from the moment that it has its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedAttempt {
    /// A complete answer.
    Ok {
        /// To the first token.
        ttft: Span,
        /// To the last token.
        end: Span,
    },
    /// The upstream broke off: after the first token if `ttft` is set and not after `end`.
    Broken {
        /// To the first token, if one came.
        ttft: Option<Span>,
        /// To the break.
        end: Span,
        /// Whether the error is of the kind that would have failed over, had no byte reached the client.
        would_fail_over: bool,
    },
    /// An HTTP status instead of an answer (WebSocket: the handshake refused with it; 429 there: a rate limit).
    Status {
        /// The HTTP status.
        status: u16,
        /// To the status.
        end: Span,
        /// For 429: when the limit is over, counted from the status, if the upstream names it.
        reset_after: Option<Span>,
        /// For 429: how long to wait before the next try, as the header `Retry-After` says, if it is there.
        retry_after: Option<Span>,
        /// What the message says, as far as the gateway reads it.
        says: Says,
    },
    /// Refused, reset or timed out: no status came.
    Transport {
        /// To the error.
        end: Span,
        /// Whether it is of the kind that lasts: refused connection, unknown host, no route, unreachable network,
        /// rejected proxy credentials.
        durable: bool,
    },
}

/// What the message of an error says, as far as the gateway reads it (spec gateway.md, step 6; scheduler-modes.md,
/// section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Says {
    /// Nothing that the gateway looks for.
    #[default]
    Nothing,
    /// Of a 400: one of the upstream's passing troubles.
    Passing,
    /// The upstream's servers are overloaded. Read from 0.1.179 on, as are all that follow.
    Overloaded,
    /// Of a 404: there is no such model.
    NoSuchModel,
    /// Of an OAuth account's 400: its plan lacks the model.
    PlanLacksModel,
    /// Of a 403: nothing, the body is an HTML page.
    HtmlPage,
    /// Of a 401: the token is revoked.
    TokenRevoked,
    /// The input is too long for the model.
    ContextTooLong,
}

impl Says {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Passing,
        Self::Overloaded,
        Self::NoSuchModel,
        Self::PlanLacksModel,
        Self::HtmlPage,
        Self::TokenRevoked,
        Self::ContextTooLong,
    ];

    /// Its name in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Passing => "passing",
            Self::Overloaded => "overloaded",
            Self::NoSuchModel => "no_such_model",
            Self::PlanLacksModel => "plan_lacks_model",
            Self::HtmlPage => "html_page",
            Self::TokenRevoked => "token_revoked",
            Self::ContextTooLong => "context_too_long",
        }
    }

    /// The one of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|says| says.name() == name)
    }
}

impl RecordedAttempt {
    /// This status, without further details.
    pub const fn status(status: u16, end: Span) -> Self {
        Self::Status { status, end, reset_after: None, retry_after: None, says: Says::Nothing }
    }

    /// A transport error that need not last.
    pub const fn transport(end: Span) -> Self {
        Self::Transport { end, durable: false }
    }

    /// When it ends, counted from its connection.
    pub const fn end(&self) -> Span {
        match *self {
            Self::Ok { end, .. }
            | Self::Broken { end, .. }
            | Self::Status { end, .. }
            | Self::Transport { end, .. } => end,
        }
    }

    /// The HTTP status that came in the place of an answer, if one did.
    pub const fn http_status(&self) -> Option<u16> {
        match *self {
            Self::Status { status, .. } => Some(status),
            Self::Ok { .. } | Self::Broken { .. } | Self::Transport { .. } => None,
        }
    }

    /// When the first token comes, if one does.
    pub fn first_token(&self) -> Option<Span> {
        match *self {
            Self::Ok { ttft, .. } => Some(ttft),
            Self::Broken { ttft, end, .. } => ttft.filter(|&ttft| ttft <= end),
            Self::Status { .. } | Self::Transport { .. } => None,
        }
    }
}

/// How a request ended, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When it happened.
    pub at: Time,
    /// Whether the answer was complete.
    pub ok: bool,
}

/// A source of requests. The run merges its next arrival with the event calendar.
///
/// A closed loop (a session's next turn comes a think time after the end of the last one) hears of ends by `ended`.
pub trait Workload {
    /// When the next request arrives, as far as is known now; `None` when none is known (one may follow an `ended`).
    ///
    /// # Errors
    /// When the trace cannot be read on; the message names file, line and column.
    fn peek(&mut self) -> Result<Option<Time>, crate::workload::Error>;

    /// Takes that request. Arrivals never go back in time.
    ///
    /// # Errors
    /// As `peek`.
    fn next(&mut self) -> Result<Option<Request>, crate::workload::Error>;

    /// Hears that a request ended (as its client sees it). Called once for each request, in order of ends.
    fn ended(&mut self, request: &Request, ending: Ending);

    /// A session that will send nothing more: its slot is free from here on. Called until `None` after every `next` and
    /// `ended`. A session is not retired while a request of it is under way.
    fn retired(&mut self) -> Option<SessionRef>;

    /// The name of a model that `next` has yielded.
    fn model_name(&self, model: ModelId) -> &str;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_hash_is_sixteen_hex_digits_of_its_name() {
        let hex = |name: &str| format!("{:016x}", xxhash_rust::xxh64::xxh64(name.as_bytes(), 0)).into_bytes();
        assert_eq!(SessionHash::of_name("slow-on-s4").as_bytes(), hex("slow-on-s4"));
        for (seed, number) in [(0, 0), (1, 7), (10, 1_234_567), (u64::MAX, u64::MAX)] {
            assert_eq!(SessionHash::of_synthetic(seed, number).as_bytes(), hex(&synthetic_name(seed, number)));
        }
        assert_eq!(synthetic_name(12, 340), "12-340");
    }

    #[test]
    fn another_deal_gives_every_session_another_hash() {
        for name in (0..200).map(|number: u32| number.to_string()) {
            assert_eq!(SessionHash::dealt(&name, 1), SessionHash::dealt(&name, 1));
            assert_ne!(SessionHash::dealt(&name, 1), SessionHash::dealt(&name, 2), "{name}");
        }
    }
}
