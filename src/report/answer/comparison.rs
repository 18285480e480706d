//! The answer of a comparison: what befell whom, whether B is better for users, what got worse, and what it costs.

use serde::Deserialize as _;

use super::figures::{COST, HARM, also_worse, sure};
use super::incident::{Accounts, incident, other_conditions};
use super::run::capital;
use super::trouble::Pool;
use super::words::sentence;
use super::{Answer, FAILURES, Tone, plain};
use crate::experiment::compare::{Comparison, Conclusion, Row};
use crate::experiment::criterion::Evidence;
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::measure::figures::{Unit, no_token};
use crate::report::ComparisonReport;
use crate::report::document::Estimate;
use crate::report::format;
use crate::scenario::Duration;
use crate::units::{agree, count};

/// A bill that is higher by less than this share, or cold turns that are more by less, decide nothing by themselves.
const TRIFLE: f64 = 0.001;

/// The answer of a comparison.
pub fn of_comparison(report: &ComparisonReport) -> Answer {
    let comparison = &report.comparison;
    if comparison.is_inert() {
        return inert(comparison);
    }
    let mut answer = Answer::new(said(report), tone(comparison));
    for gate in &comparison.gates {
        let (word, tone) = match gate.judgement.evidence {
            Evidence::Holds => ("failed", Tone::Bad),
            Evidence::Refuted => ("passed", Tone::Good),
            Evidence::Open => ("undecided", Tone::Undecided),
        };
        answer.point(format!("Gate {word}: fails if {}.", gate.criterion.text), tone);
    }
    if comparison.differing < comparison.replications {
        let text = format!(
            "In only {} of {} replications did any decision of the scheduler differ.",
            comparison.differing, comparison.replications
        );
        answer.point(text, Tone::Undecided);
    }
    other_conditions(&report.scenarios[1]).into_iter().for_each(|words| answer.point(words, Tone::Neutral));
    let rows = |paths: &[&str]| paths.iter().filter_map(|path| comparison.row(path)).collect::<Vec<_>>();
    moved(&mut answer, &rows(&HARM));
    moved(&mut answer, &rows(&COST));
    also_worse(comparison, &mut answer);
    advice(report, &mut answer);
    answer
}

fn inert(comparison: &Comparison) -> Answer {
    let runs = match comparison.replications {
        1 => "the one replication".to_owned(),
        n => format!("any of {n} replications"),
    };
    if nothing_arrived(comparison) {
        let text = format!("No request was counted in {runs}: there is nothing to compare.");
        return Answer::plain(text, Tone::Undecided, [super::run::MORE.to_owned()]);
    }
    let text = format!("Inert: no decision of the scheduler differed in {runs}, so nothing was tested.");
    let mut answer = Answer::new(text, Tone::Undecided);
    let text = "A scenario in which accounts get worse, or a setting that matters, would test something.";
    answer.point(text, Tone::Neutral);
    answer
}

/// The figure by which a comparison is judged.
fn headline(comparison: &Comparison) -> Option<(&Row, &Paired)> {
    let there = |path: &str| comparison.row(path).and_then(|row| Some((row, row.paired.as_ref()?)));
    there("sessions.worst_ttft_ms.p99").or_else(|| there("felt_ttft_ms.p99"))
}

/// The shares of requests that failed under A and B.
fn failed(comparison: &Comparison) -> [f64; 2] {
    let means = |path: &str| {
        let row = comparison.row(path);
        let paired = row.and_then(|row| row.paired.as_ref());
        let alone = |side: usize| row.and_then(|row| row.alone[side]);
        let paired = |side: usize| paired.map(|paired| [paired.a, paired.b][side]);
        [0, 1].map(|side| paired(side).or_else(|| alone(side)).map_or(0.0, |found| found.mean))
    };
    let (failed, all) = (means("requests.failed"), means("requests.total"));
    [0, 1].map(|side| if all[side] > 0.0 { failed[side] / all[side] } else { 0.0 })
}

fn nothing_arrived(comparison: &Comparison) -> bool {
    comparison.row("requests.total").and_then(|row| row.paired.as_ref()).is_none_or(|paired| paired.b.mean == 0.0)
}

fn tone(comparison: &Comparison) -> Tone {
    match comparison.conclusion() {
        Conclusion::Failed => return Tone::Bad,
        Conclusion::Inert | Conclusion::NotDecidable => return Tone::Undecided,
        Conclusion::Passed => {}
    }
    let is = |path: &&str, verdict| comparison.row(path).is_some_and(|row| row.verdict == verdict && sure(row));
    if nothing_arrived(comparison) {
        return Tone::Undecided;
    }
    if failed(comparison)[1] > FAILURES {
        return if is(&"requests.failed", Verdict::Better) { Tone::Neutral } else { Tone::Bad };
    }
    let harm = HARM.iter().any(|path| is(path, Verdict::Worse));
    let gain = HARM.iter().any(|path| is(path, Verdict::Better));
    let cost = COST.iter().any(|path| is(path, Verdict::Worse));
    match headline(comparison).map(|(row, _)| (row.verdict, sure(row))) {
        Some((Verdict::Better, true)) if harm => Tone::Neutral,
        Some((Verdict::Better, true)) => Tone::Good,
        Some((Verdict::Worse, _)) => Tone::Bad,
        // what is shown to be bought is not what counts most, and has its price
        Some(_) if (harm || cost) && gain => Tone::Neutral,
        Some(_) if only_a_trifle(comparison, harm, cost) => Tone::Neutral,
        // nothing is shown to be bought for what it costs
        Some(_) if harm || cost => Tone::Bad,
        Some((Verdict::NotDecidable, _)) | None => Tone::Undecided,
        Some(_) => Tone::Neutral,
    }
}

fn nothing_is_better(comparison: &Comparison) -> bool {
    let claims = |path: &&&str| comparison.row(path).is_some_and(|row| row.verdict == Verdict::Better);
    !HARM.iter().chain(&COST).any(|path| claims(&path))
}

/// Whether nothing is worse but the bill, and that by so little that nobody would see it there.
fn only_a_trifle(comparison: &Comparison, harm: bool, cost: bool) -> bool {
    let change = |path: &str| {
        let row = comparison.row(path)?;
        let paired = row.paired.as_ref()?;
        let by = if row.figure.meta.unit == Unit::Ratio { Some(paired.difference) } else { paired.change };
        by.map(|by| by.mean.abs())
    };
    cost && !harm && COST.iter().filter_map(|path| change(path)).all(|change| change < TRIFLE)
}

fn said(report: &ComparisonReport) -> String {
    let comparison = &report.comparison;
    let mut clauses = Vec::new();
    match comparison.conclusion() {
        Conclusion::Failed => clauses.push("a gate failed".to_owned()),
        Conclusion::NotDecidable if comparison.has_open_gate() => clauses.push("a gate is undecided".to_owned()),
        Conclusion::NotDecidable => clauses.push("the precision that was asked for was not reached".to_owned()),
        Conclusion::Passed if !comparison.gates.is_empty() => clauses.push("all gates passed".to_owned()),
        Conclusion::Passed | Conclusion::Inert => {}
    }
    if nothing_arrived(comparison) {
        clauses.push("no request was counted, so there is nothing to compare".to_owned());
        return sentence(&clauses);
    }
    let [a, b] = failed(comparison);
    if b > FAILURES {
        let share = |share: f64| format::figure(Some(Estimate::Single(share)), Unit::Ratio);
        let (of_a, of_b) = (share(a), share(b));
        clauses.push(format!("{of_b} of the requests failed under B ({of_a} under A)"));
    }
    clauses.extend(incident(&report.scenarios[1]).or_else(|| trouble(report)));
    let Some((row, paired)) = headline(comparison) else {
        clauses.push("no replication has a TTFT under both".to_owned());
        return sentence(&clauses);
    };
    clauses.push(judged(report, row, paired));
    let beside = ["sessions.stuck", "sessions.over_slo_ratio", "cost.price"];
    let beside = beside.iter().filter_map(|path| comparison.row(path)).filter(|row| row.verdict.claims());
    clauses.extend(beside.filter_map(short));
    sentence(&clauses)
}

/// The accounts that gave trouble under B, where no condition says it.
fn trouble(report: &ComparisonReport) -> Option<String> {
    let (comparison, scenario) = (&report.comparison, &report.scenarios[1]);
    let mean = |path: &str| {
        let row = comparison.row(path)?;
        row.paired.as_ref().map(|paired| paired.b).or(row.alone[1]).map(|found| no_token::or_nan(found.mean))
    };
    let accounts = Accounts::of(scenario);
    let slo = scenario.pointer("/measure/slo_ttft").and_then(|slo| Duration::deserialize(slo).ok());
    let pool = Pool {
        ids: accounts.ids(),
        accounts,
        figure: &|id, path| mean(&format!("accounts.{id}.{path}")).unwrap_or(0.0),
        escapes: ["escapes.total", "escapes.by_reason.concurrency_full"].map(|path| mean(path).unwrap_or(0.0)),
        slo: slo.map(|slo| slo.0),
    };
    pool.trouble()
}

/// What B is called in a sentence, and A.
fn sides(report: &ComparisonReport) -> [String; 2] {
    let comparison = &report.comparison;
    if is_custom(comparison) {
        return ["with sticky escape off".to_owned(), "with sticky escape on".to_owned()];
    }
    [format!("under A ({})", comparison.a), format!("under B ({})", comparison.b)]
}

/// Whether A is the scenario with escape off, as is the custom, and B the scenario as it stands.
fn is_custom(comparison: &Comparison) -> bool {
    comparison.a == "escape off" && comparison.b == "as it stands"
}

fn judged(report: &ComparisonReport, row: &Row, paired: &Paired) -> String {
    let what = if row.figure.path.starts_with("sessions") {
        "the worst turn of the slowest 1 % of sessions"
    } else {
        "the TTFT of the slowest 1 % of requests"
    };
    let mean = |of: Interval| format::figure(Some(Estimate::Single(of.mean)), row.figure.meta.unit);
    let (from, to) = (mean(paired.a), mean(paired.b));
    let [a, b] = sides(report);
    let change = paired.change.map_or_else(String::new, |change| format!(" ({})", percent(change.mean)));
    let verb = if paired.difference.mean < 0.0 { "fell" } else { "rose" };
    let (whose, they) =
        if row.figure.path.starts_with("sessions") { ("sessions", "their worst turn") } else { ("requests", "they") };
    let lost = |side: &str| format!("some of the slowest 1 % of {whose} got no first token {side}");
    let n = report.comparison.replications;
    let few = format!("{} {} too few to judge", count(n, "replication"), agree(n, "is", "are"));
    let doubt = match row.verdict {
        Verdict::NotDecidable => format!(", but {few} that"),
        Verdict::NoDifferenceShown => ", but no difference is shown".to_owned(),
        verdict if verdict.claims() && !sure(row) => ", but that is perhaps chance".to_owned(),
        _ => String::new(),
    };
    match [&from, &to].map(|mean| mean == "no token") {
        [true, true] => return format!("{}, and {b} alike", lost(&a)),
        [true, false] => return format!("{}; {they} took {to} {b}{doubt}", lost(&a)),
        [false, true] => return format!("{}; {they} took {from} {a}{doubt}", lost(&b)),
        [false, false] => {}
    }
    match row.verdict {
        Verdict::Identical => format!("{what} is {to} {a} and {b} alike"),
        Verdict::NoDifferenceShown => format!("no difference is shown in {what}: {from} {a}, {to} {b}"),
        Verdict::NotDecidable => format!("{few} {what}: {from} {a}, {to} {b}"),
        _ if sure(row) => format!("{what} {verb} from {from} {a} to {to} {b}{change}"),
        _ => format!("{what} perhaps {verb} from {from} {a} to {to} {b}{change}"),
    }
}

/// A difference in a few words: `8 stuck sessions instead of 102`, `price +3.0 %`.
fn short(row: &Row) -> Option<String> {
    let paired = row.paired.as_ref()?;
    let perhaps = if sure(row) { "" } else { "perhaps " };
    let verb = if paired.difference.mean < 0.0 { "fell" } else { "rose" };
    let name = plain(&row.figure.path).unwrap_or(row.figure.meta.title);
    let mean = |of: Interval| format::figure(Some(Estimate::Single(of.mean)), row.figure.meta.unit);
    let (from, to) = (mean(paired.a), mean(paired.b));
    match (row.figure.meta.unit, paired.change) {
        (Unit::Money, Some(change)) => Some(format!("the {name} {perhaps}{verb} by {}", size(change.mean))),
        // a difference that does not show in three digits is for the points
        _ => (from != to).then(|| format!("{name} {perhaps}{verb} from {from} to {to}")),
    }
}

fn percent(fraction: f64) -> String {
    let sign = if fraction > 0.0 { "+" } else { "" };
    format!("{sign}{} %", format::rounded(fraction * 100.0))
}

fn size(fraction: f64) -> String {
    format!("{} %", format::rounded(fraction.abs() * 100.0))
}

/// A point for each difference that is claimed, what got worse before what got better.
fn moved(answer: &mut Answer, rows: &[&Row]) {
    let mut found: Vec<&&Row> = rows.iter().filter(|row| row.verdict.claims()).collect();
    found.sort_by_key(|row| (row.figure.path != "requests.failed", row.verdict != Verdict::Worse));
    for row in found {
        if let Some(paired) = &row.paired {
            answer.point(point(row, paired), if sure(row) { tone_of(row.verdict) } else { Tone::Neutral });
        }
    }
}

fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Better => Tone::Good,
        Verdict::Worse => Tone::Bad,
        _ => Tone::Neutral,
    }
}

fn point(row: &Row, paired: &Paired) -> String {
    let unit = row.figure.meta.unit;
    let mean = |of: Interval| format::figure(Some(Estimate::Single(of.mean)), unit);
    let name = plain(&row.figure.path).unwrap_or(row.figure.meta.title);
    let (from, to) = (mean(paired.a), mean(paired.b));
    let by = match (unit, paired.change) {
        (Unit::Ratio, _) => {
            let points = paired.difference.mean * 100.0;
            format!(" ({}{} pp)", if points > 0.0 { "+" } else { "" }, format::rounded(points))
        }
        (_, Some(change)) => format!(" ({})", percent(change.mean)),
        // these are compared by rank, so no number says by how much
        _ if from == "no token" && to == "no token" => match row.verdict {
            Verdict::Better => ", but less often".to_owned(),
            _ => ", and more often".to_owned(),
        },
        _ if from == "no token" || to == "no token" => String::new(),
        (_, None) => " (from nothing)".to_owned(),
    };
    let words = row.verdict.words();
    let verdict = if sure(row) { capital(words) } else { format!("Perhaps {words}") };
    format!("{verdict}: {name}: {from} under A, {to} under B{by}.")
}

fn advice(report: &ComparisonReport, answer: &mut Answer) {
    let comparison = &report.comparison;
    let threshold = report.scenarios[1].pointer("/gateway/openai_scheduler/sticky_escape_ttft_ms");
    let threshold = threshold.and_then(serde_json::Value::as_f64).map(|ms| format::time(ms / 1e3, None));
    let text = match (answer.tone, is_custom(comparison)) {
        (Tone::Good, true) => {
            let at = threshold.map_or_else(String::new, |at| format!(" at {at}"));
            format!("Keep sticky escape on{at}; `stickysim tune` says whether another threshold is better.")
        }
        (Tone::Good, false) => format!("Take B ({}).", comparison.b),
        (Tone::Bad, true) => {
            "For this scenario alone, sticky escape is better switched off; others may want it.".to_owned()
        }
        (Tone::Bad, false) => format!("Stay with A ({}).", comparison.a),
        (Tone::Neutral, true) if nothing_is_better(comparison) => {
            "Sticky escape has next to nothing to do here: this scenario says neither to keep it nor to switch it off."
                .to_owned()
        }
        (Tone::Neutral, _) => {
            "Weigh what got better against what got worse: neither setting is better in all.".to_owned()
        }
        (Tone::Undecided, _) => {
            let runs = super::plural(comparison.replications as f64, "replication");
            format!("More --replications may decide it; there were {runs}.")
        }
    };
    let text = if failed(comparison)[1] > FAILURES {
        "Look at the failures first: while many requests fail, differences of the others say little.".to_owned()
    } else {
        text
    };
    answer.point(text, Tone::Neutral);
}
