//! One recording of the running gateway (real-runs/README.md says what is in its folder).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use stickysim::units::Span;
use stickysim::workload::{RecordedAttempt, Says};

/// A case as it was recorded.
pub struct Case {
    pub name: String,
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

    /// Whether the upstreams drew their luck, so that a simulation draws its own.
    pub fn has_luck(&self) -> bool {
        self.requests.iter().all(|client| client.attempts.is_empty())
    }
}

impl Client {
    fn read(value: &Value) -> Result<Self> {
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
