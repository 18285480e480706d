//! One recording of the running gateway (real-runs/README.md says what is in its folder).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use stickysim::scheduler::Mode;
use stickysim::units::Span;
use stickysim::workload::{RecordedAttempt, Says};

/// A case as it was recorded.
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// What the case calls itself: equal for several plays of one case.
    pub played: String,
    /// The mode of a recording of the newer gateway (0.1.179); `None`: the older one.
    pub mode: Option<Mode>,
    pub lb_top_k: Option<u64>,
    pub weights: Value,
    pub escape_enabled: bool,
    pub escape_ttft_ms: u64,
    pub escape_error_rate: f64,
    pub http1: bool,
    /// By id, in order.
    pub accounts: Vec<(i64, Value)>,
    pub requests: Vec<Client>,
    /// Escapes that the gateway logged, by reason.
    pub escapes: BTreeMap<String, u64>,
    /// The gateway's debug log of selections, where it was kept.
    pub decisions: Vec<Value>,
    /// What the gateway itself noted of each request that ended well: (account, arrival, end, TTFT), all in ms.
    pub noted: Vec<Noted>,
}

/// One client and what it saw.
pub struct Client {
    pub at_s: f64,
    pub session: String,
    pub attempts: Vec<RecordedAttempt>,
    pub patience: Option<Span>,
    pub http: u16,
    pub felt_ms: Option<f64>,
    pub visits: Vec<Visit>,
}

/// One visit to an upstream, as the upstream recorded it.
pub struct Visit {
    pub account: i64,
    pub start_s: f64,
    pub attempt: RecordedAttempt,
}

/// A row of the gateway's usage log.
pub struct Noted {
    pub account: i64,
    pub ttft_ms: u64,
    pub duration_ms: u64,
    pub completed_ms: i64,
}

impl Case {
    /// Reads a folder; files may be gzipped.
    pub fn read(folder: &Path) -> Result<Self> {
        let about: Value = serde_json::from_str(&text(folder, "case.json")?.context("case.json is missing")?)?;
        check_keys(&about)?;
        let lines = |name: &str| -> Result<Vec<Value>> {
            let text = text(folder, name)?.unwrap_or_default();
            text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("{name}: {line}"))).collect()
        };
        let mut accounts = Vec::new();
        for (id, account) in about["accounts"].as_object().context("accounts")? {
            accounts.push((id.parse()?, account.clone()));
        }
        accounts.sort_by_key(|&(id, _)| id);
        let mut escapes = BTreeMap::new();
        for line in lines("escapes.log")? {
            *escapes.entry(line["reason"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
        }
        let gateway = &about["gateway"];
        Ok(Self {
            name: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            played: about["name"].as_str().unwrap_or_default().to_owned(),
            mode: mode(&about)?,
            lb_top_k: gateway["lb_top_k"].as_u64(),
            weights: gateway["scheduler_score_weights"].clone(),
            escape_enabled: gateway["sticky_escape_enabled"].as_bool().unwrap_or(true),
            escape_ttft_ms: gateway["sticky_escape_ttft_ms"].as_u64().unwrap_or(15_000),
            escape_error_rate: gateway["sticky_escape_error_rate"].as_f64().unwrap_or(0.5),
            http1: about["protocol"].as_str() == Some("http1"),
            accounts,
            requests: lines("requests.jsonl")?.iter().map(Client::read).collect::<Result<_>>()?,
            escapes,
            decisions: lines("decisions.jsonl")?,
            noted: lines("export.jsonl")?.iter().filter_map(Noted::read).collect(),
        })
    }

    /// Revision and mode in words.
    pub fn manner(&self) -> String {
        self.mode.map_or_else(|| "0.1.133, advanced".to_owned(), |mode| format!("0.1.179, {}", mode.name()))
    }

    /// Whether this is another recording of the same case by the same gateway, or that one itself.
    pub fn is_a_play_of(&self, other: &Self) -> bool {
        let same = |folder: &str, name: &str| folder.strip_prefix(name).is_some_and(|rest| rest != "-newer");
        self.name == other.name
            || (self.mode == other.mode
                && self.played == other.played
                && same(&self.name, &self.played)
                && same(&other.name, &other.played))
    }

    /// Whether the upstreams drew their luck, so that a simulation draws its own.
    pub fn has_luck(&self) -> bool {
        self.requests.iter().all(|client| client.attempts.is_empty())
    }
}

/// What may stand in the parts of a case. A field that the player does not know is refused: it would change nothing.
const KNOWN: [(&str, &[&str]); 5] = [
    ("the case", &["name", "seed", "gateway", "accounts", "protocol", "revision", "mode", "loose"]),
    (
        "gateway",
        &[
            "sticky_escape_enabled",
            "sticky_escape_ttft_ms",
            "sticky_escape_error_rate",
            "lb_top_k",
            "scheduler_score_weights",
        ],
    ),
    (
        "an account",
        &[
            "concurrency",
            "priority",
            "ttft_ms",
            "sigma",
            "body_ms",
            "load_factor",
            "pool_mode",
            "pool_mode_retry_count",
            "conditions",
            "spike_rate",
            "spike_factor",
        ],
    ),
    ("a condition", &["from_s", "to_s", "ttft_factor", "error_rate", "status", "reset_after_s"]),
    ("a request", &["request", "at_s", "session", "attempts", "patience_ms", "recorded"]),
];

/// Refuses what the player does not know.
fn known_keys(what: &str, value: &Value) -> Result<()> {
    let known = KNOWN.iter().find(|(part, _)| *part == what).map_or(&[][..], |(_, keys)| keys);
    match value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).find(|key| !known.contains(key)) {
        Some(key) => anyhow::bail!("{what} has the field `{key}`, which the player does not know"),
        None => Ok(()),
    }
}

fn check_keys(about: &Value) -> Result<()> {
    known_keys("the case", about)?;
    known_keys("gateway", &about["gateway"])?;
    for (_, account) in about["accounts"].as_object().into_iter().flatten() {
        known_keys("an account", account)?;
        for condition in account["conditions"].as_array().into_iter().flatten() {
            known_keys("a condition", condition)?;
        }
    }
    Ok(())
}

fn mode(about: &Value) -> Result<Option<Mode>> {
    match (about["revision"].as_str(), about["mode"].as_str()) {
        (None, None) => Ok(None),
        (Some("newer"), Some(name)) => {
            let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
            mode.map(Some).with_context(|| format!("unknown mode {name:?}"))
        }
        (revision, mode) => anyhow::bail!("revision {revision:?} with mode {mode:?} is none that the player knows"),
    }
}

impl Client {
    fn read(value: &Value) -> Result<Self> {
        known_keys("a request", value)?;
        let recorded = &value["recorded"];
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let visit = |visit: &Value| -> Result<Visit> {
            Ok(Visit {
                account: visit["account"].as_i64().context("account of a visit")?,
                start_s: visit["start_s"].as_f64().context("start_s of a visit")?,
                attempt: attempt(visit)?,
            })
        };
        Ok(Self {
            at_s: value["at_s"].as_f64().context("at_s")?,
            session: value["session"].as_str().unwrap_or_default().to_owned(),
            attempts: list(&value["attempts"]).iter().map(attempt).collect::<Result<_>>()?,
            patience: value["patience_ms"].as_u64().map(Span::from_millis),
            http: recorded["http"].as_u64().context("http")? as u16,
            felt_ms: recorded["felt_ttft_ms"].as_f64(),
            visits: list(&recorded["visits"]).iter().map(visit).collect::<Result<_>>()?,
        })
    }
}

impl Noted {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            account: value["account_id"].as_i64()?,
            ttft_ms: value["ttft_ms"].as_u64()?,
            duration_ms: value["duration_ms"].as_u64()?,
            completed_ms: value["completed_ms"].as_i64()?,
        })
    }
}

fn attempt(value: &Value) -> Result<RecordedAttempt> {
    let micros = |key: &str| value[key].as_u64().map(Span::from_micros);
    let end = micros("end_us").context("end_us")?;
    Ok(match value["kind"].as_str().context("kind")? {
        "ok" => RecordedAttempt::Ok { ttft: micros("ttft_us").context("ttft_us")?, end },
        "broken" => RecordedAttempt::Broken {
            ttft: micros("ttft_us"),
            end,
            would_fail_over: value["would_fail_over"].as_bool().unwrap_or(false),
        },
        "status" => RecordedAttempt::Status {
            status: value["status"].as_u64().context("status")? as u16,
            end,
            reset_after: value["reset_after_s"].as_f64().map(Span::from_secs_f64),
            retry_after: None,
            says: Says::Nothing,
        },
        "transport" => RecordedAttempt::transport(end),
        other => anyhow::bail!("unknown kind of attempt {other:?}"),
    })
}

fn text(folder: &Path, name: &str) -> Result<Option<String>> {
    let packed = folder.join(format!("{name}.gz"));
    let mut text = String::new();
    if let Ok(bytes) = std::fs::read(folder.join(name)) {
        return Ok(Some(String::from_utf8(bytes)?));
    } else if let Ok(bytes) = std::fs::read(&packed) {
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .with_context(|| packed.display().to_string())?;
        return Ok(Some(text));
    }
    Ok(None)
}
