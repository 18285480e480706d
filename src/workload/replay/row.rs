//! What every format yields.

use crate::ids::ModelId;
use crate::units::Span;
use crate::workload::Recorded;

/// One request of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceRow {
    /// Arrival, from the start of the trace.
    pub at: Span,
    /// The session's name, if it has one.
    pub session: Option<Box<str>>,
    /// Who sent it: a place in [`super::Names::users`].
    pub user: Option<u32>,
    /// The model asked for: a place in [`super::Names::models`].
    pub model: ModelId,
    /// Tokens of input, cached ones included.
    pub input_tokens: u32,
    /// Tokens of output.
    pub output_tokens: u32,
    /// Which response it continues.
    pub previous: PreviousResponse,
    /// What later rows call its response.
    pub response_id: Option<Box<str>>,
    /// How long its client waits for the first token.
    pub patience: Option<Span>,
    /// When it ended in reality, from the start of the trace.
    pub ended: Option<Span>,
    /// It failed in reality.
    pub failed: bool,
    /// Further recorded facts.
    pub recorded: Option<Box<Recorded>>,
}

/// Which response a row continues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PreviousResponse {
    /// None.
    #[default]
    None,
    /// The last of its session.
    Last,
    /// That with this `response_id`.
    Named(Box<str>),
}
