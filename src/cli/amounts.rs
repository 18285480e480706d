//! What a scenario amounts to, for `stickysim check`: one line for each thing that one would look up before a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::format::{self, grouped, rounded, setting, trimmed};
use crate::scenario::{self, Account, Course, GatewayVersion, Loaded, Mode, Scenario, Setting};
use crate::simulation::Lowered;
use crate::units::{Span, count, counted, plural, ranges};
use crate::workload::config::{Start, SynthTiming};
use crate::workload::{Expected, ReplayConfig, SynthConfig, WorkloadConfig};

/// The lines, under the scenario's name.
pub(super) fn amounts(loaded: &Loaded, lowered: &Lowered) -> String {
    let scenario = &loaded.scenario;
    let mut text = format!("{}: valid\n", scenario.name);
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "  {key:11} {value}");
    };
    line("seed", lowered.seed.to_string());
    line("gateway", format!("{}, mode {}", scenario.version().name(), scenario.scheduler_mode().name()));
    line("lasts", lasts(scenario, lowered));
    line("accounts", accounts(lowered));
    let own = shared(scenario, |account| account.priority.to_string());
    if own.len() > 1 {
        let priorities = own.iter().map(|(priority, ids)| format!("{priority} ({})", ranges(ids)));
        line("priorities", priorities.collect::<Vec<_>>().join(", "));
    }
    for (limit, ids) in shared_by(scenario, limits) {
        line("limit", format!("{limit}: {}", of_accounts(&ids, scenario.accounts.len())));
    }
    for (price, ids) in shared_by(scenario, |account| account.price.iter().map(price).collect()) {
        line("price", format!("{price}: {}", of_accounts(&ids, scenario.accounts.len())));
    }
    line("escape", escape(scenario, lowered));
    line("conditions", conditions(scenario, lowered));
    match &lowered.workload {
        WorkloadConfig::Synth(synth) => {
            line("workload", format!("synthetic sessions, {}", rate(synth)));
            line("", turns(synth));
            if synth.users > 0 {
                line("users", grouped(f64::from(synth.users)));
            }
        }
        WorkloadConfig::Replay(replay) => {
            line("workload", format!("replay of {}", replay.read.path.display()));
            let scaled = scaled(replay);
            if !scaled.is_empty() {
                line("", scaled.join(", "));
            }
        }
    }
    if let (Some(expected), WorkloadConfig::Synth(config)) = (lowered.expected(), &lowered.workload) {
        for (key, value) in ["equilibrium", ""].into_iter().zip(equilibrium(&expected, config, lowered)) {
            line(key, value);
        }
    }
    let clients = clients(&scenario.clients);
    if !clients.is_empty() {
        line("clients", clients.join(", "));
    }
    for (value, place) in later(scenario).into_iter().zip(0..) {
        line(if place == 0 { "what if" } else { "" }, value);
    }
    if scenario.replicas.count > 1 {
        line("replicas", scenario.replicas.count.to_string());
    }
    line("settings", "those of the gateway that are given, and where they come from".to_owned());
    settings(loaded, &mut text);
    text
}

/// A line for each setting of the gateway that is given.
fn settings(loaded: &Loaded, text: &mut String) {
    for setting in &loaded.settings {
        let Setting { key, value, from, over, idle } = setting;
        let over: Vec<String> = over.iter().map(|(value, from)| format!("{value} ({from})")).collect();
        let over = if over.is_empty() { String::new() } else { format!(", over {}", over.join(", ")) };
        let idle = idle.map_or_else(String::new, |why| format!("; no effect: {why}"));
        // writing to a string cannot fail
        let _ = writeln!(text, "    {key}: {value} ({from}{over}){idle}");
    }
}

/// By what the times and the rate of a replayed trace are multiplied, where they are.
fn scaled(replay: &ReplayConfig) -> Vec<String> {
    let scaled = [("times", replay.time_scale), ("rate", replay.rate_scale)];
    let scaled = scaled.iter().filter(|(_, by)| *by != 1.0);
    scaled.map(|(what, by)| format!("{what} x {}", short(*by))).collect()
}

/// The what-ifs of later revisions, which are known from release notes only.
fn later(scenario: &Scenario) -> Vec<String> {
    let what_if = &scenario.what_if;
    let newer = scenario.version() >= GatewayVersion::V0_1_179 && scenario.transport == scenario::Transport::Http;
    let http = scenario.transport == scenario::Transport::Http;
    let mut found = Vec::new();
    let mut say = |key: &str, value: String, works: bool, needs: &str| {
        let source = "from release notes of v0.2.x, not from code";
        let idle = if works { String::new() } else { format!("; no effect: it needs {needs}") };
        found.push(format!("{key} {value} ({source}){idle}"));
    };
    if let Some(timeout) = what_if.first_output_timeout {
        let needs = "`gateway_version: 0.1.179` and HTTP";
        say("first_output_timeout", setting(timeout.0), newer, needs);
    }
    if what_if.stable_seed {
        say("stable_seed", "true".to_owned(), scenario.scheduler_mode() != Mode::Legacy, "a mode that draws");
    }
    if what_if.cancel_upstream {
        say("cancel_upstream", "true".to_owned(), http, "HTTP");
    }
    found
}

fn lasts(scenario: &Scenario, lowered: &Lowered) -> String {
    let warmup = lowered.measure.warmup_end.since(lowered.start);
    let warmup = match warmup.is_zero() {
        true => "all of it is measured".to_owned(),
        false => format!("the first {} are warm-up and not measured", setting(warmup)),
    };
    match scenario.duration {
        Some(duration) => format!("{}; {warmup}", setting(duration.0)),
        None => format!("to the trace's end; {warmup}"),
    }
}

fn accounts(lowered: &Lowered) -> String {
    let slots: Vec<i64> = lowered.pool.iter().map(|account| account.concurrency).collect();
    let total: i64 = slots.iter().filter(|&&slots| slots > 0).sum();
    let unlimited = slots.iter().filter(|&&slots| slots <= 0).count();
    match unlimited {
        0 => format!("{} with {}", slots.len(), count(total.unsigned_abs(), "slot")),
        all if all == slots.len() => format!("{} without a limit of slots", slots.len()),
        _ => {
            format!("{} with {}, {unlimited} of them without a limit", slots.len(), count(total.unsigned_abs(), "slot"))
        }
    }
}

fn escape(scenario: &Scenario, lowered: &Lowered) -> String {
    let (gate, mode) = (&lowered.measure.gate, scenario.scheduler_mode());
    if mode != Mode::Advanced {
        return format!("none: the mode {} has no gate", mode.name());
    }
    if !gate.enabled {
        return "off".to_owned();
    }
    let share = trimmed(&rounded(gate.error_rate * 100.0)).to_owned();
    format!("on: TTFT EWMA over {}, error rate over {share} %, slots full", setting(Span::from_millis(gate.ttft_ms)))
}

fn conditions(scenario: &Scenario, lowered: &Lowered) -> String {
    if scenario.conditions.is_empty() {
        return "none".to_owned();
    }
    let of = |condition: &scenario::Condition| {
        let when = match &condition.when {
            Course::Scheduled(when) => match when.lasting {
                Some(lasting) => format!("from {} for {}", setting(when.at.0), setting(lasting.0)),
                None => format!("from {} on", setting(when.at.0)),
            },
            Course::Markov(_) => "at random".to_owned(),
            Course::Flapping(_) => "on and off".to_owned(),
            Course::Replayed(_) => "as recorded".to_owned(),
            Course::Triggered(_) => "when it carries too much".to_owned(),
        };
        let accounts = match condition.accounts.is_empty() {
            true => "all accounts".to_owned(),
            false => of_accounts(&condition.accounts, lowered.pool.len()),
        };
        format!("{} ({accounts}, {when})", condition.name)
    };
    let mut all: Vec<String> = scenario.conditions.iter().take(8).map(of).collect();
    if scenario.conditions.len() > all.len() {
        all.push(format!("and {} more", scenario.conditions.len() - all.len()));
    }
    all.join(", ")
}

fn rate(synth: &SynthConfig) -> String {
    let an_hour = synth.arrivals.rate_per_s * 3_600.0;
    let requests = an_hour * synth.turns.mean().max(1.0);
    format!(
        "{} an hour, about {} requests an hour",
        grouped(rounded_number(an_hour)),
        grouped(rounded_number(requests))
    )
}

fn turns(synth: &SynthConfig) -> String {
    let closed = match synth.timing {
        SynthTiming::Closed => "",
        SynthTiming::Open { .. } => ", open loop",
    };
    format!(
        "medians: {}, {} of think time, {} tokens of input at first, {} of output{closed}",
        of_mean(synth.turns.median().max(1.0), "turn"),
        setting(Span::from_secs_f64(synth.think_s.median())),
        grouped(rounded_number(synth.input.start_tokens.median())),
        grouped(rounded_number(synth.output_tokens.median())),
    )
}

/// Sessions and load once as many sessions end as begin.
fn equilibrium(expected: &Expected, config: &SynthConfig, lowered: &Lowered) -> [String; 2] {
    let starts = if config.start == Start::Empty { "starts empty; in the end" } else { "starts with" };
    let length = setting(Span::from_secs((expected.session_s / 60.0 + 0.5) as u64 * 60));
    let sessions = format!(
        "{starts} {} under way, {:.1} turns in {length} each on average",
        counted(rounded_number(expected.sessions) as u64, "session"),
        expected.turns
    );
    let slots: Vec<i64> = lowered.pool.iter().map(|account| account.concurrency).collect();
    let busy = match slots.iter().all(|&slots| slots > 0) {
        true => {
            let slots = slots.iter().sum::<i64>().unsigned_abs();
            format!("{:.1} of {} busy", expected.busy, count(slots, "slot"))
        }
        false => format!("{:.1} slots busy", expected.busy),
    };
    let rate = expected.requests_per_s;
    let load = format!("{rate:.3} requests a second of {:.2} s each while all is well: {busy}", expected.service_s);
    [sessions, load]
}

fn clients(clients: &scenario::Clients) -> Vec<String> {
    let mut all = Vec::new();
    if clients.patience.is_some() {
        all.push("leave when their patience ends".to_owned());
    }
    if let Some(retry) = &clients.retry {
        let statuses: Vec<String> = retry.on.iter().map(u16::to_string).collect();
        all.push(format!("try again up to {} after {}", count(u64::from(retry.max), "time"), statuses.join(", ")));
    }
    if let Some(limit) = clients.user_concurrency {
        all.push(format!("{limit} at a time for each user"));
    }
    all
}

/// Something on average: one is singular.
fn of_mean(number: f64, thing: &str) -> String {
    format!("{} {}", short(number), if number == 1.0 { thing.to_owned() } else { plural(2, thing) })
}

fn limits(account: &Account) -> Vec<String> {
    let of = |limit: &scenario::Limit| {
        let what = match (limit.requests, limit.tokens) {
            (Some(requests), _) => counted(requests, "request"),
            (None, tokens) => counted(tokens.unwrap_or_default(), "token"),
        };
        format!("{what} in {}", setting(limit.per.0))
    };
    account.limits.iter().map(of).collect()
}

fn price(price: &scenario::Price) -> String {
    format!(
        "{} for a million tokens of input, {} of cached input, {} of output",
        short(price.input),
        short(price.cached_input),
        short(price.output)
    )
}

/// The ids of the accounts that have the same of something.
fn shared(scenario: &Scenario, of: impl Fn(&Account) -> String) -> BTreeMap<String, Vec<i64>> {
    let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for account in &scenario.accounts {
        all.entry(of(account)).or_default().push(account.id.unwrap_or_default());
    }
    all
}

fn shared_by(scenario: &Scenario, of: impl Fn(&Account) -> Vec<String>) -> BTreeMap<String, Vec<i64>> {
    let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for account in &scenario.accounts {
        for one in of(account) {
            all.entry(one).or_default().push(account.id.unwrap_or_default());
        }
    }
    all
}

fn of_accounts(ids: &[i64], all: usize) -> String {
    match ids {
        [id] => format!("account {id}"),
        _ if ids.len() == all => "all accounts".to_owned(),
        _ => format!("accounts {}", ranges(ids)),
    }
}

fn short(value: f64) -> String {
    trimmed(&format::rounded(value)).to_owned()
}

fn rounded_number(value: f64) -> f64 {
    libm::round(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_by_their_ids() {
        assert_eq!(of_accounts(&[1, 2], 2), "all accounts");
        assert_eq!(of_accounts(&[2], 2), "account 2");
    }
}
