//! The scenario as a whole: its top-level keys, what is filled in, and what must hold between its parts.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::account::{Account, MOST_ACCOUNTS, Refill};
use super::admin::AdminSettings;
use super::check::{Check, Checker};
use super::condition::{Condition, Course};
use super::duration::Duration;
use super::error::{ErrorKind, nearest};
use super::gateway::{Gateway, RateLimit};
use super::settings::{Clients, GatewayVersion, Measure, Mode, Replicas, Service, Transport, WhatIf};
use super::workload::{Synth, Workload};
use crate::units::Time;

/// More sessions than this are not simulated unless a limit says so.
const MOST_SESSIONS: f64 = 1e8;

/// A scenario: what is simulated. As a file it is YAML or JSON; once loaded, every default is filled in, and its JSON
/// is a scenario again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// A name for reports; not given: the file's.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// All luck comes from this number.
    pub seed: u64,
    /// When virtual time starts, as RFC 3339 (the scheduler's draw depends on Unix time).
    pub epoch: Epoch,
    /// Requests arrive for so long; not given: for one hour, or to the end of a trace.
    pub duration: Option<Duration>,
    /// Requests that arrive in this first part count in no figure.
    pub warmup: Duration,
    /// The group whose pool this is: part of the scheduler's draw.
    pub group_id: Option<i64>,
    /// How clients talk to the gateway.
    pub transport: Transport,
    /// The revision of the gateway: `0.1.133`, or `0.1.179`, which is the default where a `mode` or `admin_settings`
    /// are given.
    pub gateway_version: Option<GatewayVersion>,
    /// Which of its schedulers the gateway runs, in the place of the two switches of `admin_settings`. Not given: as
    /// these say; where they say nothing, `legacy` at 0.1.179, as in the gateway, and `advanced` at 0.1.133, which is
    /// simulated in this mode only.
    pub mode: Option<Mode>,
    /// Settings of the gateway's admin pages by the names that they have in its database. They lie over `gateway`.
    #[serde(skip_serializing_if = "AdminSettings::is_empty")]
    pub admin_settings: AdminSettings,
    /// The gateway's environment, a `.env` or a compose file, relative to the scenario: its `GATEWAY_*` variables lie
    /// over `gateway_config`; what the scenario says itself comes first.
    #[serde(skip_serializing)]
    pub gateway_env: Option<PathBuf>,
    /// A whole config.yaml of the gateway, relative to the scenario: its `gateway` tree and its
    /// `rate_limit.overload_cooldown_minutes` are read; what the scenario says itself comes first.
    #[serde(skip_serializing)]
    pub gateway_config: Option<PathBuf>,
    /// The gateway's settings.
    pub gateway: Gateway,
    /// The gateway's cool-down.
    pub rate_limit: RateLimit,
    /// What the gateway does not let one configure.
    pub what_if: WhatIf,
    /// Gateway processes.
    pub replicas: Replicas,
    /// Who answers: the accounts' models, or what the trace recorded.
    pub service: Service,
    /// What accounts have that do not say otherwise, key by key.
    #[serde(skip_serializing)]
    pub account_defaults: Option<Account>,
    /// The pool, at least one account, at most 10,000.
    pub accounts: Vec<Account>,
    /// What makes accounts bad over time.
    pub conditions: Vec<Condition>,
    /// Where requests come from.
    pub workload: Workload,
    /// How clients behave.
    pub clients: Clients,
    /// What is measured, and against what.
    pub measure: Measure,
    /// The folder that paths in the scenario are relative to. Not part of the file.
    #[serde(skip)]
    pub base: PathBuf,
}

/// An instant as RFC 3339 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(pub Time);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(self.0.unix_nanos().into()) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => f.write_str("far away"),
        }
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "expected an instant from 1970 to 2400 such as `2026-01-01T00:00:00Z`";
        let instant: jiff::Timestamp =
            text.trim().parse().map_err(|_| D::Error::custom(format!("{expected}, found `{text}`")))?;
        // Room for ten years of duration below the end of what fits into 64 bits of nanoseconds.
        u64::try_from(instant.as_nanosecond())
            .ok()
            .filter(|&nanos| nanos < 13_569_465_600_000_000_000)
            .map(|nanos| Self(Time::from_unix_nanos(nanos)))
            .ok_or_else(|| D::Error::custom(format!("{expected}, found `{text}`")))
    }
}

impl JsonSchema for Epoch {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Epoch".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An instant as RFC 3339, such as `2026-01-01T00:00:00Z`.",
            "type": "string",
            "format": "date-time"
        })
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            seed: 1,
            epoch: Epoch(Time::from_unix_nanos(1_767_225_600_000_000_000)),
            duration: None,
            warmup: Duration::default(),
            group_id: None,
            transport: Transport::Http,
            gateway_version: None,
            mode: None,
            admin_settings: AdminSettings::default(),
            gateway_env: None,
            gateway_config: None,
            gateway: Gateway::default(),
            rate_limit: RateLimit::default(),
            what_if: WhatIf::default(),
            replicas: Replicas::default(),
            service: Service::Modelled,
            account_defaults: None,
            accounts: Vec::new(),
            conditions: Vec::new(),
            workload: Workload::default(),
            clients: Clients::default(),
            measure: Measure::default(),
            base: PathBuf::new(),
        }
    }
}

impl Check for Scenario {
    fn check(&self, c: &mut Checker) {
        if let Some(duration) = self.duration {
            c.some_time("duration", duration);
        }
        c.time("warmup", self.warmup);
        if let Some(duration) = self.duration.or(self.workload.replay.is_none().then_some(Duration::secs(3_600)))
            && self.warmup >= duration
            && !self.warmup.0.is_zero()
        {
            let message = format!("`warmup` is {}, all of the `duration` of {duration}", self.warmup);
            c.fault("warmup", ErrorKind::Conflict, message, None);
        }
        c.key("gateway", &self.gateway);
        c.key("rate_limit", &self.rate_limit);
        c.key("what_if", &self.what_if);
        c.key("replicas", &self.replicas);
        c.key("account_defaults", &self.account_defaults);
        c.items("accounts", &self.accounts);
        self.check_ids(c);
        c.at_most("conditions", self.conditions.len(), 10_000);
        c.items("conditions", &self.conditions);
        self.check_conditions(c);
        c.key("workload", &self.workload);
        self.check_sessions(c);
        self.check_names(c);
        c.key("clients", &self.clients);
        c.key("measure", &self.measure);
        let continues = self.workload.synth.as_ref().is_some_and(|synth| synth.previous_response);
        self.check_mode(c);
        if continues && self.transport == Transport::Http && self.version() == GatewayVersion::V0_1_133 {
            let message = "`previous_response` exists over WebSocket only; over HTTP the gateway refuses it";
            let help = Some("give `transport: websocket`, or `gateway_version: 0.1.179`");
            c.fault("workload.synth.previous_response", ErrorKind::Conflict, message, help);
        }
        if self.service == Service::Recorded && self.workload.replay.is_none() {
            c.fault("service", ErrorKind::Conflict, "`service: recorded` needs a trace: give `workload.replay`", None);
        }
    }
}

impl Scenario {
    /// The id that each entry of `accounts` starts with; `None` where numbers run out.
    fn first_ids(&self) -> impl Iterator<Item = (Option<i64>, &Account)> {
        let mut next = Some(1_i64);
        self.accounts.iter().map(move |account| {
            let first = account.id.or(next);
            next = first.and_then(|first| first.checked_add(account.count.into()));
            (first, account)
        })
    }

    /// Refuses a workload of more sessions than memory holds and anyone waits for.
    fn check_sessions(&self, c: &mut Checker) {
        let Some(synth) = &self.workload.synth else { return };
        let hours = self.duration.unwrap_or(Duration::secs(3_600)).0.secs() / 3_600.0;
        let sessions = synth.sessions_per_hour * self.workload.rate_scale * hours;
        let is_limited = self.workload.max_sessions.is_some() || self.workload.max_requests.is_some();
        if sessions > MOST_SESSIONS && !is_limited {
            let message =
                format!("this workload is of about {sessions:.0} sessions; at most {MOST_SESSIONS:.0} are simulated");
            let help = Some("lower `sessions_per_hour` or `duration`, or give `workload.max_sessions`");
            c.fault("workload.synth.sessions_per_hour", ErrorKind::OutOfRange, message, help);
        }
    }

    /// Names stand in tables, pages and files: none may break a line or turn the direction of writing.
    fn check_names(&self, c: &mut Checker) {
        let breaks = |name: &str| {
            name.chars()
                .any(|char| char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        };
        let message = "a name must have no line breaks and no other control characters";
        if breaks(&self.name) {
            c.fault("name", ErrorKind::OutOfRange, message, None);
        }
        for (index, _) in self.accounts.iter().enumerate().filter(|(_, account)| breaks(&account.name)) {
            c.fault(&format!("accounts[{index}].name"), ErrorKind::OutOfRange, message, None);
        }
        for (index, _) in self.conditions.iter().enumerate().filter(|(_, condition)| breaks(&condition.name)) {
            c.fault(&format!("conditions[{index}].name"), ErrorKind::OutOfRange, message, None);
        }
    }

    /// The revision that is simulated.
    pub fn version(&self) -> GatewayVersion {
        let newer = self.mode.is_some() || !self.admin_settings.is_empty();
        let default = if newer { GatewayVersion::V0_1_179 } else { GatewayVersion::V0_1_133 };
        self.gateway_version.unwrap_or(default)
    }

    /// The mode that is simulated.
    pub fn scheduler_mode(&self) -> Mode {
        self.mode.or_else(|| self.admin_settings.mode()).unwrap_or(match self.version() {
            GatewayVersion::V0_1_133 => Mode::Advanced,
            GatewayVersion::V0_1_179 => Mode::Legacy,
        })
    }

    fn check_mode(&self, c: &mut Checker) {
        let mode = self.scheduler_mode();
        if self.version() == GatewayVersion::V0_1_133 && mode != Mode::Advanced {
            let key = if self.mode.is_some() { "mode" } else { "admin_settings" };
            let message = format!("the mode `{}` is simulated from gateway_version 0.1.179 on", mode.name());
            c.fault(key, ErrorKind::Conflict, message, Some("give `gateway_version: 0.1.179`"));
        }
    }

    fn check_ids(&self, c: &mut Checker) {
        let total: u64 = self.accounts.iter().map(|account| u64::from(account.count)).sum();
        if total == 0 {
            c.fault("accounts", ErrorKind::MissingKey, "`accounts` needs at least one account", None);
        }
        if total > MOST_ACCOUNTS as u64 {
            let message = format!("{total} accounts are more than the {MOST_ACCOUNTS} that are possible");
            c.fault("accounts", ErrorKind::OutOfRange, message, None);
            return;
        }
        let mut ids = BTreeSet::new();
        for (index, (first, account)) in self.first_ids().enumerate() {
            for offset in 0..i64::from(account.count) {
                let Some(id) = first.and_then(|first| first.checked_add(offset)) else {
                    c.fault(&format!("accounts[{index}]"), ErrorKind::OutOfRange, "the ids of accounts run out", None);
                    return;
                };
                if !ids.insert(id) {
                    let key = if account.id.is_some() { ".id" } else { "" };
                    let message = format!("two accounts have the id {id}");
                    c.fault(&format!("accounts[{index}]{key}"), ErrorKind::Conflict, message, None);
                    return;
                }
            }
        }
    }

    fn check_conditions(&self, c: &mut Checker) {
        let known: BTreeSet<i64> = self
            .first_ids()
            .flat_map(|(first, account)| {
                (0..i64::from(account.count)).filter_map(move |offset| first?.checked_add(offset))
            })
            .take(MOST_ACCOUNTS)
            .collect();
        let mut names = BTreeSet::new();
        for (index, condition) in self.conditions.iter().enumerate() {
            if !names.insert(condition.name.as_str()) {
                let message = format!("two conditions have the name `{}`", condition.name);
                c.fault(&format!("conditions[{index}].name"), ErrorKind::Conflict, message, None);
            }
            for (place, id) in condition.accounts.iter().enumerate() {
                if !known.contains(id) {
                    let ends =
                        known.first().zip(known.last()).map(|(low, high)| format!("ids go from {low} to {high}"));
                    let key = format!("conditions[{index}].accounts[{place}]");
                    c.fault(&key, ErrorKind::OutOfRange, format!("there is no account {id}"), ends.as_deref());
                }
                if condition.accounts[..place].contains(id) {
                    let key = format!("conditions[{index}].accounts[{place}]");
                    c.fault(&key, ErrorKind::Conflict, format!("account {id} is named twice"), None);
                }
            }
        }
    }

    /// Fills in what depends on other keys; the scenario has been checked. Gives notes on what it changed.
    pub(super) fn finish(&mut self, file: &Path) -> Vec<String> {
        let mut notes = Vec::new();
        if self.name.is_empty() {
            self.name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        }
        let escape = &mut self.gateway.openai_scheduler;
        let default = super::gateway::OpenAiScheduler::default();
        if escape.sticky_escape_ttft_ms == 0 {
            escape.sticky_escape_ttft_ms = default.sticky_escape_ttft_ms;
            notes.push(not_set("sticky_escape_ttft_ms", &default.sticky_escape_ttft_ms));
        }
        if escape.sticky_escape_error_rate == 0.0 {
            escape.sticky_escape_error_rate = default.sticky_escape_error_rate;
            notes.push(not_set("sticky_escape_error_rate", &default.sticky_escape_error_rate));
        }
        self.settle_gateway(&mut notes);
        if self.workload.synth.is_none() && self.workload.replay.is_none() {
            self.workload.synth = Some(Synth::default());
        }
        if self.workload.replay.is_none() && self.duration.is_none() {
            self.duration = Some(Duration::secs(3_600));
        }
        let mut accounts = Vec::new();
        for (first, account) in self.first_ids() {
            for offset in 0..account.count {
                let mut one = account.clone();
                one.count = 1;
                one.id = first.and_then(|first| first.checked_add(offset.into()));
                for limit in &mut one.limits {
                    let short = limit.per <= Duration::secs(3_600);
                    limit.refill.get_or_insert(if short { Refill::Evenly } else { Refill::AtOnce });
                }
                one.fill_in();
                accounts.push(one);
            }
        }
        accounts.sort_by_key(|account| account.id);
        self.accounts = accounts;
        self.account_defaults = None;
        self.gateway_config = None;
        self.gateway_env = None;
        self.note_models(&mut notes);
        self.note_conditions(&mut notes);
        notes
    }

    /// What the gateway's loader makes of values that count as not set.
    fn settle_gateway(&mut self, notes: &mut Vec<String>) {
        if let (Some(mode), Some(switched)) = (self.mode, self.admin_settings.mode())
            && mode != switched
        {
            let (mode, switched) = (mode.name(), switched.name());
            notes.push(format!("mode: `{mode}` holds; the switches of `admin_settings` say `{switched}`"));
        }
        (self.gateway_version, self.mode) = (Some(self.version()), Some(self.scheduler_mode()));
        let ws = &mut self.gateway.openai_ws;
        if ws.sticky_response_id_ttl_seconds <= 0 {
            ws.sticky_response_id_ttl_seconds = ws.sticky_previous_response_ttl_seconds;
            notes.push(format!(
                "gateway.openai_ws.sticky_response_id_ttl_seconds: not set, so that the older key \
                 sticky_previous_response_ttl_seconds holds: {}",
                ws.sticky_previous_response_ttl_seconds
            ));
        }
        ws.sticky_previous_response_ttl_seconds = 0;
        if self.gateway.max_account_switches <= 0 {
            self.gateway.max_account_switches = UNSET_SWITCHES;
            notes.push(format!(
                "gateway.max_account_switches: 0 or less means \"not set\" to the gateway, and then {UNSET_SWITCHES} \
                 hold"
            ));
        }
        if self.rate_limit.overload_cooldown_minutes <= 0 {
            self.rate_limit = RateLimit::default();
            notes.push(format!(
                "rate_limit.overload_cooldown_minutes: 0 or less means \"not set\" to the gateway, so its default {} \
                 holds",
                self.rate_limit.overload_cooldown_minutes
            ));
        }
    }

    /// A condition that sets in when nothing arrives any more, or is over before anything is measured, shows nothing.
    fn note_conditions(&self, notes: &mut Vec<String>) {
        for condition in &self.conditions {
            if let Course::Scheduled(course) = &condition.when
                && let Some(lasting) = course.lasting
                && course.at.0 + lasting.0 <= self.warmup.0
            {
                let name = &condition.name;
                notes.push(format!("the condition `{name}` is over before the warm-up ends, at {}", self.warmup));
            }
        }
        let Some(duration) = self.duration else { return };
        for condition in &self.conditions {
            let at = match &condition.when {
                Course::Scheduled(course) => course.at,
                Course::Flapping(course) => course.at,
                Course::Markov(_) | Course::Replayed(_) | Course::Triggered(_) => continue,
            };
            if at >= duration {
                let name = &condition.name;
                notes.push(format!(
                    "the condition `{name}` sets in at {at}, after the last request (duration {duration})"
                ));
            }
        }
    }

    /// A model that nobody serves is most often a slip of the pen.
    fn note_models(&self, notes: &mut Vec<String>) {
        let Some(synth) = &self.workload.synth else { return };
        let asked: Vec<&str> = synth.models.iter().map(|model| model.name.trim()).collect();
        for model in &asked {
            let serves =
                |account: &Account| account.models.is_empty() || account.models.iter().any(|name| name == model);
            if !model.is_empty() && !self.accounts.iter().any(serves) {
                let served = self.accounts.iter().flat_map(|account| account.models.iter().map(String::as_str));
                let hint = nearest(model, served).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
                notes.push(format!("no account serves the model `{model}`{hint}: its requests will find none"));
            }
        }
    }
}

/// What a `max_account_switches` that counts as not set amounts to; the key's default is 10.
const UNSET_SWITCHES: i64 = 3;

fn not_set(key: &str, default: &dyn fmt::Display) -> String {
    format!("gateway.openai_scheduler.{key}: 0 means \"not set\" to the gateway, so its default {default} holds")
}
