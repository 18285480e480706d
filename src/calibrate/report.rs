//! What a calibration found, for people, as Markdown.

use std::fmt::Write as _;
use std::path::Path;

use super::advice::{advice, next};
use super::backtest::{ASSUMED, BackTest, Compared, FigureAgreement};
use super::cache::Cache;
use super::calibrated::{Agreement, Calibrated};
use super::input::WHOLE;
use super::observed::{CacheSeen, Kind};
use super::resolution::Resolution;
use super::scenario::words;
use crate::measure::provenance::{FEW, Shares};
use crate::units::{self, count};

/// The whole report of a calibration as Markdown, which is written to report.md.
pub fn markdown(calibrated: &Calibrated) -> String {
    let mut text = String::new();
    let _ = text.write_fmt(format_args!("# Calibration\n\n{}\n", summary(calibrated)));
    section(&mut text, "What the log holds", &log_lines(calibrated));
    accounts(&mut text, calibrated);
    spans(&mut text, calibrated);
    table(&mut text, "Back-test: the whole period, fitted to all of it", &calibrated.back_test);
    if let Some((split, test)) = &calibrated.validation {
        let title = format!("Out of sample: accounts fitted to the first {split:.0} s, the rest compared");
        table(&mut text, &title, test);
        text.push_str(
            "\nConditions (when an account was slow or failed) are facts of the period and were given to both; how \
             healthy accounts answer was learnt from the first part only.\n",
        );
    }
    trust(&mut text, calibrated);
    text
}

/// The first lines: verdict, and what hangs on it.
pub fn summary(calibrated: &Calibrated) -> String {
    let (verdict, why) = match (calibrated.verdict, &calibrated.too_little) {
        (Agreement::Agrees, _) => ("agrees", String::new()),
        (Agreement::Off, _) => ("off", String::new()),
        (Agreement::TooLittle, None) => ("too little data", String::new()),
        (Agreement::TooLittle, Some(little)) => ("too little data", format!(" ({})", little.words())),
    };
    let mut text = format!("verdict: **{verdict}**{why}\n\n");
    for line in advice(calibrated) {
        let _ = writeln!(text, "- {line}");
    }
    if !calibrated.resolution.is_empty() {
        let words: Vec<String> = calibrated.resolution.iter().map(Resolution::words).collect();
        let _ = writeln!(text, "- by this log, {}: the verdict says no more than that of them", words.join("; "));
    }
    tested(&mut text, "back-test", &calibrated.back_test);
    if let Some((_, test)) = &calibrated.validation {
        tested(&mut text, "out of sample", test);
    }
    if !calibrated.gateway.is_empty() {
        let _ = writeln!(text, "- {}", calibrated.gateway);
    }
    for line in calibrated.input.sessions.words() {
        let _ = writeln!(text, "- {line}");
    }
    if let Some(sessions) = calibrated.assumed_sessions {
        let _ = writeln!(
            text,
            "- about {sessions:.0} sessions at a time are assumed in their place: the number with which simulations \
             come nearest \
             to the record; what hangs on sessions (escapes, moves) is compared to within a factor of {ASSUMED} only"
        );
    }
    if calibrated.input.log.has_accounts {
        let _ = writeln!(text, "- {}", rests_on(calibrated));
    }
    let (slow, failing) = (calibrated.fit.slow.len(), calibrated.fit.failing.len());
    let spans = |number: usize, what: &str| count(number as u64, what);
    let _ = writeln!(text, "- {} and {} became conditions", spans(slow, "slow span"), spans(failing, "failing span"));
    text
}

/// How many figures of a test agree, and the first ones that are off.
fn tested(text: &mut String, name: &str, test: &BackTest) {
    let [agree, off_count, open] = test.counts();
    let _ = writeln!(
        text,
        "- {name}: of {} figures {agree} {}, {off_count} {} off, {open} undecided ({} simulations)",
        test.figures.len(),
        units::agree(agree as u64, "agrees", "agree"),
        units::agree(off_count as u64, "is", "are"),
        test.replications
    );
    const MOST: usize = 6;
    let off = |figure: &&Compared| matches!(figure.judgement, FigureAgreement::Off(_));
    let more = off_count.saturating_sub(MOST);
    for figure in test.figures.iter().filter(off).take(MOST) {
        if let FigureAgreement::Off(by) = figure.judgement {
            let _ = writeln!(
                text,
                "  - off by {by:.2}: {} was {} and is simulated as {}",
                figure.name,
                value(figure, figure.recorded),
                value(figure, figure.simulated)
            );
        }
    }
    if more > 0 {
        let _ = writeln!(text, "  - and {more} more that are off");
    }
}

/// How much of what simulated requests met was seen in the record. (Whether they went to the same account says
/// nothing: the names of sessions are not the gateway's own, so that the dice fall in another way.)
fn rests_on(calibrated: &Calibrated) -> String {
    let Shares { same, observed, extrapolated } = calibrated.back_test.rests_on;
    format!(
        "{:.1} % of simulated requests go to an account that was seen {FEW} times or more in the state it is in \
         then, {:.1} % to one that was hardly ever seen in that state: these are extrapolated",
        (same + observed) * 100.0,
        extrapolated * 100.0
    )
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(text, "\n## {title}\n");
    for line in lines {
        let _ = writeln!(text, "- {line}");
    }
}

fn log_lines(calibrated: &Calibrated) -> Vec<String> {
    let log = &calibrated.input.log;
    let exact = log.records.iter().filter(|record| record.exact_arrival).count();
    let requests = count(log.records.len() as u64, "request");
    let mut lines = vec![format!("{requests} in {:.0} s", log.span_s())];
    if log.has_accounts {
        lines.push(format!(
            "{:.1} % with a time of arrival from the access log, the gateway's own work takes {:.0} ms",
            100.0 * exact as f64 / log.records.len().max(1) as f64,
            log.overhead_s() * 1e3
        ));
    }
    lines.extend(calibrated.input.notes.iter().cloned());
    let normal = &calibrated.fit.normal;
    if normal.exponent > 0.0 {
        lines.push(format!(
            "TTFT grows with the input to the power {:.2} (median input {:.0} tokens)",
            normal.exponent, normal.median_input
        ));
    } else {
        lines.push("no effect of the input's size on TTFT shows".to_owned());
    }
    for (kind, effect) in log.kinds.iter().zip(&normal.kinds).filter(|(_, effect)| **effect != 0.0) {
        lines.push(format!("`{kind}` answers {:.2} times as fast as the slowest model", libm::exp(-effect)));
    }
    lines.push(match &calibrated.input.cache {
        Cache::NeverHit => "no request found anything in a prompt cache: none is modelled, and what moving costs in \
                            cold turns is unknown"
            .to_owned(),
        Cache::Hits { share } => format!(
            "{:.0} % of requests found cached tokens, but too few turns show when they are lost: 5 min is assumed",
            share * 100.0
        ),
        Cache::Fitted { ttl_s, between_s, block_tokens, min_tokens, turns, right, depth } => format!(
            "prompt cache: entries live {ttl_s} s (turns show it to be {}), blocks of {block_tokens}, at least \
             {min_tokens} tokens; right for {:.0} % of {turns} turns, which found {:.0} % of what they could (median)",
            match between_s {
                (from, Some(to)) => format!("between {from:.0} and {to:.0} s"),
                (from, None) => format!("{from:.0} s or more"),
            },
            right * 100.0,
            depth * 100.0
        ),
    });
    let CacheSeen { first, first_hits, .. } = calibrated.input.record(WHOLE).cache;
    if first_hits > 0 {
        lines.push(format!(
            "{:.1} % of {first} first turns on an account found cached tokens (what sessions have in common): that \
             is not modelled",
            100.0 * first_hits as f64 / first as f64
        ));
    }
    if let Some(speed) = calibrated.input.tries.prefill_tokens_per_s {
        lines.push(format!("input that is not in a cache is read at {speed:.0} tokens/s, which adds to the TTFT"));
    }
    lines
}

fn accounts(text: &mut String, calibrated: &Calibrated) {
    let fit = &calibrated.fit;
    text.push_str("\n## Healthy accounts\n\n");
    text.push_str(
        "| account | attempts | healthy answers | TTFT median | spread (sigma) | TTFTs are | answers take | failures \
         outside of spans |\n",
    );
    text.push_str("| ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n");
    for &id in &calibrated.input.ids {
        let place = calibrated.input.tries.ids.binary_search(&id).ok();
        let account = place.map_or(&fit.unseen, |place| &fit.accounts[place]);
        let failures: Vec<String> = account
            .failures
            .iter()
            .map(|failure| {
                format!("{} x {} ({:.2} %)", failure.count, words(failure.fault), failure.probability * 100.0)
            })
            .collect();
        let _ = writeln!(
            text,
            "| {id} | {} | {} | {:.1} ms | {:.3} | {} | {} | {} |",
            account.attempts,
            account.answers,
            libm::exp(account.mu) * 1e3,
            account.sigma,
            account.shape.words(),
            account.decode.1,
            if failures.is_empty() { "none".to_owned() } else { failures.join(", ") }
        );
    }
    if calibrated.input.ids.len() > 1 {
        text.push_str(
            "\nAccounts that cannot be distinguished share an estimate (each is drawn to the common mean as far as it \
             is unsure).\n",
        );
    }
}

fn spans(text: &mut String, calibrated: &Calibrated) {
    let fit = &calibrated.fit;
    text.push_str("\n## Spans that became conditions\n\n");
    if fit.slow.is_empty() && fit.failing.is_empty() {
        text.push_str("None: no account was slow, or failed more than usual, for several attempts in a row.\n");
        return;
    }
    text.push_str("| account | from | to | what | shown by |\n| ---: | ---: | ---: | --- | --- |\n");
    let end = |to: Option<f64>| to.map_or_else(|| "the end".to_owned(), |to| format!("{to:.1} s"));
    for span in &fit.slow {
        let id = calibrated.input.tries.ids[span.account];
        let decode =
            if span.decode_factor == 1.0 { String::new() } else { format!(", decode x {:.1}", span.decode_factor) };
        let _ = writeln!(
            text,
            "| {id} | {:.1} s | {} | TTFT x {:.1}{decode} | {} answers |",
            span.from_s,
            end(span.to_s),
            span.factor,
            span.answers
        );
    }
    for span in &fit.failing {
        let id = calibrated.input.tries.ids[span.account];
        let _ = writeln!(
            text,
            "| {id} | {:.1} s | {} | {:.0} % {} | {} of {} attempts |",
            span.from_s,
            end(span.to_s),
            span.rate * 100.0,
            words(span.fault),
            span.failures,
            span.attempts
        );
    }
}

fn table(text: &mut String, title: &str, test: &BackTest) {
    let _ = writeln!(text, "\n## {title}\n");
    text.push_str(
        "| figure | recorded | simulated | ratio (interval) | verdict |\n| --- | ---: | ---: | ---: | --- |\n",
    );
    for figure in &test.figures {
        let ratio =
            figure.ratio.map_or_else(|| "-".to_owned(), |(r, low, high)| format!("{r:.2} ({low:.2} to {high:.2})"));
        let verdict = match figure.judgement {
            FigureAgreement::Agrees => "agrees".to_owned(),
            FigureAgreement::Off(by) => format!("**off by {by:.2}**"),
            FigureAgreement::Undecided => "undecided".to_owned(),
        };
        let (recorded, simulated) = (value(figure, figure.recorded), value(figure, figure.simulated));
        let _ = writeln!(text, "| {} | {recorded} | {simulated} | {ratio} | {verdict} |", figure.name);
    }
}

/// A value of a figure as it reads.
pub fn value(figure: &Compared, value: Option<f64>) -> String {
    match (value, figure.kind) {
        (None, _) => "not known".to_owned(),
        (Some(value), Kind::Millis) => format!("{value:.0} ms"),
        (Some(value), Kind::Count) => format!("{value:.0}"),
        (Some(value), Kind::Share) => format!("{:.1} %", value * 100.0),
    }
}

fn trust(text: &mut String, calibrated: &Calibrated) {
    text.push_str("\n## What an answer from this scenario rests on\n\n");
    if calibrated.input.log.has_accounts {
        let _ = writeln!(text, "Under the recorded settings {}.\n", rests_on(calibrated));
    }
    text.push_str(
        "`stickysim tune` answers for this traffic and repeats these shares for the value that it finds: what an \
         account would \
         have answered to others was not observed but drawn from how it answered its own. Arrivals are those of the \
         record, whatever becomes of earlier requests (`timing: recorded`).\n\n",
    );
    let _ = writeln!(text, "{}", next(calibrated, Path::new("scenario.yaml")));
}
