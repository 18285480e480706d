//! What the summary says, section by section, and the remarks beside the figures that they touch.

use super::blocks::{Block, Cells, Section, Table, glued, remarks, with_remarks};
use super::harm::by_harm;
use crate::measure::Status;
use crate::measure::figures::Unit;
use crate::report::completions;
use crate::report::document::{Estimate, NamedFigures, ResultDocument};
use crate::report::format::{self, NONE};
use crate::units::{Span, count, plural};

/// The most rows of moves, and of accounts, that a summary shows.
const MOST_MOVES: usize = 8;
const MOST_ACCOUNTS: usize = 40;

/// The most conditions that a summary shows.
const MOST_CONDITIONS: usize = 4;

/// The rows of the table of conditions: title, unit, and the path below a condition and below `detection`.
const DETECTION: [(&str, Unit, &str); 8] = [
    ("onsets on accounts", Unit::Count, "onsets"),
    ("seen by the escape gate", Unit::Count, "detected"),
    ("delay until seen, p50", Unit::Seconds, "delay_s.p50"),
    ("delay until seen, max", Unit::Seconds, "delay_s.max"),
    ("results until seen, p50", Unit::Count, "completions.p50"),
    ("missed turns", Unit::Count, "missed_turns"),
    ("readmitted after, p50", Unit::Seconds, "readmission_s.p50"),
    ("never readmitted", Unit::Count, "never_readmitted"),
];

/// All sections in order.
pub fn sections(document: &ResultDocument) -> Vec<Section> {
    let mut all = vec![
        what_was_run(document),
        tail_latency(document),
        escapes(document),
        detection(document),
        cost(document),
        outcomes(document),
    ];
    if !document.accounts.is_empty() {
        all.push(accounts(document));
    }
    let said: Vec<&str> = all
        .iter()
        .flat_map(|section| &section.blocks)
        .filter_map(|block| if let Block::Remark(text) = block { Some(text.as_str()) } else { None })
        .collect();
    let left: Vec<Block> = remarks(document, |_| true)
        .into_iter()
        .filter(|block| !matches!(block, Block::Remark(text) if said.contains(&text.as_str())))
        .collect();
    if !left.is_empty() {
        all.push(Section { title: "Notes".into(), blocks: left });
    }
    all
}

pub(super) fn what_was_run(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let about = &document.about;
    let replications = if document.replications > 1 {
        format!(
            "{} replications from seed {} (means over them, of percentiles too; ± is the 95 % interval)",
            document.replications, about.seed
        )
    } else {
        format!("seed {}", about.seed)
    };
    let gate = &about.settings.gate;
    let escape = if gate.enabled {
        format!(
            "sticky escape over {} TTFT or {} % errors",
            format::setting(Span::from_millis(gate.ttft_ms)),
            format::trimmed(&format::rounded(gate.error_rate * 100.0)),
        )
    } else if about.settings.mode.has_gate() {
        "sticky escape off".into()
    } else {
        format!("mode {}", about.settings.mode.name())
    };
    let warmup = about.settings.warmup_end.since(about.settings.start);
    let warmup =
        if warmup.is_zero() { String::new() } else { format!(" after {} of warm-up", format::setting(warmup)) };
    let mut blocks = vec![
        Block::Line(format!(
            "{}, {} ok, in {}{warmup}; {replications}",
            cells.counted("requests.total", "request"),
            cells.count("requests.ok"),
            cells.secs("requests.measured_s"),
        )),
        Block::Line(format!("{}, {escape}", count(document.accounts.len() as u64, "account"))),
    ];
    if cells.any("sessions.total") {
        blocks.insert(
            1,
            Block::Line(format!(
                "{}, {}",
                cells.counted("sessions.total", "session"),
                cells.counted("sessions.turns", "turn")
            )),
        );
    }
    let section = Section { title: about.name.clone(), blocks };
    with_remarks(document, section, &["requests", "scenario", "workload"])
}

fn tail_latency(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let mut blocks = vec![Block::Table(latencies(&cells, document.about.settings.slo_ttft))];
    if cells.any("felt_ttft_ms.without_token") {
        blocks.push(Block::Line(format!(
            "no first token: {} of the requests ({}); they rank as worst. Those that got one: mean {}, p50 {}, p99 \
             {}, max {}",
            cells.count("felt_ttft_ms.without_token"),
            cells.ratio("felt_ttft_ms.without_token_ratio"),
            cells.ms("answered_ttft_ms.mean"),
            cells.ms("answered_ttft_ms.p50"),
            cells.ms("answered_ttft_ms.p99"),
            cells.ms("answered_ttft_ms.max"),
        )));
    }
    if cells.any("sessions.total") {
        let settings = &document.about.settings;
        let stuck = if cells.any("sessions.stuck") {
            let longest = cells.secs("sessions.longest_stuck_s");
            format!(
                "{} ({}), the longest for {longest}",
                cells.count("sessions.stuck"),
                cells.ratio("sessions.stuck_ratio")
            )
        } else {
            "none".into()
        };
        let (turns, slow) = (settings.stuck_turns.max(1), format::setting(settings.slow_ttft));
        blocks.push(Block::Line(format!(
            "stuck sessions ({turns} or more turns over {slow} or without a token in a row): {stuck}"
        )));
    }
    if cells.any("sessions.turns_without_token") {
        blocks.push(Block::Line(format!(
            "{} of {} had no first token",
            cells.counted("sessions.turns_without_token", "turn"),
            cells.counted("sessions.with_turn_without_token", "session")
        )));
    }
    let section = Section { title: "Tail latency, per request and per session".into(), blocks };
    with_remarks(document, section, &["felt_ttft_ms", "answered_ttft_ms", "upstream_ttft_ms", "sessions"])
}

/// TTFT of requests and sessions by mean and percentiles, and the shares over the SLO.
fn latencies(cells: &Cells<'_>, slo: Span) -> Table {
    let mut table = Table::new(&["TTFT", "felt", "upstream", "session's worst", "session's mean"]);
    for (name, field) in [
        ("mean", "mean"),
        ("p50", "p50"),
        ("p90", "p90"),
        ("p95", "p95"),
        ("p99", "p99"),
        ("p99.9", "p999"),
        ("max", "max"),
    ] {
        table.row([
            name.into(),
            cells.ms(&format!("felt_ttft_ms.{field}")),
            cells.ms(&format!("upstream_ttft_ms.{field}")),
            cells.ms(&format!("sessions.worst_ttft_ms.{field}")),
            cells.ms(&format!("sessions.mean_ttft_ms.{field}")),
        ]);
    }
    table.row([
        format!("over {}", format::setting(slo)),
        cells.ratio("felt_ttft_ms.over_slo_ratio"),
        cells.ratio("upstream_ttft_ms.over_slo_ratio"),
        cells.ratio("sessions.over_slo_ratio"),
        NONE.into(),
    ]);
    table
}

fn escapes(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let mut blocks = Vec::new();
    if cells.any("escapes.total") {
        blocks.push(Block::Line(format!(
            "{} in {} of the requests: ttft {}, error_rate {}, concurrency_full {}",
            cells.counted("escapes.total", "escape"),
            cells.ratio("escapes.requests_ratio"),
            cells.count("escapes.by_reason.ttft"),
            cells.count("escapes.by_reason.error_rate"),
            cells.count("escapes.by_reason.concurrency_full"),
        )));
        blocks.push(Block::Line(format!(
            "{} led to another account, {} ({}) back to the same one (wasted), {} to none",
            cells.count("escapes.moves"),
            cells.count("escapes.wasted"),
            cells.ratio("escapes.wasted_ratio"),
            cells.count("escapes.without_account"),
        )));
        blocks.push(Block::Line(format!(
            "{} of sessions, {}; {}",
            cells.counted("escapes.departures", "departure"),
            cells.counted("escapes.returns", "return"),
            rewritten(&cells),
        )));
        let mut table = Table::new(&["from -> to", "moves", "returns"]);
        for entry in document.moves.iter().take(MOST_MOVES) {
            let figure = |estimate| format::figure(Some(estimate), Unit::Count);
            let name = |id: &String| document.accounts.iter().find(|a| a.name == *id).map_or_else(|| id.clone(), label);
            let pair = format!("{} -> {}", name(&entry.from), name(&entry.to));
            table.row([pair, figure(entry.moves), figure(entry.returns)]);
        }
        if !table.rows.is_empty() {
            blocks.push(Block::Table(table));
        }
        if let Some(more) = document.moves.len().checked_sub(MOST_MOVES).filter(|&more| more > 0) {
            blocks.push(Block::Line(format!("and {more} more {} of accounts", plural(more as u64, "pair"))));
        }
    }
    with_remarks(document, Section { title: "Escapes".into(), blocks }, &["escapes"])
}

/// Bindings that were rewritten, with the causes that there were.
fn rewritten(cells: &Cells<'_>) -> String {
    let causes = [
        ("waited", "waited"),
        ("failover", "failover"),
        ("TTL lapsed", "ttl_lapsed"),
        ("account unavailable", "unavailable"),
        ("WebSocket", "websocket"),
        ("previous response", "previous_response"),
    ];
    let causes: Vec<String> = causes
        .iter()
        .map(|&(title, name)| (title, format!("escapes.rewritten.{name}")))
        .filter(|(_, path)| cells.any(path))
        .map(|(title, path)| format!("{title} {}", cells.count(&path)))
        .collect();
    if causes.is_empty() {
        return "no binding rewritten".into();
    }
    format!("{} rewritten: {}", cells.counted("escapes.rewritten.total", "binding"), causes.join(", "))
}

fn detection(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let mut blocks = Vec::new();
    if cells.any("detection.onsets") || cells.any("detection.missed_turns") {
        let mut table = Table::new(&["condition"]);
        let gate = document.about.settings.mode.has_gate();
        for (title, unit, field) in DETECTION {
            let title = if field == "detected" && !gate { "seen by score or cooldown" } else { title };
            let conditions = document.conditions.iter().take(MOST_CONDITIONS).map(|condition| condition.get(field));
            let all = (document.conditions.len() != 1).then(|| document.get(&format!("detection.{field}")));
            let cells = conditions.chain(all).map(|estimate| glued(&format::figure(estimate, unit)));
            table.row(std::iter::once(title.to_owned()).chain(cells));
        }
        let names = document.conditions.iter().take(MOST_CONDITIONS).map(|condition| condition.name.clone());
        table.header.extend(names.chain((document.conditions.len() != 1).then(|| "all".into())));
        blocks.push(Block::Table(table));
    }
    if let Some(more) = document.conditions.len().checked_sub(MOST_CONDITIONS).filter(|&more| more > 0) {
        blocks.push(Block::Line(format!(
            "and {more} more {} (all are in the JSON document)",
            plural(more as u64, "condition")
        )));
    }
    if cells.any("detection.false_escapes") {
        blocks.push(Block::Line(format!(
            "{} ({} of the health escapes), {} of them from accounts that had recovered",
            cells.counted("detection.false_escapes", "false escape"),
            cells.ratio("detection.false_escapes_ratio"),
            match document.get("detection.late_escapes") == document.get("detection.false_escapes") {
                true => "all".to_owned(),
                false => cells.count("detection.late_escapes"),
            },
        )));
    }
    blocks.push(Block::Line(slow_completions(document)));
    let section = Section { title: "Detection against ground truth".into(), blocks };
    with_remarks(document, section, &["detection", "conditions"])
}

/// The line that every run is read with.
fn slow_completions(document: &ResultDocument) -> String {
    let gate = &document.about.settings.gate;
    if !document.about.settings.mode.has_gate() {
        return "slow completions never fire a gate: this mode has none".into();
    }
    if !gate.enabled {
        return "slow completions never fire the gate: escape is off".into();
    }
    let threshold = format::setting(Span::from_millis(gate.ttft_ms));
    let Some(baseline) = document.about.baseline_ms.or_else(|| document.mean("upstream_ttft_ms.p50")) else {
        return format!(
            "how many slow completions fire the gate at {threshold} is not known: nothing was served, so there is no \
             average to start from"
        );
    };
    let levels = completions::table(gate, baseline).map(|(level, n)| {
        let n = n.map_or_else(|| "none".into(), completions::in_words);
        glued(&format!("{n} of {}", format::setting(Span::from_millis_f64(level))))
    });
    let [most @ .., last] = &levels;
    format!(
        "from an average of {}, so many completions in a row fire the gate at {threshold}: {} or {last}; those of \
         {threshold} or less never do",
        format::time(baseline / 1e3, None),
        most.join(", ")
    )
}

fn cost(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let mut blocks = Vec::new();
    if document.get("cost.cold_turns").is_some() {
        blocks.push(Block::Line(format!(
            "cold turns: {} of {} ({})",
            cells.count("cost.cold_turns"),
            cells.count("cost.turns"),
            cells.ratio("cost.cold_turn_ratio")
        )));
    }
    blocks.push(Block::Line(format!(
        "input tokens: {}, of which cached {}, uncached {}; output tokens: {}",
        cells.get("cost.input_tokens", Unit::Tokens),
        cells.ratio("cost.cached_token_ratio"),
        cells.get("cost.uncached_input_tokens", Unit::Tokens),
        cells.get("cost.output_tokens", Unit::Tokens),
    )));
    if document.get("cost.price").is_some() {
        blocks.push(Block::Line(format!("price: {}", cells.get("cost.price", Unit::Money))));
    }
    with_remarks(document, Section { title: "Cost of moving".into(), blocks }, &["cost"])
}

fn outcomes(document: &ResultDocument) -> Section {
    let get = |path: &str| document.get(path);
    let cells = Cells(&get);
    let statuses: Vec<String> = Status::ALL
        .iter()
        .map(|status| (status.name(), format!("statuses.{}", status.name())))
        .filter(|(_, path)| cells.any(path))
        .map(|(name, path)| format!("{name} {}", cells.count(&path)))
        .collect();
    let mut blocks = vec![Block::Line(format!(
        "good (ok within {}): {} ({}), {}",
        format::setting(document.about.settings.slo_ttft),
        cells.count("outcomes.goodput"),
        cells.ratio("outcomes.goodput_ratio"),
        cells.get("outcomes.goodput_per_s", Unit::PerSecond),
    ))];
    if !statuses.is_empty() {
        blocks.push(Block::Line(format!("ended as: {}", statuses.join(", "))));
    }
    blocks.push(Block::Line(if cells.any("waiting.waited") {
        format!(
            "waited: {} of the requests; over all of them p50 {}, p95 {}, p99 {}, max {}",
            cells.ratio("waiting.waited_ratio"),
            cells.ms("waiting.wait_ms.p50"),
            cells.ms("waiting.wait_ms.p95"),
            cells.ms("waiting.wait_ms.p99"),
            cells.ms("waiting.wait_ms.max"),
        )
    } else {
        "nobody waited for a slot".into()
    }));
    blocks.push(Block::Line(format!(
        "forwards: {}, failed {} ({}); account switches {}; retries by clients {}",
        cells.count("outcomes.attempts"),
        cells.count("outcomes.failed_attempts"),
        cells.ratio("outcomes.failed_attempts_ratio"),
        cells.count("scheduler.account_switch_total"),
        cells.count("outcomes.client_retries"),
    )));
    blocks.push(Block::Line(format!(
        "selects: {}, sticky hits {} (previous response {}, session {}), load balance {}; load_skew_avg {}",
        cells.count("scheduler.select_total"),
        cells.ratio("scheduler.sticky_hit_ratio"),
        cells.count("scheduler.sticky_previous_hit_total"),
        cells.count("scheduler.sticky_session_hit_total"),
        cells.count("scheduler.load_balance_select_total"),
        cells.get("scheduler.load_skew_avg", Unit::Plain),
    )));
    let section = Section { title: "Waiting and outcomes".into(), blocks };
    with_remarks(document, section, &["waiting", "outcomes", "statuses", "scheduler"])
}

/// An account by its id, with its name beside it where it has one.
pub(super) fn label(named: &NamedFigures) -> String {
    if named.label == named.name { named.name.clone() } else { format!("{} {}", named.name, named.label) }
}

fn accounts(document: &ResultDocument) -> Section {
    let header = ["account", "requests", "share", "busy", "p50", "p99", "errors", "escapes", "blocked", "away"];
    let mut table = Table::new(&header);
    // intervals would not fit beside each other
    let mean = |named: &NamedFigures, path: &str| named.get(path).map(|estimate| Estimate::Single(estimate.mean()));
    for place in by_harm(document, MOST_ACCOUNTS) {
        let named = &document.accounts[place];
        let get = |path: &str| mean(named, path);
        let cells = Cells(&get);
        table.row([
            label(named),
            cells.count("requests"),
            cells.ratio("requests_ratio"),
            cells.ratio("utilisation_ratio"),
            cells.ms("ttft_ms.p50"),
            cells.ms("ttft_ms.p99"),
            cells.ratio("error_ratio"),
            cells.count("escapes_from"),
            cells.secs("blocked_s"),
            cells.secs("away_s"),
        ]);
    }
    let legend = "p50, p99: upstream TTFT; busy: share of its slots' time; away: off the list after a block had ended";
    let mut blocks = vec![Block::Table(table), Block::Line(legend.into())];
    if let Some(more) = document.accounts.len().checked_sub(MOST_ACCOUNTS).filter(|&more| more > 0) {
        let accounts = plural(more as u64, "account");
        let text = format!("the most affected ones first; {more} more {accounts} (all are in the JSON document)");
        blocks.push(Block::Line(text));
    }
    let title = if document.replications > 1 { "Accounts (means)" } else { "Accounts" };
    with_remarks(document, Section { title: title.into(), blocks }, &["accounts"])
}
