//! The answer of a run: what befell whom, whether the gate saw it, and what users felt.

use super::incident::{Accounts, incident, other_conditions};
use super::trouble::Pool;
use super::words::{list, plural, sentence};
use super::{Answer, FAILURES, Tone};
use crate::measure::Status;
use crate::measure::figures::Unit;
use crate::report::document::{Estimate, ResultDocument};
use crate::report::format;

/// A run is good news only when this share of the requests was answered in full within the SLO.
const GOOD: f64 = 0.99;
/// More stuck sessions, or requests over the SLO, than these shares are bad news.
const STUCK: f64 = 0.01;
const OVER_SLO: f64 = 0.1;

/// What to do where nothing was counted.
pub(super) const MORE: &str = "A longer duration, a shorter warm-up or another trace gives it something to measure.";

/// Figures of a run for sentences.
struct Figures<'a>(&'a ResultDocument);

impl Figures<'_> {
    fn mean(&self, path: &str) -> f64 {
        self.0.mean(path).unwrap_or(0.0)
    }

    /// The mean alone: intervals stand in tables.
    fn show(&self, path: &str, unit: Unit) -> Option<String> {
        self.0.mean(path).map(|mean| format::figure(Some(Estimate::Single(mean)), unit))
    }

    fn count(&self, path: &str) -> String {
        format::count(self.mean(path), None)
    }

    /// The share of finished requests that failed.
    fn failed(&self) -> f64 {
        let finished = self.mean("requests.total") - self.mean("requests.unfinished");
        if finished > 0.0 { self.mean("requests.failed") / finished } else { 0.0 }
    }
}

/// The answer of a run.
pub fn of_run(document: &ResultDocument) -> Answer {
    let figures = Figures(document);
    if figures.mean("requests.total") == 0.0 {
        return nothing(&figures);
    }
    let mut answer = Answer::new(said(&figures), tone(&figures));
    failures(&figures, &mut answer);
    other_conditions(&document.about.scenario).into_iter().for_each(|words| answer.point(words, Tone::Neutral));
    harm(&figures, &mut answer);
    detection(&figures, &mut answer);
    escapes(&figures, &mut answer);
    cost(&figures, &mut answer);
    advice(&figures, &mut answer);
    answer
}

fn nothing(figures: &Figures<'_>) -> Answer {
    let sentence = match figures.mean("requests.warmup") {
        0.0 => "No request arrived: there is nothing to see.".to_owned(),
        1.0 => "The only request arrived in the warm-up: nothing is counted.".to_owned(),
        n => format!("All {} requests arrived in the warm-up: nothing is counted.", format::count(n, None)),
    };
    let mut answer = Answer::new(sentence, Tone::Undecided);
    answer.point(MORE, Tone::Neutral);
    answer
}

fn tone(figures: &Figures<'_>) -> Tone {
    let (stuck, over) = (figures.mean("sessions.stuck_ratio"), figures.mean("felt_ttft_ms.over_slo_ratio"));
    if figures.failed() > FAILURES || stuck > STUCK || over > OVER_SLO {
        return Tone::Bad;
    }
    let unseen = figures.mean("detection.onsets") > figures.mean("detection.detected");
    if stuck > 0.0 || unseen || figures.mean("outcomes.goodput_ratio") < GOOD { Tone::Neutral } else { Tone::Good }
}

/// The sentence: failures, who and when, whether the gate saw it, and harm.
fn said(figures: &Figures<'_>) -> String {
    let mut clauses = Vec::new();
    if figures.failed() > FAILURES {
        clauses.push(failed(figures));
    }
    clauses.push(who(figures));
    clauses.extend(seen(figures));
    clauses.push(felt(figures));
    sentence(&clauses)
}

fn failed(figures: &Figures<'_>) -> String {
    let share = format::figure(Some(Estimate::Single(figures.failed())), Unit::Ratio);
    let finished = figures.mean("requests.total") - figures.mean("requests.unfinished");
    let (failed, all) = (figures.count("requests.failed"), format::count(finished, None));
    format!("{share} of the requests failed ({failed} of {all}{})", endings(figures))
}

/// How most of the failed ended.
fn endings(figures: &Figures<'_>) -> String {
    let failures = Status::ALL.iter().map(|status| status.name()).filter(|name| *name != Status::Ok.name());
    let most = failures
        .map(|name| (name, figures.mean(&format!("statuses.{name}"))))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|&(_, count)| count > 0.0);
    most.map_or_else(String::new, |(name, count)| {
        let all = count >= figures.mean("requests.failed");
        format!(", {} {name}", if all { "all" } else { "most" })
    })
}

/// What befell whom and when; without a condition, the accounts that gave trouble.
fn who(figures: &Figures<'_>) -> String {
    let document = figures.0;
    if let Some(clause) = incident(&document.about.scenario) {
        return clause;
    }
    let pool = Pool {
        accounts: Accounts::new(document.accounts.iter().map(|a| (a.name.clone(), a.label.clone()))),
        ids: document.accounts.iter().map(|account| account.name.clone()).collect(),
        figure: &|id, path| {
            let account = document.accounts.iter().find(|account| account.name == id);
            account.and_then(|account| account.get(path)).map_or(0.0, Estimate::mean)
        },
        escapes: ["escapes.total", "escapes.by_reason.concurrency_full"].map(|path| figures.mean(path)),
        slo: Some(document.about.settings.slo_ttft),
    };
    pool.trouble().unwrap_or_else(|| "no account was degraded".to_owned())
}

/// Whether the gate saw it.
fn seen(figures: &Figures<'_>) -> Option<String> {
    let (onsets, detected) = (figures.mean("detection.onsets"), figures.mean("detection.detected"));
    if onsets == 0.0 {
        return None;
    }
    let settings = &figures.0.about.settings;
    if settings.mode.has_gate() && !settings.gate.enabled {
        return Some("sticky escape is off".to_owned());
    }
    let delay = figures.show("detection.delay_s.p50", Unit::Seconds);
    let what = match (detected, delay) {
        (0.0, _) => "never saw it".to_owned(),
        (n, Some(delay)) if n == onsets && onsets == 1.0 => format!("saw it after {delay}"),
        (2.0, Some(delay)) if onsets == 2.0 => format!("saw both onsets, in the median after {delay}"),
        (n, Some(delay)) if n == onsets => {
            format!("saw all {} onsets, in the median after {delay}", format::count(n, None))
        }
        (n, delay) => {
            let delay = delay.map_or_else(String::new, |delay| format!(", in the median after {delay}"));
            format!("saw {} of {} onsets{delay}", format::count(n, None), format::count(onsets, None))
        }
    };
    Some(if settings.mode.has_gate() {
        format!("the escape gate {what}")
    } else {
        format!("the mode {}, which has no escape gate, {what}", settings.mode.name())
    })
}

/// What users felt, as a clause.
fn felt(figures: &Figures<'_>) -> String {
    let slo = format::setting(figures.0.about.settings.slo_ttft);
    let (total, stuck) = (figures.mean("sessions.total"), figures.mean("sessions.stuck"));
    let over = figures.show("sessions.over_slo_ratio", Unit::Ratio);
    match (total > 0.0, over) {
        (true, _) if stuck > 0.0 => {
            format!("{} of {} sessions got stuck", format::count(stuck, None), format::count(total, None))
        }
        (true, Some(over)) => format!("no session got stuck, {over} had a turn over {slo}"),
        _ => match figures.show("felt_ttft_ms.over_slo_ratio", Unit::Ratio) {
            Some(over) => format!("{over} of the requests were over the SLO of {slo}"),
            None => "no request had a first token".to_owned(),
        },
    }
}

fn failures(figures: &Figures<'_>, answer: &mut Answer) {
    let failed = figures.mean("requests.failed");
    if failed == 0.0 || figures.failed() > FAILURES {
        return;
    }
    let share = format::figure(Some(Estimate::Single(figures.failed())), Unit::Ratio);
    answer.point(format!("{} ({share}) failed{}.", capital(&plural(failed, "request")), endings(figures)), Tone::Bad);
}

fn harm(figures: &Figures<'_>, answer: &mut Answer) {
    let slo = format::setting(figures.0.about.settings.slo_ttft);
    let ms = |path: &str| figures.show(path, Unit::Ms);
    if let (true, Some(over), Some(worst)) = (
        figures.mean("sessions.total") > 0.0,
        figures.show("sessions.over_slo_ratio", Unit::Ratio),
        ms("sessions.worst_ttft_ms.p99"),
    ) {
        let worst = match worst.as_str() {
            "no token" => "the slowest 1 % had one without a first token".to_owned(),
            worst => format!("the slowest 1 % had one of {worst} or more"),
        };
        let text = format!("{over} of the sessions had a turn over the SLO of {slo}; {worst}.");
        answer.point(text, Tone::Neutral);
    }
    if figures.mean("sessions.stuck") > 0.0 {
        let settings = &figures.0.about.settings;
        let (turns, slow) = (settings.stuck_turns.max(1), format::setting(settings.slow_ttft));
        let longest = figures.show("sessions.longest_stuck_s", Unit::Seconds).unwrap_or_default();
        let text = format!(
            "Stuck means {} over {slow} in a row; the longest stuck session was so for {longest}.",
            plural(f64::from(turns), "turn")
        );
        answer.point(text, Tone::Bad);
    }
    if let (Some(p50), Some(p99)) = (ms("felt_ttft_ms.p50"), ms("felt_ttft_ms.p99")) {
        let over = figures.show("felt_ttft_ms.over_slo_ratio", Unit::Ratio).unwrap_or_default();
        let good = figures.show("outcomes.goodput_ratio", Unit::Ratio);
        let good =
            good.map_or_else(String::new, |good| format!("; {good} of the requests were answered in full within it"));
        let text = format!("First tokens as users felt them: p50 {p50}, p99 {p99}, {over} over the SLO{good}.");
        answer.point(text, Tone::Neutral);
    }
}

fn detection(figures: &Figures<'_>, answer: &mut Answer) {
    if !figures.0.about.settings.gate.enabled {
        return;
    }
    let (onsets, detected) = (figures.mean("detection.onsets"), figures.mean("detection.detected"));
    if detected > 0.0 {
        let results = figures.mean("detection.completions.p50");
        let back = figures.show("detection.readmission_s.p50", Unit::Seconds);
        let back = back.map_or_else(String::new, |back| match detected {
            1.0 => format!("; the account was let back in {back} after it had recovered"),
            _ => format!("; an account was let back in {back} after it had recovered"),
        });
        let what = if detected == 1.0 { "It took" } else { "In the median it took" };
        answer.point(format!("{what} {} to see it{back}.", plural(results, "result")), Tone::Neutral);
    }
    if detected < onsets {
        let missed = onsets - detected;
        answer.point(format!("{} went unseen.", capital(&plural(missed, "onset"))), Tone::Bad);
    }
    let never = figures.mean("detection.never_readmitted");
    if never > 0.0 {
        answer.point(format!("{} never let back in.", accounts_were(never)), Tone::Bad);
    }
}

fn accounts_were(count: f64) -> String {
    let verb = if count == 1.0 { "was" } else { "were" };
    format!("{} that had recovered {verb}", capital(&plural(count, "account")))
}

fn escapes(figures: &Figures<'_>, answer: &mut Answer) {
    let total = figures.mean("escapes.total");
    if total == 0.0 {
        let settings = &figures.0.about.settings;
        if !settings.mode.has_gate() {
            let text = format!("Escapes: none, the mode {} has no gate.", settings.mode.name());
            return answer.point(text, Tone::Neutral);
        }
        let text = if settings.gate.enabled { "No session escaped." } else { "Sticky escape is off." };
        return answer.point(text, Tone::Neutral);
    }
    let share = figures.show("escapes.requests_ratio", Unit::Ratio).unwrap_or_default();
    let [moves, wasted, none] =
        ["escapes.moves", "escapes.wasted", "escapes.without_account"].map(|path| figures.mean(path));
    let mut parts = Vec::new();
    if moves > 0.0 {
        parts.push(format!("{} to another account", figures.count("escapes.moves")));
    }
    if wasted > 0.0 {
        let share = figures.show("escapes.wasted_ratio", Unit::Ratio).filter(|_| moves + none > 0.0);
        let share = share.map_or_else(String::new, |share| format!(" ({share})"));
        parts.push(format!("{}{share} straight back to the same account", figures.count("escapes.wasted")));
    }
    if none > 0.0 {
        parts.push(format!("{} to none", figures.count("escapes.without_account")));
    }
    if let ([only], true) = (parts.as_mut_slice(), total > 1.0)
        && let Some((_, rest)) = only.split_once(' ')
    {
        *only = format!("all {rest}");
    }
    let text = format!("{} ({share} of the requests): {}.", capital(&plural(total, "escape")), list(&parts));
    answer.point(text, Tone::Neutral);
}

fn cost(figures: &Figures<'_>, answer: &mut Answer) {
    let (cold, ratio) = (figures.mean("cost.cold_turns"), figures.show("cost.cold_turn_ratio", Unit::Ratio));
    if let (true, Some(ratio)) = (cold > 0.0, ratio) {
        let verb = if cold == 1.0 { "was" } else { "were" };
        let text = format!(
            "{} ({ratio}) {verb} cold: the prefix was cached on another account.",
            capital(&plural(cold, "turn"))
        );
        answer.point(text, Tone::Neutral);
    }
}

fn advice(figures: &Figures<'_>, answer: &mut Answer) {
    let settings = &figures.0.about.settings;
    let text = if figures.failed() > FAILURES {
        "Look at the failures first: `-v` shows how requests ended, and on which accounts.".to_owned()
    } else if figures.mean("sessions.total") == 0.0 {
        "Without sessions there is nothing sticky to escape from.".to_owned()
    } else if !settings.mode.has_gate() {
        let mode = settings.mode.name();
        format!(
            "`stickysim compare` with `--a mode={mode} --b mode=advanced` says what an escape gate would buy and cost."
        )
    } else if settings.gate.enabled {
        "`stickysim compare` on the same scenario says what escape buys here and what it costs.".to_owned()
    } else {
        "`stickysim compare` on the same scenario with sticky escape on says what that would buy and cost.".to_owned()
    };
    answer.point(text, Tone::Neutral);
}

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
