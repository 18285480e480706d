//! Makes the pool as the scheduler knows it, and the settings of the request loop.

use crate::gateway;
use crate::scenario::{self, Account, AccountType, Protocol, Routing, Scenario, Transport};
use crate::scheduler::{self, Weights};
use crate::units::{Span, Time};

/// The pool in the order of account ids. Models are left to the request loop, which learns their numbers during the
/// run.
pub(super) fn pool(scenario: &Scenario) -> Vec<scheduler::Account> {
    let start = scenario.epoch.0;
    let account = |account: &Account| scheduler::Account {
        priority: account.priority,
        load_factor: account.load_factor,
        websocket_v2: account.websocket_v2,
        credential: credential(account),
        in_group: account.group.is_none() || account.group == scenario.group_id,
        subscription: is_subscription(account),
        session_window_end: account.session_window_end.map(|end| start + end.0),
        usage: account.usage.as_ref().map(|usage| scheduler::Usage {
            updated_at: start,
            primary_used_percent: usage.primary_used_percent,
            primary_reset_at: usage.primary_reset.map(|reset| start + reset.0),
            secondary_used_percent: usage.secondary_used_percent,
            secondary_reset_at: usage.secondary_reset.map(|reset| start + reset.0),
        }),
        upstream_rate: account.upstream_rate.map(|rate| scheduler::UpstreamRate {
            rate,
            received_at: start,
            fresh_until: Time::NEVER,
        }),
        ..scheduler::Account::new(account.id.unwrap_or_default(), account.concurrency)
    };
    scenario.accounts.iter().map(account).collect()
}

/// The request loop's settings.
pub(super) fn lower(scenario: &Scenario) -> gateway::Config {
    let start = scenario.epoch.0;
    let gateway = &scenario.gateway;
    let seconds = |seconds: u64| Span::from_secs(seconds);
    let minutes = |minutes: u64| Span::from_secs(minutes.saturating_mul(60));
    gateway::Config {
        scheduler: scheduler(scenario),
        transport: match scenario.transport {
            Transport::Http => gateway::Transport::Http,
            Transport::Websocket => gateway::Transport::WebSocket,
        },
        max_account_switches: u32::try_from(gateway.max_account_switches).unwrap_or(0),
        outbox_poll_interval: seconds(gateway.scheduling.outbox_poll_interval_seconds),
        full_rebuild_interval: seconds(gateway.scheduling.full_rebuild_interval_seconds),
        overload_cooldown: scenario.what_if.overload_cooldown.map_or_else(
            || minutes(u64::try_from(scenario.rate_limit.overload_cooldown_minutes).unwrap_or(0)),
            |cooldown| cooldown.0,
        ),
        overload_on_503: scenario.what_if.overload_on_503,
        first_output_limit: seconds(gateway.openai_first_output_timeout_seconds),
        process_start: start,
        wait_jitter: scenario.what_if.wait_jitter,
        first_output_timeout: scenario.what_if.first_output_timeout.map(|timeout| timeout.0),
        cancel_upstream: scenario.what_if.cancel_upstream,
        replicas: scenario.replicas.count,
        routing: match scenario.replicas.routing {
            Routing::RoundRobin => gateway::ReplicaRouting::RoundRobin,
            Routing::BySession => gateway::ReplicaRouting::BySession,
        },
        restarts: scenario
            .replicas
            .restarts
            .iter()
            .map(|restart| gateway::Restart { at: start + restart.at.0, replica: restart.replica })
            .collect(),
        user_concurrency: scenario.clients.user_concurrency,
        user_limits: Vec::new(),
        previous_can_move: scenario.clients.previous_can_move,
        http_continuations: continues(scenario),
        shuffle_seeds: Vec::new(),
        retry: scenario.clients.retry.as_ref().map(retry),
        connection_idle: scenario.clients.connection_idle.0,
        accounts: scenario.accounts.iter().map(traits).collect(),
    }
}

/// The scheduler's settings.
pub(super) fn scheduler(scenario: &Scenario) -> scheduler::Config {
    let scenario::Gateway { openai_scheduler: escape, openai_ws: ws, scheduling, .. } = &scenario.gateway;
    let weights = ws.scheduler_score_weights;
    scheduler::Config {
        sticky_escape_enabled: escape.sticky_escape_enabled,
        sticky_escape_ttft_ms: escape.sticky_escape_ttft_ms,
        sticky_escape_error_rate: escape.sticky_escape_error_rate,
        lb_top_k: usize::try_from(ws.lb_top_k).unwrap_or(usize::MAX),
        revision: match scenario.version() {
            scenario::GatewayVersion::V0_1_133 => scheduler::Revision::V0_1_133,
            scenario::GatewayVersion::V0_1_179 => scheduler::Revision::V0_1_179,
        },
        mode: match scenario.scheduler_mode() {
            scenario::Mode::Legacy => scheduler::Mode::Legacy,
            scenario::Mode::Advanced => scheduler::Mode::Advanced,
            scenario::Mode::Weighted => scheduler::Mode::Weighted,
        },
        weights: Weights {
            priority: weights.priority,
            load: weights.load,
            queue: weights.queue,
            error_rate: weights.error_rate,
            ttft: weights.ttft,
            reset: weights.reset,
            quota_headroom: weights.quota_headroom,
            upstream_cost: weights.upstream_cost,
            previous_response: weights.previous_response,
            session_sticky: weights.session_sticky,
        },
        session_ttl: Span::from_secs(ws.sticky_session_ttl_seconds),
        response_ttl: Span::from_secs(u64::try_from(ws.sticky_response_id_ttl_seconds).unwrap_or(0)),
        sticky_max_waiting: scheduling.sticky_session_max_waiting,
        sticky_wait_timeout: scheduling.sticky_session_wait_timeout.0,
        fallback_max_waiting: scheduling.fallback_max_waiting,
        fallback_wait_timeout: scheduling.fallback_wait_timeout.0,
        slot_ttl: Span::from_secs(scenario.gateway.concurrency_slot_ttl_minutes.saturating_mul(60)),
        load_cache_ttl: Span::from_millis(scheduling.load_batch_cache_ttl_ms),
        load_batch_enabled: scheduling.load_batch_enabled,
        subscription_priority: scenario.admin_settings.subscription_priority(),
        oauth_rate: scenario.admin_settings.oauth_rate(),
        seed_without_previous: scenario.what_if.stable_seed,
        ewma_alpha: scenario.what_if.ewma_alpha,
        ewma_error_rate_alpha: scenario.what_if.ewma_error_rate_alpha.unwrap_or(scenario.what_if.ewma_alpha),
        group_id: scenario.group_id,
    }
}

fn retry(retry: &scenario::Retry) -> gateway::ClientRetry {
    gateway::ClientRetry {
        statuses: retry.on.clone(),
        limit: retry.max,
        backoff: retry.backoff.0,
        factor: retry.factor,
        longest: retry.longest.0,
        jitter: retry.jitter,
    }
}

const fn credential(account: &Account) -> gateway::Credential {
    match account.kind {
        AccountType::ApiKey => gateway::Credential::ApiKey,
        AccountType::Oauth => gateway::Credential::OAuth,
    }
}

/// Whether it is an OAuth account with a paid plan (spec scheduler-modes.md, section 2).
fn is_subscription(account: &Account) -> bool {
    let plan = account.plan.trim();
    account.kind == AccountType::Oauth && !plan.is_empty() && plan != "free" && plan != "abnormal"
}

/// Whether a request may continue a response over HTTP, so that responses must be remembered.
fn continues(scenario: &Scenario) -> bool {
    let newer = scenario.version() == scenario::GatewayVersion::V0_1_179;
    let named = scenario.workload.synth.as_ref().is_none_or(|synth| synth.previous_response);
    newer && scenario.transport == Transport::Http && named
}

fn traits(account: &Account) -> gateway::AccountTraits {
    let rule = |rule: &scenario::Rule| gateway::Rule {
        status: rule.status,
        words: rule.words.clone(),
        span: Span::from_secs(rule.minutes.saturating_mul(60)),
    };
    gateway::AccountTraits {
        credential: credential(account),
        http1: account.protocol == Protocol::Http1,
        pool_mode: account.pool_mode,
        pool_mode_retry_count: account.pool_mode_retry_count,
        pool_mode_retry_status_codes: account.pool_mode_retry_status_codes.clone(),
        rules: account.temp_unschedulable_rules.iter().map(rule).collect(),
        models: account.models.clone(),
        refresh_token: account.refresh_token,
    }
}

/// The latest start that leaves room for the longest run.
const _: () = assert!(Time::NEVER.unix_nanos() - 13_569_465_600_000_000_000 > scenario::LONGEST.0.nanos());
