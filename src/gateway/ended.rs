//! What kind of end a forward came to, apart from what follows (spec gateway.md, step 6 and "WebSocket").

use super::config::Transport;
use crate::workload::RecordedAttempt;

/// How a forward ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The answer is complete.
    Complete,
    /// The stream broke after something of it had reached the client: whether that is reported as a failure.
    Broken { reported: bool },
    /// Nothing reached the client: the account's state may change, and the request may be tried again.
    Failed,
    /// Nothing reached the client, and that is the end of it.
    Closed,
}

/// How this forward ended. Over HTTP a broken stream of a kind that would have failed over is not reported; over
/// WebSocket only a rate limit is tried again.
pub(super) const fn ended(transport: Transport, fate: &RecordedAttempt, has_token: bool) -> Ended {
    match (transport, fate) {
        (_, RecordedAttempt::Ok { .. }) => Ended::Complete,
        (Transport::Http, RecordedAttempt::Broken { would_fail_over, .. }) if has_token => {
            Ended::Broken { reported: !*would_fail_over }
        }
        (Transport::Http, _) | (Transport::WebSocket, RecordedAttempt::Status { status: 429, .. }) => Ended::Failed,
        (Transport::WebSocket, _) if has_token => Ended::Broken { reported: true },
        (Transport::WebSocket, _) => Ended::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    const END: Span = Span::from_secs(1);

    fn broken(would_fail_over: bool) -> RecordedAttempt {
        RecordedAttempt::Broken { ttft: Some(END), end: END, would_fail_over }
    }

    #[test]
    fn a_broken_stream_counts_by_its_kind_over_http_and_always_over_websocket() {
        for (transport, kept) in [(Transport::Http, false), (Transport::WebSocket, true)] {
            assert_eq!(ended(transport, &broken(false), true), Ended::Broken { reported: true });
            assert_eq!(ended(transport, &broken(true), true), Ended::Broken { reported: kept });
        }
    }

    #[test]
    fn before_the_first_token_http_may_try_again_and_websocket_only_after_a_rate_limit() {
        let status = |status| RecordedAttempt::status(status, END);
        let by_transport =
            |fate: &RecordedAttempt| [Transport::Http, Transport::WebSocket].map(|t| ended(t, fate, false));
        assert_eq!(by_transport(&status(429)), [Ended::Failed, Ended::Failed]);
        for fate in [status(500), status(401), broken(false), RecordedAttempt::transport(END)] {
            assert_eq!(by_transport(&fate), [Ended::Failed, Ended::Closed]);
        }
    }
}
