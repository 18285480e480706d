//! What can go wrong with an attempt at the upstream: shared by failures of healthy accounts and by conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::distribution::Distribution;
use super::duration::Duration;
use super::error::ErrorKind;

/// What goes wrong: exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UpstreamError {
    /// An HTTP status in the place of an answer.
    Status(StatusError),
    /// No answer in time: a transport error that takes its time.
    Timeout(TimeoutError),
    /// The connection is refused or reset: a transport error that comes at once.
    Connect(ConnectError),
    /// The upstream closes before the first token.
    Closed(ClosedError),
    /// The stream breaks after the first token.
    Broken(BrokenError),
}

/// An HTTP status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusError {
    /// The status, 400 to 599.
    pub code: u16,
    /// How long it takes to show.
    #[serde(default = "soon")]
    pub after: Distribution<Duration>,
    /// For 429: the time until the limit is over that it names; not given: it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_after: Option<Distribution<Duration>>,
    /// For 429: the pause that its header `Retry-After` asks for; not given: it has none. Read from `gateway_version:
    /// 0.1.179` on, for OAuth accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Distribution<Duration>>,
    /// The error message: for `temp_unschedulable_rules`, for a 400 that is a passing trouble and, from
    /// `gateway_version: 0.1.179` on, for servers that are overloaded, models that are not there, revoked tokens and
    /// input that is too long.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A timeout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutError {
    /// How long it takes.
    pub after: Distribution<Duration>,
}

/// A refused or reset connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectError {
    /// How long it takes to show.
    pub after: Distribution<Duration>,
    /// Whether it is of the kind that lasts, such as a refused connection or an unknown host. From `gateway_version:
    /// 0.1.179` on that takes the account out for 10 minutes.
    pub durable: bool,
}

/// Closed before the first token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClosedError {
    /// How long it takes.
    pub after: Distribution<Duration>,
    /// Whether the error is of the kind that fails over.
    pub would_fail_over: bool,
}

/// Broken after the first token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BrokenError {
    /// How far the answer has come by then: 0 at the first token, 1 at the last.
    pub share: Distribution<f64>,
    /// Whether the error is of the kind that would have failed over, had nothing reached the client (then nothing is
    /// reported).
    pub would_fail_over: bool,
}

fn soon() -> Distribution<Duration> {
    Distribution::Constant(Duration::millis(200))
}

impl Default for TimeoutError {
    fn default() -> Self {
        Self { after: Distribution::Constant(Duration::secs(60)) }
    }
}

impl Default for ConnectError {
    fn default() -> Self {
        Self { after: Distribution::Constant(Duration::millis(50)), durable: true }
    }
}

impl Default for ClosedError {
    fn default() -> Self {
        Self { after: soon(), would_fail_over: false }
    }
}

impl Default for BrokenError {
    fn default() -> Self {
        Self { share: Distribution::Uniform { low: 0.0, high: 1.0 }, would_fail_over: false }
    }
}

impl Default for UpstreamError {
    /// A 503 after 200 ms.
    fn default() -> Self {
        Self::Status(StatusError {
            code: 503,
            after: soon(),
            reset_after: None,
            retry_after: None,
            message: String::new(),
        })
    }
}

impl Check for UpstreamError {
    fn check(&self, c: &mut Checker) {
        match self {
            Self::Status(error) => c.key("status", error),
            Self::Timeout(error) => c.within("timeout", |c| c.key("after", &error.after)),
            Self::Connect(error) => c.within("connect", |c| c.key("after", &error.after)),
            Self::Closed(error) => c.within("closed", |c| c.key("after", &error.after)),
            Self::Broken(error) => c.within("broken", |c| c.key("share", &error.share)),
        }
    }
}

impl Check for StatusError {
    fn check(&self, c: &mut Checker) {
        c.whole("code", self.code, 400, 599);
        c.key("after", &self.after);
        c.key("reset_after", &self.reset_after);
        c.key("retry_after", &self.retry_after);
        for (key, given) in [("reset_after", &self.reset_after), ("retry_after", &self.retry_after)] {
            if given.is_some() && self.code != 429 {
                c.fault(key, ErrorKind::Conflict, "only a 429 names a time", None);
            }
        }
    }
}
