//! Where a trace's clock starts.

use super::line::BadLine;
use crate::units::Span;

/// Turns absolute times into spans from the first one seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    first: Option<i128>,
}

impl Origin {
    pub(super) const NEW: Self = Self { first: None };

    /// An origin that is given, not found.
    pub(super) const fn at(nanos: i128) -> Self {
        Self { first: Some(nanos) }
    }

    /// The span from the first time to this one.
    pub(super) fn span(&mut self, nanos: i128) -> Result<Span, BadLine> {
        let first = *self.first.get_or_insert(nanos);
        let since = nanos - first;
        if since < 0 {
            let message = format!("this row is {} s before the trace's first", -since as f64 / 1e9);
            return Err(BadLine::new(0, message).remedy("sort the rows by time"));
        }
        u64::try_from(since)
            .map(Span::from_nanos)
            .map_err(|_| BadLine::new(0, "more than 584 years after the first row"))
    }
}
