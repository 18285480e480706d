//! The pool as the scheduler knows it, and the settings of the request loop.

use crate::gateway as gw;
use crate::scenario::{self, Account, AccountType, Protocol, Routing, Scenario, Transport};
use crate::scheduler::{self, Weights};
use crate::units::{Span, Time};

/// The pool, in order of account ids. Models are left to the request loop, which learns their numbers as it goes.
pub(super) fn pool(scenario: &Scenario) -> Vec<scheduler::Account> {
    let account = |account: &Account| scheduler::Account {
        priority: account.priority,
        load_factor: account.load_factor,
        websocket_v2: account.websocket_v2,
        credential: credential(account),
        ..scheduler::Account::new(account.id.unwrap_or_default(), account.concurrency)
    };
    scenario.accounts.iter().map(account).collect()
}

/// The request loop's settings.
pub(super) fn lower(scenario: &Scenario) -> gw::Config {
    let start = scenario.epoch.0;
    let gateway = &scenario.gateway;
    let seconds = |seconds: u64| Span::from_secs(seconds);
    let minutes = |minutes: u64| Span::from_secs(minutes.saturating_mul(60));
    gw::Config {
        scheduler: scheduler(scenario),
        transport: match scenario.transport {
            Transport::Http => gw::Transport::Http,
            Transport::Websocket => gw::Transport::WebSocket,
        },
        max_account_switches: gateway.max_account_switches,
        outbox_poll_interval: seconds(gateway.scheduling.outbox_poll_interval_seconds),
        full_rebuild_interval: seconds(gateway.scheduling.full_rebuild_interval_seconds),
        overload_cooldown: minutes(scenario.rate_limit.overload_cooldown_minutes),
        process_start: start,
        wait_jitter: scenario.what_if.wait_jitter,
        replicas: scenario.replicas.count,
        routing: match scenario.replicas.routing {
            Routing::RoundRobin => gw::ReplicaRouting::RoundRobin,
            Routing::BySession => gw::ReplicaRouting::BySession,
        },
        restarts: scenario
            .replicas
            .restarts
            .iter()
            .map(|restart| gw::Restart { at: start + restart.at.0, replica: restart.replica })
            .collect(),
        user_concurrency: scenario.clients.user_concurrency,
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
        weights: Weights {
            priority: weights.priority,
            load: weights.load,
            queue: weights.queue,
            error_rate: weights.error_rate,
            ttft: weights.ttft,
            ..Weights::default()
        },
        session_ttl: Span::from_secs(ws.sticky_session_ttl_seconds),
        response_ttl: Span::from_secs(ws.sticky_response_id_ttl_seconds),
        sticky_max_waiting: scheduling.sticky_session_max_waiting,
        sticky_wait_timeout: scheduling.sticky_session_wait_timeout.0,
        fallback_max_waiting: scheduling.fallback_max_waiting,
        fallback_wait_timeout: scheduling.fallback_wait_timeout.0,
        slot_ttl: Span::from_secs(scenario.gateway.concurrency_slot_ttl_minutes.saturating_mul(60)),
        load_cache_ttl: Span::from_millis(scenario.what_if.load_batch_cache_ms),
        ewma_alpha: scenario.what_if.ewma_alpha,
        group_id: scenario.group_id,
        ..scheduler::Config::default()
    }
}

fn retry(retry: &scenario::Retry) -> gw::ClientRetry {
    gw::ClientRetry {
        statuses: retry.on.clone(),
        limit: retry.max,
        backoff: retry.backoff.0,
        factor: retry.factor,
        longest: retry.longest.0,
        jitter: retry.jitter,
    }
}

const fn credential(account: &Account) -> gw::Credential {
    match account.kind {
        AccountType::ApiKey => gw::Credential::ApiKey,
        AccountType::Oauth => gw::Credential::OAuth,
    }
}

fn traits(account: &Account) -> gw::AccountTraits {
    let rule = |rule: &scenario::Rule| gw::Rule {
        status: rule.status,
        words: rule.words.clone(),
        span: Span::from_secs(rule.minutes.saturating_mul(60)),
    };
    gw::AccountTraits {
        credential: credential(account),
        http1: account.protocol == Protocol::Http1,
        pool_mode: account.pool_mode,
        pool_mode_retry_count: account.pool_mode_retry_count,
        pool_mode_retry_status_codes: account.pool_mode_retry_status_codes.clone(),
        rules: account.temp_unschedulable_rules.iter().map(rule).collect(),
        models: account.models.clone(),
    }
}

/// The latest start that leaves room for the longest run.
const _: () = assert!(Time::NEVER.unix_nanos() - 13_569_465_600_000_000_000 > scenario::LONGEST.0.nanos());
