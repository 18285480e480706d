//! Keys of the gateway's tree that are not read, but nearly are: misspelt ones, and known ones at another level. The
//! gateway passes over them in silence, and so its operator believes that they are set.
//!
//! Keys that are the gateway's own and merely change nothing here are no near misses, even where they sound alike.

/// Keys of the gateway that sound like one that a simulation knows.
const ITS_OWN: [&str; 6] = [
    "max_account_switches_gemini",
    "max_account_switches_antigravity",
    "session_window_ttl_seconds",
    "fallback_ttl_seconds",
    "fallback_cooldown_seconds",
    "slot_cleanup_interval",
];

/// Keys that change what users feel and are not simulated, with what they do unless they are 0.
const FELT: [(&str, &str); 1] = [(
    "openai_high_effort_first_output_timeout_seconds",
    "requests of high effort have a timeout of their own; here `openai_first_output_timeout_seconds` holds for all",
)];

/// What to say of a key that is not read, if it is a near miss of one of `known`. All paths count from `gateway`.
pub(super) fn of(written: &str, known: &[&'static str]) -> Option<String> {
    let (parent, leaf) = split(written);
    if ITS_OWN.contains(&leaf.to_lowercase().as_str()) {
        return None;
    }
    let squashed = squash(leaf);
    let in_weights = squash(parent).contains("weight");
    let meant = known
        .iter()
        .filter_map(|path| {
            let (known_parent, known_leaf) = split(path);
            let is_weight = known_parent.contains("weights");
            // the weights' short names are words that anything may have
            if is_weight != in_weights {
                return None;
            }
            let distance = distance(&squashed, &squash(known_leaf), is_weight, parent == known_parent)?;
            Some((distance, strsim::damerau_levenshtein(parent, known_parent), *path))
        })
        .min();
    meant.map(|(_, _, path)| {
        let meant = if path.contains("rate_limit.") { path.to_owned() } else { format!("gateway.{path}") };
        format!("`gateway.{written}` is not read; did you mean `{meant}`?")
    })
}

/// What to say of a key that is the gateway's own, changes what users feel, and is not simulated.
pub(super) fn felt(written: &str, is_off: bool) -> Option<String> {
    let (_, what) = FELT.iter().find(|(key, _)| *key == written.to_lowercase() && !is_off)?;
    Some(format!("`gateway.{written}` is not simulated, though it matters: {what}"))
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// Letters and digits only: `stickyEscapeTtftMs`, `sticky-escape-ttft-ms` and `sticky_escape_ttft_ms` are one.
fn squash(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// How far two names are apart, if they are near: at most two letters, or a unit at the end that is missing or too
/// much. Names of five or six letters (`lb_top_k`) are near if they stand at one place and are one letter apart.
fn distance(written: &str, known: &str, is_short: bool, is_beside: bool) -> Option<usize> {
    let apart = strsim::damerau_levenshtein(written, known);
    if apart == 0 || is_short {
        return (apart <= 1).then_some(apart);
    }
    let (shorter, longer) = if written.len() < known.len() { (written, known) } else { (known, written) };
    let unit = longer.strip_prefix(shorter).unwrap_or("");
    let is_unit = ["ms", "s", "sec", "secs", "seconds", "minutes", "min", "millis"].contains(&unit);
    let is_near = match shorter.len() {
        0..5 => false,
        5..7 => is_beside && apart <= 1,
        _ => apart <= 2 || is_unit,
    };
    is_near.then_some(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 6] = [
        "openai_scheduler.sticky_escape_ttft_ms",
        "openai_scheduler.sticky_escape_enabled",
        "openai_ws.lb_top_k",
        "openai_ws.scheduler_score_weights.ttft",
        "scheduling.fallback_wait_timeout",
        "max_account_switches",
    ];

    #[test]
    fn misspelt_keys_and_known_ones_at_another_level_are_near_misses() {
        let meant = |written: &str| of(written, &KNOWN).and_then(|hint| hint.split('`').nth(3).map(str::to_owned));
        let ttft = Some("gateway.openai_scheduler.sticky_escape_ttft_ms".to_owned());
        for written in [
            "openai_scheduler.sticky_escape_ttft",
            "openai_scheduler.sticky_escpae_ttft_ms",
            "openai_scheduler.stickyEscapeTtftMs",
            "openai_scheduler.sticky-escape-ttft-ms",
            "sticky_escape_ttft_ms",
            "openai_ws.sticky_escape_ttft_ms",
            "openai_schedular.sticky_escape_ttft_ms",
        ] {
            assert_eq!(meant(written), ttft, "{written}");
        }
        assert_eq!(
            meant("openai_ws.score_weights.ttft").as_deref(),
            Some("gateway.openai_ws.scheduler_score_weights.ttft")
        );
        for written in
            ["lb_top_k", "openai_ws.lb_top_kk", "openai_ws.lb_top", "openai_ws.lb_topk", "openai_ws.lb_tok_k"]
        {
            assert_eq!(meant(written).as_deref(), Some("gateway.openai_ws.lb_top_k"), "{written}");
        }
        assert_eq!(meant("scheduling.max_account_switch").as_deref(), Some("gateway.max_account_switches"));
    }

    #[test]
    fn keys_of_the_gateways_own_are_none() {
        for written in [
            "max_account_switches_gemini",
            "openai_ws.retry_total_budget_ms",
            "openai_http2.fallback_ttl_seconds",
            "scheduling.outbox_lag_warn_seconds",
            "live.max_session_duration_seconds",
            "priority",
            "ttft",
            "max_idle_conns",
            "openai_http2.lb_top_kk",
            "openai_ws.lb_tok_kk",
        ] {
            assert_eq!(of(written, &KNOWN), None, "{written}");
        }
    }
}
