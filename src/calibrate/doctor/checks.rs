//! The checks, file by file, each against those before it: the log first, then what belongs to it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{About, Finding, Sorted, State};
use crate::calibrate::accounts;
use crate::calibrate::escapes::{self, REASONS};
use crate::calibrate::input;
use crate::calibrate::records::Log;
use crate::calibrate::sessions;
use crate::calibrate::too_little::{LEAST_ANSWERS, LEAST_REQUESTS};
use crate::calibrate::tries::Tries;
use crate::scenario::{Document, Loaded, Mode};
use crate::simulation::lower;
use crate::units::{agree, count};

/// An account with more requests at once than this many times its slots has other slots than the snapshot says.
const TOO_MANY: f64 = 1.5;

const EXPORT: &str = "psql \"$DSN\" -v from=\"'2026-08-01T00:00Z'\" -v to=\"'2026-08-02T00:00Z'\" -v \
                      platform=\"'openai'\" \
                      -v salt=\"'something secret'\" -At -f docs/export/sub2api-export.sql > log.jsonl";
const SNAPSHOT: &str =
    "psql \"$DSN\" -v platform=\"'openai'\" -At -f docs/export/sub2api-export-accounts.sql > accounts.jsonl";

/// The findings, in the order in which they are reported.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn say(&mut self, about: About, state: State, text: impl Into<String>) {
        self.0.push(Finding { about, state, text: text.into(), remedy: None });
    }

    fn say_with(&mut self, about: About, state: State, text: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { about, state, text: text.into(), remedy: Some(remedy.into()) });
    }

    fn notes(&mut self, about: About, notes: &[String]) {
        notes.iter().for_each(|note| self.say(about, State::Note, note.clone()));
    }

    /// The first of files of which there should be one; a word where there are more.
    fn one<'a>(&mut self, about: About, files: &'a [PathBuf], what: &str) -> Option<&'a Path> {
        if let [first, rest @ ..] = files
            && !rest.is_empty()
        {
            let text = format!("{} {what}: only {} is looked at", files.len(), first.display());
            self.say_with(about, State::Wrong, text, "give one of them");
        }
        files.first().map(PathBuf::as_path)
    }
}

/// Everything that was found.
pub(super) fn all(sorted: &Sorted) -> Vec<Finding> {
    let mut found = Findings::default();
    let log = requests(sorted, &mut found);
    let tries = log.as_ref().map(Tries::of);
    snapshot(sorted, log.as_ref().zip(tries.as_ref()), &mut found);
    let loaded = settings(sorted, log.is_some(), &mut found);
    escape_log(sorted, log.as_ref().zip(tries.as_ref()), loaded.as_ref(), &mut found);
    scenarios(sorted, &mut found);
    found.0.sort_by_key(|finding| finding.about);
    found.0
}

fn requests(sorted: &Sorted, found: &mut Findings) -> Option<Log> {
    let files: Vec<PathBuf> = sorted.logs.iter().map(|(path, _)| path.clone()).collect();
    let Some(path) = found.one(About::Log, &files, "logs of requests") else {
        if sorted.scenarios.is_empty() {
            let text = "there is no log of requests: without one there is nothing to calibrate by";
            found.say_with(About::Log, State::Missing, text, EXPORT);
        }
        return None;
    };
    let log = match input::log_of(path, None) {
        Ok(log) => log,
        Err(error) => {
            found.say(About::Log, State::Wrong, error.to_string());
            return None;
        }
    };
    let requests = log.records.len();
    let answers = log.records.iter().filter(|record| record.ttft_s.is_some()).count();
    let state = if requests < LEAST_REQUESTS || answers == 0 { State::TooLittle } else { State::Good };
    let text = format!(
        "{} in {}, {} with a time to first token",
        count(requests as u64, "request"),
        period(&log),
        count(answers as u64, "answer")
    );
    match state {
        State::Good => found.say(About::Log, state, text),
        _ if answers == 0 => {
            let remedy = "it can be replayed with --trace, but nothing can be fitted to it";
            found.say_with(About::Log, state, text, remedy);
        }
        _ => {
            found.say_with(About::Log, state, format!("{text}: {LEAST_REQUESTS} are needed"), "export a longer period")
        }
    }
    typical(&Tries::of(&log), log.has_accounts, found);
    let inferred = sessions::infer(&log);
    let without = inferred.unknown as f64 / requests.max(1) as f64;
    let state = if without > 0.5 { State::Missing } else { State::Good };
    found.say(About::Log, state, inferred.words().swap_remove(0));
    found.notes(About::Log, &log.notes);
    Some(log)
}

fn period(log: &Log) -> String {
    let long = match log.span_s() {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    };
    let date = |s: f64| {
        let ms = log.epoch_ms? + (s * 1e3) as i64;
        jiff::Timestamp::from_millisecond(ms / 1_000 * 1_000).ok().map(|at| at.to_string())
    };
    match date(0.0).zip(date(log.span_s())) {
        Some((from, to)) => format!("{long} ({from} to {to})"),
        None => long,
    }
}

/// The accounts of the log, and how much there is of the typical one.
fn typical(tries: &Tries, has_accounts: bool, found: &mut Findings) {
    if !has_accounts {
        let text = "it does not say which account served a request: one account stands for all";
        return found.say(About::Log, State::Missing, text);
    }
    let mut answers: Vec<usize> =
        tries.of.iter().map(|of| of.iter().filter(|each| each.ttft_s.is_some()).count()).collect();
    answers.sort_unstable();
    let median = answers.get(answers.len() / 2).copied().unwrap_or(0);
    let text = format!(
        "{}, the typical one with {}",
        count(tries.ids.len() as u64, "account"),
        count(median as u64, "answer")
    );
    if median < LEAST_ANSWERS {
        let text = format!("{text}: {LEAST_ANSWERS} are needed");
        found.say_with(About::Log, State::TooLittle, text, "export a longer period");
    } else {
        found.say(About::Log, State::Good, text);
    }
}

fn snapshot(sorted: &Sorted, log: Option<(&Log, &Tries)>, found: &mut Findings) {
    let file = found.one(About::Accounts, &sorted.accounts, "account snapshots");
    let seen: &[i64] = log.filter(|(log, _)| log.has_accounts).map_or(&[], |(_, tries)| &tries.ids);
    let group = log.and_then(|(log, _)| log.group);
    let read = match (file, log) {
        (Some(path), _) => accounts::read(path, group, seen),
        (None, Some((log, _))) if !log.snapshot.is_empty() => {
            let path = sorted.logs.first().map_or(Path::new(""), |(path, _)| path);
            accounts::of_text(&log.snapshot, path, group, seen)
        }
        (None, Some((log, _))) if log.has_accounts => {
            let text = "there is no account snapshot: slots are taken to be the most that were seen at once, accounts \
                        without traffic are missing, and priorities are equal";
            return found.say_with(About::Accounts, State::Missing, text, SNAPSHOT);
        }
        (None, _) => return,
    };
    let (known, notes) = match read {
        Ok(read) => read,
        Err(error) => return found.say(About::Accounts, State::Wrong, error.to_string()),
    };
    let slots: i64 = known.iter().map(|account| account.concurrency.max(0)).sum();
    let both = seen.iter().filter(|id| known.iter().any(|account| account.id == **id)).count();
    let text = format!("{} with {}", count(known.len() as u64, "account"), count(slots.unsigned_abs(), "slot"));
    if !seen.is_empty() && both == 0 {
        let text = format!("{text}, and none of them is in the log: the two are of different gateways");
        return found.say_with(About::Accounts, State::Wrong, text, "export both from one database");
    }
    let of_log =
        if seen.is_empty() { String::new() } else { format!("; {both} of the log's {} among them", seen.len()) };
    found.say(About::Accounts, State::Good, text + &of_log);
    found.notes(About::Accounts, &notes);
    for account in known.iter().filter(|account| account.concurrency > 0) {
        let Some(place) = log.and_then(|(_, tries)| tries.ids.binary_search(&account.id).ok()) else { continue };
        let most = log.map_or(0, |(_, tries)| tries.most_at_once(place));
        if most as f64 > TOO_MANY * account.concurrency as f64 {
            let text = format!(
                "account {} had {} at once in the log and has {} here: another time, or another pool",
                account.id,
                count(most.unsigned_abs(), "request"),
                count(account.concurrency.unsigned_abs(), "slot")
            );
            found.say_with(About::Accounts, State::Wrong, text, "take the snapshot of the log's time");
        }
    }
}

fn settings(sorted: &Sorted, has_log: bool, found: &mut Findings) -> Option<Loaded> {
    let config = found.one(About::Config, &sorted.configs, "configs of the gateway");
    let environment = found.one(About::Config, &sorted.environments, "environments of the gateway");
    if config.is_none() && environment.is_none() && has_log {
        let text = "there is no config of the gateway: its defaults are assumed";
        let remedy = "docker compose exec sub2api cat /app/data/config.yaml > config.yaml";
        found.say_with(About::Config, State::Missing, text, remedy);
    }
    if config.is_none() && environment.is_none() && !has_log {
        return None;
    }
    let mut text = "accounts: [{}]\n".to_owned();
    for (key, path) in [("gateway_config", config), ("gateway_env", environment)] {
        let Some(path) = path else { continue };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        text.push_str(&format!("{key}: {}\n", Value::from(path.to_string_lossy().into_owned())));
    }
    let loaded = Document::parse(&text, Path::new("the gateway's settings"), Path::new("."))
        .and_then(|document| document.resolve(&[]));
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            found.say(About::Config, State::Wrong, error.to_string().trim_start_matches("error: ").to_owned());
            return None;
        }
    };
    let (scenario, escape) = (&loaded.scenario, &loaded.scenario.gateway.openai_scheduler);
    let mode = scenario.scheduler_mode();
    let gate = match (mode, escape.sticky_escape_enabled) {
        (Mode::Advanced, true) => {
            let share = escape.sticky_escape_error_rate * 100.0;
            format!("sticky escape over {} ms or {share} % errors", escape.sticky_escape_ttft_ms)
        }
        (Mode::Advanced, false) => "sticky escape is off".to_owned(),
        (Mode::Legacy | Mode::Weighted, _) => "no escape gate in this mode".to_owned(),
    };
    found.say(
        About::Config,
        State::Good,
        format!("version {}, mode {}; {gate}", scenario.version().name(), mode.name()),
    );
    for warning in &loaded.warnings {
        found.say_with(About::Config, State::Wrong, warning.clone(), "correct the key in the file");
    }
    found.notes(About::Config, &loaded.notes);
    Some(loaded)
}

fn escape_log(sorted: &Sorted, log: Option<(&Log, &Tries)>, loaded: Option<&Loaded>, found: &mut Findings) {
    let Some((log, tries)) = log else { return };
    if sorted.escape_logs.is_empty() {
        if log.has_accounts {
            let text = "there is no log of escapes: how many there were is not compared with the simulations";
            found.say_with(
                About::EscapeLog,
                State::Missing,
                text,
                "docker compose logs --no-color sub2api > gateway.log",
            );
        }
        return;
    }
    let end_s = log.records.iter().fold(0.0, |end: f64, record| end.max(record.end_s));
    let escapes = match escapes::read(&sorted.escape_logs, log.epoch_ms, end_s) {
        Ok(escapes) => escapes,
        Err(error) => return found.say(About::EscapeLog, State::Wrong, error.to_string()),
    };
    let total = escapes.all.len() as u64;
    let of = |reason: usize| escapes.all.iter().filter(|escape| escape.reason == reason).count();
    let reasons: Vec<String> = (0..REASONS.len())
        .filter(|&reason| of(reason) > 0)
        .map(|reason| format!("{} {}", REASONS[reason], of(reason)))
        .collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let state = if escapes.is_complete { State::Good } else { State::Missing };
    let whole = if escapes.is_complete { "" } else { "; how many there were in all is not known" };
    found.say(About::EscapeLog, state, format!("{} in the log's time{reasons}{whole}", count(total, "escape")));
    found.notes(About::EscapeLog, &escapes.notes);
    let strangers = escapes.all.iter().filter_map(|escape| escape.account).filter(|id| !tries.ids.contains(id)).count();
    if log.has_accounts && strangers > 0 && strangers as u64 == total {
        let text = "none of its escapes is from an account of the log: the two are of different gateways";
        found.say_with(About::EscapeLog, State::Wrong, text, "take both from one gateway");
    }
    if let Some(loaded) = loaded.filter(|_| total > 0) {
        let (mode, is_on) =
            (loaded.scenario.scheduler_mode(), loaded.scenario.gateway.openai_scheduler.sticky_escape_enabled);
        if mode != Mode::Advanced || !is_on {
            let why = if mode == Mode::Advanced {
                "sticky escape is off".to_owned()
            } else {
                format!("the mode is {}", mode.name())
            };
            let text = format!(
                "{} {} logged, but by the config {why}: the config is of another time, or of another gateway",
                count(total, "escape"),
                agree(total, "was", "were")
            );
            found.say_with(About::EscapeLog, State::Wrong, text, "give the config of the log's time");
        }
    }
}

fn scenarios(sorted: &Sorted, found: &mut Findings) {
    for path in &sorted.scenarios {
        let read = Document::read(path).and_then(|document| document.resolve(&[]));
        let name = path.display();
        match read {
            Err(error) => {
                let text = error.to_string();
                found.say(About::Scenario, State::Wrong, text.trim_start_matches("error: ").to_owned());
            }
            Ok(loaded) => match lower(&loaded.scenario) {
                Err(error) => found.say(About::Scenario, State::Wrong, format!("{name}: {error}")),
                Ok(lowered) => {
                    let accounts = count(lowered.pool.len() as u64, "account");
                    found.say(About::Scenario, State::Good, format!("{name} is valid: {accounts}"));
                    for warning in &loaded.warnings {
                        found.say_with(About::Scenario, State::Wrong, warning.clone(), "correct the key in the file");
                    }
                }
            },
        }
    }
}
