//! Settings of the request loop, with the gateway's own defaults (spec gateway.md, scheduler.md "Configuration").

use crate::scheduler;
pub use crate::scheduler::{Credential, Transport};
use crate::units::{Span, Time};

/// One of an account's `temp_unschedulable_rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The HTTP status that it is about.
    pub status: u16,
    /// Words of which one must be in the message, in any case; empty: any message.
    pub words: Vec<String>,
    /// How long the account is then unschedulable and blocked.
    pub span: Span,
}

/// What the request loop knows of an account beyond what the scheduler does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTraits {
    /// Kind of credential: decides what a 401 does, and what 429s lead to.
    pub credential: Credential,
    /// Its upstream speaks HTTP/1.1: a replica opens at most `concurrency` connections.
    pub http1: bool,
    /// Pool mode: statuses do nothing to the account, some are retried on it.
    pub pool_mode: bool,
    /// `pool_mode_retry_count`, 0 to 10.
    pub pool_mode_retry_count: u32,
    /// `pool_mode_retry_status_codes`
    pub pool_mode_retry_status_codes: Vec<u16>,
    /// `temp_unschedulable_rules`
    pub rules: Vec<Rule>,
    /// Names of the models that it serves; empty: all.
    pub models: Vec<String>,
    /// Whether an OAuth account has a refresh token. Looked at from 0.1.179 on.
    pub refresh_token: bool,
}

impl Default for AccountTraits {
    fn default() -> Self {
        Self {
            credential: Credential::ApiKey,
            http1: false,
            pool_mode: false,
            pool_mode_retry_count: 3,
            pool_mode_retry_status_codes: vec![401, 403, 429],
            rules: Vec::new(),
            models: Vec::new(),
            refresh_token: true,
        }
    }
}

/// How requests spread over replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplicaRouting {
    /// Request n goes to replica n modulo N.
    #[default]
    RoundRobin,
    /// All requests of a session go to one replica; those without a session round robin.
    BySession,
}

/// The restart of a replica, which loses its runtime stats, blocks and load caches, and builds the list of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When it restarts.
    pub at: Time,
    /// Which replica, from 0.
    pub replica: u32,
}

/// When a client tries again after an error (spec simulator.md, Clients).
#[derive(Clone, Debug, PartialEq)]
pub struct ClientRetry {
    /// HTTP statuses that it tries again after.
    pub statuses: Vec<u16>,
    /// Tries after the first, at most.
    pub limit: u32,
    /// The pause before the first of these tries.
    pub backoff: Span,
    /// Each pause is longer than the one before by this factor.
    pub factor: f64,
    /// The longest pause.
    pub longest: Span,
    /// Each pause is multiplied with a uniform factor in 1 - jitter to 1 + jitter.
    pub jitter: f64,
}

/// All settings of the request loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The scheduler's own.
    pub scheduler: scheduler::Config,
    /// HTTP or WebSocket.
    pub transport: Transport,
    /// `max_account_switches` as it works: a configured 0 is 3 here.
    pub max_account_switches: u32,
    /// `scheduling.outbox_poll_interval_seconds`, > 0
    pub outbox_poll_interval: Span,
    /// `scheduling.full_rebuild_interval_seconds`; zero: never
    pub full_rebuild_interval: Span,
    /// `rate_limit.overload_cooldown_minutes`
    pub overload_cooldown: Span,
    /// Whether a 503 cools an account down as a 529 does.
    pub overload_on_503: bool,
    /// `openai_first_output_timeout_seconds`: a forward over HTTP that has no first output after this is given up as a
    /// 504, which fails over; zero: never.
    pub first_output_limit: Span,
    /// When the gateway process started: polls and rebuilds of the list count from here. Replica r of N started
    /// r/N of a poll interval later.
    pub process_start: Time,
    /// Half the width of the uniform factor on pauses between polls for a slot: 0.2 in the real system, 0 for none.
    pub wait_jitter: f64,
    /// A forward without a first token after so long is given up, once a request. A what-if from 0.1.179 on, over HTTP;
    /// `None`: never, as in the real system.
    pub first_output_timeout: Option<Span>,
    /// Whether the upstream request of a client that left ends with it, unlearnt. A what-if, over HTTP: it runs on in
    /// the real system.
    pub cancel_upstream: bool,
    /// Gateway processes.
    pub replicas: u32,
    /// How requests spread over them.
    pub routing: ReplicaRouting,
    /// Restarts, in any order.
    pub restarts: Vec<Restart>,
    /// Concurrency limit of every user; `None`: no limit. HTTP only.
    pub user_concurrency: Option<u32>,
    /// Limits of single users, by number, which replace `user_concurrency`; `None`: no limit.
    pub user_limits: Vec<Option<u32>>,
    /// Whether a previous response that the client names could be done without, as long as its first message carries
    /// no output of a function call whose call is not in it. WebSocket, from 0.1.179 on.
    pub previous_can_move: bool,
    /// Whether responses are remembered, so that they can be continued over HTTP. From 0.1.179 on.
    pub http_continuations: bool,
    /// Seeds of the shuffles of `legacy` by `Request::luck`, if a script fixes them; otherwise they are drawn.
    pub shuffle_seeds: Vec<u64>,
    /// Tries of the clients.
    pub retry: Option<ClientRetry>,
    /// WebSocket: a client closes its connection when it has been idle for this long.
    pub connection_idle: Span,
    /// Per account, in the order of the pool.
    pub accounts: Vec<AccountTraits>,
}

impl Config {
    /// How long this status of an overloaded upstream takes an account out, if it does.
    pub(super) fn overload_cooldown_of(&self, status: Option<u16>) -> Option<Span> {
        let cools = status == Some(529) || (self.overload_on_503 && status == Some(503));
        (cools && !self.overload_cooldown.is_zero()).then_some(self.overload_cooldown)
    }

    /// The gateway's defaults for a pool of `accounts` API keys, the process started at `start`.
    pub fn new(start: Time, accounts: usize) -> Self {
        Self {
            scheduler: scheduler::Config::default(),
            transport: Transport::Http,
            max_account_switches: 10,
            outbox_poll_interval: Span::from_secs(1),
            full_rebuild_interval: Span::from_secs(300),
            overload_cooldown: Span::from_secs(600),
            overload_on_503: false,
            first_output_limit: Span::ZERO,
            process_start: start,
            wait_jitter: 0.2,
            first_output_timeout: None,
            cancel_upstream: false,
            replicas: 1,
            routing: ReplicaRouting::RoundRobin,
            restarts: Vec::new(),
            user_concurrency: None,
            user_limits: Vec::new(),
            previous_can_move: true,
            http_continuations: false,
            shuffle_seeds: Vec::new(),
            retry: None,
            connection_idle: Span::from_secs(300),
            accounts: vec![AccountTraits::default(); accounts],
        }
    }
}
