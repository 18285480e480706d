//! All that a calibration reads, and what follows from it without any fit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::accounts::{self, Known};
use super::cache::{self, Cache};
use super::escapes::{self, Escapes};
use super::gateway_log;
use super::observed::{CacheSeen, Escaped, Seen, Watch, Window};
use super::options::{CalibrateError, Options};
use super::records::Log;
use super::revision::Said;
use super::scenario::pool;
use super::sessions::{Sessions, infer};
use super::spans::Limits;
use super::tries::Tries;
use crate::engine::Luck;
use crate::measure::provenance::Provenance;
use crate::measure::{AccountInfo, Settings};
use crate::scenario::{Document, Loaded, Scenario, Set};
use crate::units::Time;
use crate::workload::replay::{Format, TraceReader, usage};
use crate::workload::{Error, ReadConfig};

/// What was read.
#[derive(Clone, Debug)]
pub struct Input {
    /// The log in the order of arrivals.
    pub log: Log,
    /// The attempts at upstreams, by account.
    pub tries: Tries,
    /// The sessions that the log names or that were inferred.
    pub sessions: Sessions,
    /// The accounts as the gateway knows them.
    pub known: Vec<Known>,
    /// The gateway's escapes, if there is a log of them.
    pub escapes: Option<Escapes>,
    /// The gateway's settings with every default, as a scenario of one account holds them.
    pub settings: Scenario,
    /// What of the gateway's revision and mode the user said.
    pub said: Said,
    /// Ids of the pool, ascending.
    pub ids: Vec<i64>,
    /// What the log says of prompt caches.
    pub cache: Cache,
    /// Slow spans of the record, in which it is compared by themselves; empty until they are fitted.
    pub windows: Vec<Window>,
    /// What counts as a span in this log.
    pub limits: Limits,
    /// What was left out, assumed or odd.
    pub notes: Vec<String>,
}

/// From the beginning to the end of the log, in s.
pub const WHOLE: (f64, f64) = (0.0, f64::INFINITY);

impl Input {
    /// Reads everything that `options` name.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn read(options: &Options) -> Result<Self, CalibrateError> {
        let log = log_of(&options.log, options.format)?;
        let mut notes = log.notes.clone();
        let mut tries = Tries::of(&log);
        let sessions = infer(&log);
        let loaded = settings(options)?;
        let (said, settings) = (Said::of(&loaded), loaded.scenario);
        let (known, left_out) = match &options.accounts {
            Some(path) => accounts::read(path, log.group, &tries.ids)?,
            None if log.snapshot.is_empty() => (Vec::new(), Vec::new()),
            None => accounts::of_text(&log.snapshot, &options.log, log.group, &tries.ids)?,
        };
        notes.extend(left_out);
        if !log.records.iter().any(|record| record.ttft_s.is_some()) {
            notes.push(
                "no answer has a time to first token that can be used: 1 s is assumed for every account, which is no \
                 fit"
                .to_owned(),
            );
        }
        if options.accounts.is_none() && log.snapshot.is_empty() && log.has_accounts {
            notes.push(
                "no account snapshot: an account has as many slots as it was seen to use at once (at least that many)"
                    .to_owned(),
            );
        }
        if options.gateway_config.is_none() && options.against.is_none() && log.has_accounts {
            notes.push("no gateway config: the gateway's defaults are assumed".to_owned());
        }
        let end_s = log.records.iter().fold(0.0, |end: f64, record| end.max(record.end_s));
        let escapes = match &options.escape_log[..] {
            [] => None,
            paths => Some(escapes::read(paths, log.epoch_ms, end_s)?),
        };
        notes.extend(escapes.iter().flat_map(|escapes| escapes.notes.clone()));
        let limits = if log.has_clock {
            options.limits
        } else {
            notes.push("sessions share no clock: slow spans are not looked for".to_owned());
            Limits { least_answers: usize::MAX, ..options.limits }
        };
        let cache = cache::fit(&log, &sessions.of);
        if matches!(cache, Cache::Fitted { .. }) {
            tries.fit_prefill(log.kinds.len(), limits);
        }
        let ids = pool(&known, &tries);
        let windows = Vec::new();
        Ok(Self { log, tries, sessions, known, escapes, settings, said, ids, cache, windows, limits, notes })
    }

    /// What was recorded of the requests that arrived in a part of the period, in s.
    pub fn record(&self, part: (f64, f64)) -> Seen {
        let mut seen = Seen::of_log(&self.log, &self.sessions.of, &self.ids, part, self.windows.clone());
        if !matches!(self.cache, Cache::Fitted { .. }) {
            // what a cache that is only assumed would do is no claim to be tested
            seen.cache =
                CacheSeen { first: seen.cache.first, first_hits: seen.cache.first_hits, ..CacheSeen::default() };
        }
        seen.escapes = self.escapes.as_ref().filter(|escapes| escapes.is_complete).map(|escapes| {
            let mut escaped = Escaped::new(self.ids.len(), self.log.period(part));
            for escape in escapes.all.iter().filter(|escape| escape.at_s >= part.0 && escape.at_s < part.1) {
                escaped.add(escape.at_s, escape.account.and_then(|id| self.ids.binary_search(&id).ok()), escape.reason);
            }
            escaped
        });
        seen
    }

    /// Looks at simulations as the log looks at reality.
    pub fn watch(&self, part: (f64, f64)) -> Watch {
        let accounts: Vec<AccountInfo> = self.ids.iter().map(|&id| AccountInfo::new(id, 0)).collect();
        Watch {
            seen: Seen { windows: self.windows.clone(), ..Seen::new(self.ids.len(), self.log.period(part)) },
            start: Time::ZERO,
            part,
            only_recorded: !self.log.has_accounts,
            ids: self.ids.clone(),
            provenance: Provenance::new(&Settings::default(), &accounts),
            last: BTreeMap::new(),
            visited: BTreeSet::new(),
        }
    }
}

/// The log, in the format that was given or that its content shows. What no reader knows is read as the gateway's
/// export, whose reader says what is wrong with it.
///
/// # Errors
/// When it cannot be read.
pub(super) fn log_of(path: &Path, format: Option<Format>) -> Result<Log, Error> {
    let by_content = || {
        let config = ReadConfig { path: path.to_owned(), format: None, ..ReadConfig::default() };
        TraceReader::open(&config, Luck::new(1)).ok().map(|reader| reader.format())
    };
    if format.is_none() && usage::is_usage(&escapes::head(path)) {
        return Log::of_usage(path);
    }
    match format.or_else(by_content) {
        None | Some(Format::GatewayLog) => gateway_log::read(path),
        Some(Format::Usage) => Log::of_usage(path),
        Some(Format::Weka) if path.extension().is_some_and(|ending| ending == "csv") => Log::of_table(path),
        format => Log::of_trace(&ReadConfig { path: path.to_owned(), format, ..ReadConfig::default() }),
    }
}

fn settings(options: &Options) -> Result<Loaded, CalibrateError> {
    let mut text = "accounts: [{}]\n".to_owned();
    if let Some(config) = &options.gateway_config {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.clone());
        text.push_str(&format!("gateway_config: {}\n", Value::from(config.to_string_lossy().into_owned())));
    }
    let sets: &[Set] = if options.against.is_some() { &[] } else { &options.sets };
    Ok(Document::parse(&text, Path::new("the gateway's settings"), Path::new("."))?.resolve(sets)?)
}
