//! Every figure of a run by its path, in the order of the result document.
//!
//! The set is fixed: a figure that a run cannot have (no sessions, nothing escaped) is there and has no value.

use super::meta::Better::{Higher, Lower, Neutral};
use super::meta::Unit::{Count, Money, Ms, PerSecond, Plain, Ratio, Seconds, Tokens};
use super::meta::{Better, Group, Meta, Unit};

const fn f(group: Group, path: &'static str, title: &'static str, unit: Unit, better: Better) -> Meta {
    Meta { path, title, unit, better, group }
}

/// The figures of the whole run.
#[rustfmt::skip]
pub static RUN: &[Meta] = {
    use Group::{Cost, Detection, Engine, Escapes, Latency, Outcomes, Requests, Scheduler, Sessions, Waiting};
    &[
        f(Requests, "requests.total", "requests", Count, Neutral),
        f(Requests, "requests.ok", "requests answered in full", Count, Higher),
        f(Requests, "requests.failed", "requests that ended otherwise", Count, Lower),
        f(Requests, "requests.unfinished", "requests under way at the end of the run", Count, Neutral),
        f(Requests, "requests.warmup", "requests of the warm-up, counted in nothing else", Count, Neutral),
        f(Requests, "requests.measured_s", "time from the end of the warm-up to the end of the run", Seconds, Neutral),

        f(Latency, "felt_ttft_ms.mean", "felt TTFT, mean", Ms, Lower),
        f(Latency, "felt_ttft_ms.p50", "felt TTFT, p50", Ms, Lower),
        f(Latency, "felt_ttft_ms.p90", "felt TTFT, p90", Ms, Lower),
        f(Latency, "felt_ttft_ms.p95", "felt TTFT, p95", Ms, Lower),
        f(Latency, "felt_ttft_ms.p99", "felt TTFT, p99", Ms, Lower),
        f(Latency, "felt_ttft_ms.p999", "felt TTFT, p99.9", Ms, Lower),
        f(Latency, "felt_ttft_ms.max", "felt TTFT, maximum", Ms, Lower),
        f(Latency, "felt_ttft_ms.samples", "requests with a first token", Count, Neutral),
        f(Latency, "felt_ttft_ms.over_slo_ratio", "share of first tokens over the SLO", Ratio, Lower),
        f(Latency, "upstream_ttft_ms.mean", "upstream TTFT, mean", Ms, Lower),
        f(Latency, "upstream_ttft_ms.p50", "upstream TTFT, p50", Ms, Lower),
        f(Latency, "upstream_ttft_ms.p90", "upstream TTFT, p90", Ms, Lower),
        f(Latency, "upstream_ttft_ms.p95", "upstream TTFT, p95", Ms, Lower),
        f(Latency, "upstream_ttft_ms.p99", "upstream TTFT, p99", Ms, Lower),
        f(Latency, "upstream_ttft_ms.p999", "upstream TTFT, p99.9", Ms, Lower),
        f(Latency, "upstream_ttft_ms.max", "upstream TTFT, maximum", Ms, Lower),
        f(Latency, "upstream_ttft_ms.samples", "last forwards with a first token", Count, Neutral),
        f(Latency, "upstream_ttft_ms.over_slo_ratio", "share of upstream TTFTs over the SLO", Ratio, Lower),

        f(Sessions, "sessions.total", "sessions with a turn that counts", Count, Neutral),
        f(Sessions, "sessions.turns", "turns with a first token", Count, Neutral),
        f(Sessions, "sessions.turns_without_token", "turns without a first token", Count, Lower),
        f(Sessions, "sessions.with_turn_without_token", "sessions with a turn without a first token", Count, Lower),
        f(Sessions, "sessions.worst_ttft_ms.mean", "worst turn of a session, mean", Ms, Lower),
        f(Sessions, "sessions.worst_ttft_ms.p50", "worst turn of a session, p50", Ms, Lower),
        f(Sessions, "sessions.worst_ttft_ms.p90", "worst turn of a session, p90", Ms, Lower),
        f(Sessions, "sessions.worst_ttft_ms.p95", "worst turn of a session, p95", Ms, Lower),
        f(Sessions, "sessions.worst_ttft_ms.p99", "worst turn of a session, p99", Ms, Lower),
        f(Sessions, "sessions.worst_ttft_ms.max", "worst turn of a session, maximum", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.mean", "mean TTFT of a session, mean", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.p50", "mean TTFT of a session, p50", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.p90", "mean TTFT of a session, p90", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.p95", "mean TTFT of a session, p95", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.p99", "mean TTFT of a session, p99", Ms, Lower),
        f(Sessions, "sessions.mean_ttft_ms.max", "mean TTFT of a session, maximum", Ms, Lower),
        f(Sessions, "sessions.over_slo", "sessions with a turn over the SLO", Count, Lower),
        f(Sessions, "sessions.over_slo_ratio", "share of sessions with a turn over the SLO", Ratio, Lower),
        f(Sessions, "sessions.stuck", "stuck sessions", Count, Lower),
        f(Sessions, "sessions.stuck_ratio", "share of stuck sessions", Ratio, Lower),
        f(Sessions, "sessions.longest_stuck_s", "longest time that a session was stuck", Seconds, Lower),

        f(Escapes, "escapes.total", "escapes", Count, Neutral),
        f(Escapes, "escapes.by_reason.ttft", "escapes for TTFT", Count, Neutral),
        f(Escapes, "escapes.by_reason.error_rate", "escapes for error rate", Count, Neutral),
        f(Escapes, "escapes.by_reason.concurrency_full", "escapes for want of a slot", Count, Neutral),
        f(Escapes, "escapes.wasted", "escapes that load balance sent back to the same account", Count, Lower),
        f(Escapes, "escapes.wasted_ratio", "share of escapes that were wasted", Ratio, Lower),
        f(Escapes, "escapes.without_account", "escapes that found no account", Count, Lower),
        f(Escapes, "escapes.moves", "escapes that led to another account", Count, Neutral),
        f(Escapes, "escapes.departures", "times that a session left its account by escaping", Count, Neutral),
        f(Escapes, "escapes.returns", "sessions that came back to the account they had escaped from", Count, Neutral),
        f(Escapes, "escapes.requests", "requests with an escape", Count, Neutral),
        f(Escapes, "escapes.requests_ratio", "share of requests with an escape", Ratio, Neutral),
        f(Escapes, "escapes.rewritten.total", "bindings rewritten after an escape", Count, Neutral),
        f(Escapes, "escapes.rewritten.waited", "bindings rewritten by waiting for another account", Count, Neutral),
        f(Escapes, "escapes.rewritten.failover", "bindings rewritten by a failover", Count, Neutral),
        f(Escapes, "escapes.rewritten.ttl_lapsed", "bindings rewritten after their TTL had lapsed", Count, Neutral),
        f(Escapes, "escapes.rewritten.unavailable", "bindings rewritten because their account was not available", Count, Neutral),
        f(Escapes, "escapes.rewritten.websocket", "bindings rewritten by the WebSocket handler", Count, Neutral),
        f(Escapes, "escapes.rewritten.previous_response", "bindings rewritten by a hit of previous_response_id", Count, Neutral),

        f(Detection, "detection.onsets", "times that an account became degraded", Count, Neutral),
        f(Detection, "detection.detected", "of these, seen by the escape gate while they lasted", Count, Higher),
        f(Detection, "detection.detected_ratio", "share of onsets that were seen", Ratio, Higher),
        f(Detection, "detection.delay_s.mean", "onset to first health escape, mean", Seconds, Lower),
        f(Detection, "detection.delay_s.p50", "onset to first health escape, p50", Seconds, Lower),
        f(Detection, "detection.delay_s.min", "onset to first health escape, minimum", Seconds, Lower),
        f(Detection, "detection.delay_s.max", "onset to first health escape, maximum", Seconds, Lower),
        f(Detection, "detection.completions.mean", "results reported until then, mean", Count, Lower),
        f(Detection, "detection.completions.p50", "results reported until then, p50", Count, Lower),
        f(Detection, "detection.completions.min", "results reported until then, minimum", Count, Lower),
        f(Detection, "detection.completions.max", "results reported until then, maximum", Count, Lower),
        f(Detection, "detection.missed_turns", "turns that stayed on a degraded account by stickiness", Count, Lower),
        f(Detection, "detection.missed_turns_ratio", "share of the turns bound to a degraded account that stayed", Ratio, Lower),
        f(Detection, "detection.false_escapes", "health escapes from a healthy account", Count, Lower),
        f(Detection, "detection.false_escapes_ratio", "share of health escapes that were false", Ratio, Lower),
        f(Detection, "detection.late_escapes", "of these, from an account that had been degraded before", Count, Lower),
        f(Detection, "detection.readmission_s.mean", "end of degradation to readmission, mean", Seconds, Lower),
        f(Detection, "detection.readmission_s.p50", "end of degradation to readmission, p50", Seconds, Lower),
        f(Detection, "detection.readmission_s.min", "end of degradation to readmission, minimum", Seconds, Lower),
        f(Detection, "detection.readmission_s.max", "end of degradation to readmission, maximum", Seconds, Lower),
        f(Detection, "detection.degraded_again", "recovered accounts that degraded again before they were readmitted", Count, Neutral),
        f(Detection, "detection.never_readmitted", "recovered accounts that were never readmitted", Count, Lower),

        f(Cost, "cost.turns", "turns of sessions that reached an upstream's first token", Count, Neutral),
        f(Cost, "cost.cold_turns", "cold turns: no prefix found though the session had one elsewhere", Count, Lower),
        f(Cost, "cost.cold_turn_ratio", "share of cold turns", Ratio, Lower),
        f(Cost, "cost.input_tokens", "input tokens", Tokens, Neutral),
        f(Cost, "cost.cached_token_ratio", "share of input tokens found in a prompt cache", Ratio, Higher),
        f(Cost, "cost.uncached_input_tokens", "input tokens not found in a prompt cache", Tokens, Lower),
        f(Cost, "cost.output_tokens", "output tokens", Tokens, Neutral),
        f(Cost, "cost.price", "price of all tokens", Money, Lower),

        f(Waiting, "waiting.wait_ms.mean", "time in wait counters, mean", Ms, Lower),
        f(Waiting, "waiting.wait_ms.p50", "time in wait counters, p50", Ms, Lower),
        f(Waiting, "waiting.wait_ms.p95", "time in wait counters, p95", Ms, Lower),
        f(Waiting, "waiting.wait_ms.p99", "time in wait counters, p99", Ms, Lower),
        f(Waiting, "waiting.wait_ms.max", "time in wait counters, maximum", Ms, Lower),
        f(Waiting, "waiting.waited", "requests that waited", Count, Lower),
        f(Waiting, "waiting.waited_ratio", "share of requests that waited", Ratio, Lower),
        f(Waiting, "waiting.queue_full_ratio", "share of requests refused because too many waited", Ratio, Lower),
        f(Waiting, "waiting.timeout_ratio", "share of requests that waited in vain", Ratio, Lower),

        f(Outcomes, "statuses.ok", "ok", Count, Higher),
        f(Outcomes, "statuses.wait_queue_full", "wait_queue_full", Count, Lower),
        f(Outcomes, "statuses.wait_timeout", "wait_timeout", Count, Lower),
        f(Outcomes, "statuses.no_available_accounts", "no_available_accounts", Count, Lower),
        f(Outcomes, "statuses.failover_exhausted", "failover_exhausted", Count, Lower),
        f(Outcomes, "statuses.stream_broken", "stream_broken", Count, Lower),
        f(Outcomes, "statuses.upstream_error", "upstream_error", Count, Lower),
        f(Outcomes, "statuses.account_busy", "account_busy", Count, Lower),
        f(Outcomes, "statuses.client_gone", "client_gone", Count, Lower),
        f(Outcomes, "statuses.model_not_found", "model_not_found", Count, Lower),
        f(Outcomes, "statuses.invalid_request", "invalid_request", Count, Lower),
        f(Outcomes, "outcomes.goodput", "requests answered in full within the SLO", Count, Higher),
        f(Outcomes, "outcomes.goodput_ratio", "share of requests answered in full within the SLO", Ratio, Higher),
        f(Outcomes, "outcomes.goodput_per_s", "requests a second answered in full within the SLO", PerSecond, Higher),
        f(Outcomes, "outcomes.attempts", "forwards to an upstream", Count, Neutral),
        f(Outcomes, "outcomes.failed_attempts", "forwards that failed", Count, Lower),
        f(Outcomes, "outcomes.failed_attempts_ratio", "share of forwards that failed", Ratio, Lower),
        f(Outcomes, "outcomes.client_retries", "tries of clients after their first", Count, Lower),

        f(Scheduler, "scheduler.select_total", "select_total", Count, Neutral),
        f(Scheduler, "scheduler.sticky_previous_hit_total", "sticky_previous_hit_total", Count, Neutral),
        f(Scheduler, "scheduler.sticky_session_hit_total", "sticky_session_hit_total", Count, Neutral),
        f(Scheduler, "scheduler.load_balance_select_total", "load_balance_select_total", Count, Neutral),
        f(Scheduler, "scheduler.account_switch_total", "account_switch_total", Count, Neutral),
        f(Scheduler, "scheduler.sticky_hit_ratio", "sticky_hit_ratio", Ratio, Neutral),
        f(Scheduler, "scheduler.account_switch_rate", "account_switch_rate", Ratio, Neutral),
        f(Scheduler, "scheduler.load_skew_avg", "load_skew_avg", Plain, Neutral),
        f(Scheduler, "scheduler.runtime_stats_account_count", "runtime_stats_account_count", Count, Neutral),

        f(Engine, "engine.events", "events handled", Count, Neutral),
    ]
};

/// The figures of each account; in the result document they stand in the array `accounts` beside `id`.
#[rustfmt::skip]
pub static ACCOUNT: &[Meta] = {
    use Group::Accounts;
    &[
        f(Accounts, "concurrency", "slots", Count, Neutral),
        f(Accounts, "requests", "requests", Count, Neutral),
        f(Accounts, "requests_ratio", "share of requests", Ratio, Neutral),
        f(Accounts, "attempts", "forwards", Count, Neutral),
        f(Accounts, "failed_attempts", "failed forwards", Count, Lower),
        f(Accounts, "error_ratio", "share of forwards that failed", Ratio, Lower),
        f(Accounts, "utilisation_ratio", "share of its slots' time that was taken", Ratio, Neutral),
        f(Accounts, "ttft_ms.mean", "upstream TTFT, mean", Ms, Lower),
        f(Accounts, "ttft_ms.p50", "upstream TTFT, p50", Ms, Lower),
        f(Accounts, "ttft_ms.p95", "upstream TTFT, p95", Ms, Lower),
        f(Accounts, "ttft_ms.p99", "upstream TTFT, p99", Ms, Lower),
        f(Accounts, "escapes_from", "escapes from it", Count, Neutral),
        f(Accounts, "escapes_to", "escapes to it", Count, Neutral),
        f(Accounts, "blocked_s", "time unschedulable or blocked", Seconds, Lower),
        f(Accounts, "away_s", "time off the list of candidates after a block had ended", Seconds, Lower),
        f(Accounts, "ewma_ttft_ms", "TTFT EWMA at the end", Ms, Neutral),
        f(Accounts, "ewma_error_rate_ratio", "error-rate EWMA at the end", Ratio, Neutral),
    ]
};

/// The figures of each condition; in the result document they stand in the array `conditions` beside `name`.
#[rustfmt::skip]
pub static CONDITION: &[Meta] = {
    use Group::Conditions;
    &[
        f(Conditions, "onsets", "times that it degraded an account", Count, Neutral),
        f(Conditions, "degraded_s", "time that accounts were degraded by it", Seconds, Neutral),
        f(Conditions, "detected", "onsets seen by the escape gate", Count, Higher),
        f(Conditions, "delay_s.mean", "onset to first health escape, mean", Seconds, Lower),
        f(Conditions, "delay_s.p50", "onset to first health escape, p50", Seconds, Lower),
        f(Conditions, "delay_s.min", "onset to first health escape, minimum", Seconds, Lower),
        f(Conditions, "delay_s.max", "onset to first health escape, maximum", Seconds, Lower),
        f(Conditions, "completions.mean", "results reported until then, mean", Count, Lower),
        f(Conditions, "completions.p50", "results reported until then, p50", Count, Lower),
        f(Conditions, "completions.min", "results reported until then, minimum", Count, Lower),
        f(Conditions, "completions.max", "results reported until then, maximum", Count, Lower),
        f(Conditions, "missed_turns", "turns that stayed on an account it degraded by stickiness", Count, Lower),
        f(Conditions, "readmission_s.mean", "end to readmission, mean", Seconds, Lower),
        f(Conditions, "readmission_s.p50", "end to readmission, p50", Seconds, Lower),
        f(Conditions, "readmission_s.min", "end to readmission, minimum", Seconds, Lower),
        f(Conditions, "readmission_s.max", "end to readmission, maximum", Seconds, Lower),
        f(Conditions, "degraded_again", "recovered accounts that degraded again before they were readmitted", Count, Neutral),
        f(Conditions, "never_readmitted", "recovered accounts that were never readmitted", Count, Lower),
    ]
};
