//! The request loop against loop.jsonl, ws.jsonl (0.1.133) and loop-modes.jsonl (the three modes of 0.1.179): an
//! independent implementation's answers (spec gateway.md; scheduler-modes.md, section 7).

mod common;

use std::collections::BTreeMap;

use common::golden_files::{self, Failures};
use serde_json::{Value, json};
use stickysim::engine::Luck;
use stickysim::gateway::{Config, Credential, Gateway, Rule, Transport};
use stickysim::ids::{AccountIx, ModelId, ResponseId, SessionRef};
use stickysim::measure::{Finished, Forwarded, Observer, Selected};
use stickysim::scheduler::{self, Account, Mode, Outcome, Revision, UpstreamRate, Usage, Weights};
use stickysim::units::{Span, Time};
use stickysim::upstream::{Attempt, Forward, HealthChange, ScriptedUpstream, Upstream};
use stickysim::workload::{self, Ending, Previous, Recorded, RecordedAttempt, Request, Says, SessionHash, Workload};

#[test]
fn http_requests_go_as_the_vectors_say() {
    run_file("loop.jsonl", Transport::Http, "requests");
}

#[test]
fn http_requests_of_the_modes_go_as_the_vectors_say() {
    run_file("loop-modes.jsonl", Transport::Http, "requests");
}

#[test]
fn websocket_turns_go_as_the_vectors_say() {
    run_file("ws.jsonl", Transport::WebSocket, "connections");
}

fn run_file(name: &str, transport: Transport, list: &str) {
    let mut failures = Failures::default();
    let mut compared = 0;
    let cases = golden_files::read(name);
    for case in &cases {
        let (got, expected) = (play(case, transport, list), &case["expect"]);
        for (i, expected) in expected.as_array().unwrap().iter().enumerate() {
            compared += steps(expected);
            failures.compare(&case["name"], &format!("{list}[{i}]"), &case[list][i], expected, &got.0[i]);
        }
        compared += 1;
        failures.compare(&case["name"], "final", &json!(null), &case["final"], &got.1);
    }
    println!("{name}: {} cases, {compared} steps compared", cases.len());
    failures.check();
}

/// Selects, attempts and ends that one expectation holds.
fn steps(expected: &Value) -> usize {
    let count = |v: &Value| v.as_array().map_or(0, Vec::len);
    let turns = expected["turns"].as_array().map_or(0, |turns| turns.iter().map(|t| 1 + count(&t["attempts"])).sum());
    1 + count(&expected["selects"]) + count(&expected["attempts"]) + turns
}

fn play(case: &Value, transport: Transport, list: &str) -> (Vec<Value>, Value) {
    let accounts: Vec<Account> = case["accounts"].as_array().unwrap().iter().map(account).collect();
    let ids: Vec<i64> = accounts.iter().map(|a| a.id).collect();
    let mut config = config(case, accounts.len());
    config.transport = transport;
    let mut workload = Script::new(case, transport, list);
    let clients = case[list].as_array().unwrap().len();
    let client = Client { of_a_mode: !case["mode"].is_null(), ..Client::default() };
    let seen = Seen { ids: ids.clone(), clients: vec![client; clients], finished: Vec::new() };
    let upstream = Worded::new(&case[list]);
    let mut gateway = Gateway::new(config, accounts, Luck::new(1), &mut workload, upstream, seen);
    while gateway.step().unwrap() {
        let now = gateway.totals().end;
        for (client, session) in std::mem::take(&mut gateway.observer_mut().finished) {
            let bound = session.and_then(|number| gateway.pool().sessions.get(number, now));
            gateway.observer_mut().clients[client].binding = json!(bound.map(|a| ids[a.at()]));
        }
    }
    let last = last(&gateway, &ids, &case["final"]["metrics"]);
    let (seen, upstream) = gateway.into_parts();
    assert_eq!(upstream.inner.unscripted(), 0, "{}: every forward has a script", case["name"]);
    let render = |(i, client): (usize, &Client)| match transport {
        Transport::Http => client.http(i),
        Transport::WebSocket => client.connection(i, &workload.previous_text[i]),
    };
    (seen.clients.iter().enumerate().map(render).collect(), last)
}

fn last<U: stickysim::upstream::Upstream>(gateway: &Gateway<'_, Script, U, Seen>, ids: &[i64], asked: &Value) -> Value {
    let metrics = gateway.metrics(0);
    let stats: Vec<Value> = (0..ids.len())
        .map(|i| {
            let health = gateway.health(0, AccountIx(i as u32));
            json!({"account": ids[i], "error_rate": health.error_rate, "ttft_ms": health.ttft_ms})
        })
        .collect();
    let mut all = json!({
            "select_total": metrics.select_total,
            "sticky_previous_hit_total": metrics.sticky_previous_hit_total,
            "sticky_session_hit_total": metrics.sticky_session_hit_total,
            "load_balance_select_total": metrics.load_balance_select_total,
            "account_switch_total": metrics.account_switch_total,
            "load_skew_avg": metrics.load_skew_avg(),
            "sticky_hit_ratio": metrics.sticky_hit_ratio(),
            "account_switch_rate": metrics.account_switch_rate(),
            "runtime_stats_account_count": metrics.runtime_stats_account_count,
    });
    // the older vectors ask for fewer of them
    all.as_object_mut().unwrap().retain(|name, _| !asked[name].is_null());
    json!({"metrics": all, "runtime_stats": stats})
}

fn instant(value: &Value) -> Option<Time> {
    value.as_u64().map(Time::from_unix_nanos)
}

fn account(value: &Value) -> Account {
    Account {
        priority: value["priority"].as_i64().unwrap(),
        load_factor: value["load_factor"].as_i64(),
        websocket_v2: value["websocket_v2"].as_bool().unwrap(),
        credential: if value["type"] == "oauth" { Credential::OAuth } else { Credential::ApiKey },
        in_group: value["in_group"].as_bool().unwrap_or(true),
        subscription: value["subscription"].as_bool().unwrap_or(false),
        last_used: instant(&value["last_used_ns"]),
        session_window_end: instant(&value["session_window_end_ns"]),
        usage: instant(&value["codex"]["updated_at_ns"]).map(|updated_at| Usage {
            updated_at,
            primary_used_percent: value["codex"]["primary_used_percent"].as_f64(),
            primary_reset_at: instant(&value["codex"]["primary_reset_at_ns"]),
            secondary_used_percent: value["codex"]["secondary_used_percent"].as_f64(),
            secondary_reset_at: instant(&value["codex"]["secondary_reset_at_ns"]),
        }),
        upstream_rate: value["upstream_rate"]["rate"].as_f64().map(|rate| UpstreamRate {
            rate,
            received_at: instant(&value["upstream_rate"]["received_at_ns"]).unwrap(),
            fresh_until: instant(&value["upstream_rate"]["fresh_until_ns"]).unwrap(),
        }),
        ..Account::new(value["id"].as_i64().unwrap(), value["concurrency"].as_i64().unwrap())
    }
}

fn config(case: &Value, accounts: usize) -> Config {
    let start = Time::from_unix_nanos(case["start_ns"].as_u64().unwrap());
    let c = &case["config"];
    let number = |key: &str| c[key].as_u64().unwrap();
    let w = |key: &str| c["scheduler_score_weights"][key].as_f64().unwrap();
    let more = |key: &str, default: f64| c["scheduler_score_weights"][key].as_f64().unwrap_or(default);
    let mut config = Config::new(start, accounts);
    let mode = case["mode"].as_str();
    config.scheduler = scheduler::Config {
        revision: if mode.is_some() { Revision::V0_1_179 } else { Revision::V0_1_133 },
        mode: Mode::ALL.into_iter().find(|known| Some(known.name()) == mode).unwrap_or_default(),
        load_batch_enabled: c["load_batch_enabled"].as_bool().unwrap_or(true),
        subscription_priority: c["subscription_priority"].as_bool().unwrap_or(false),
        sticky_escape_enabled: c["sticky_escape_enabled"].as_bool().unwrap(),
        sticky_escape_ttft_ms: number("sticky_escape_ttft_ms"),
        sticky_escape_error_rate: c["sticky_escape_error_rate"].as_f64().unwrap(),
        lb_top_k: number("lb_top_k") as usize,
        weights: Weights {
            priority: w("priority"),
            load: w("load"),
            queue: w("queue"),
            error_rate: w("error_rate"),
            ttft: w("ttft"),
            reset: more("reset", 0.0),
            quota_headroom: more("quota_headroom", 0.0),
            upstream_cost: more("upstream_cost", 0.0),
            previous_response: more("previous_response", 5.0),
            session_sticky: more("session_sticky", 3.0),
        },
        session_ttl: Span::from_secs(number("sticky_session_ttl_seconds")),
        response_ttl: Span::from_secs(number("sticky_response_id_ttl_seconds")),
        sticky_max_waiting: number("sticky_session_max_waiting") as u32,
        sticky_wait_timeout: Span::from_millis(number("sticky_session_wait_timeout_ms")),
        fallback_max_waiting: number("fallback_max_waiting") as u32,
        fallback_wait_timeout: Span::from_millis(number("fallback_wait_timeout_ms")),
        slot_ttl: Span::from_secs(number("slot_ttl_seconds")),
        load_cache_ttl: Span::from_millis(number("load_batch_cache_ttl_ms")),
        ewma_alpha: 0.2,
        group_id: case["group_id"].as_i64(),
        ..scheduler::Config::default()
    };
    let settings = c["db_settings"].as_object().into_iter().flatten();
    let settings = settings.map(|(name, text)| (name.as_str(), text.as_str().unwrap()));
    config.scheduler = scheduler::admin::overlay(&config.scheduler, settings);
    config.max_account_switches = number("max_account_switches") as u32;
    config.outbox_poll_interval = Span::from_secs(number("outbox_poll_interval_seconds"));
    config.full_rebuild_interval = Span::from_secs(number("full_rebuild_interval_seconds"));
    config.wait_jitter = case["wait_jitter"].as_f64().unwrap_or(0.0);
    config.connection_idle = Span::MAX;
    config.http_continuations = true;
    let unlimited = |user: &Value| u32::try_from(user["concurrency"].as_i64().unwrap()).ok().filter(|&limit| limit > 0);
    config.user_limits = case["users"].as_array().into_iter().flatten().map(unlimited).collect();
    let requests = case["requests"].as_array().into_iter().flatten();
    config.shuffle_seeds = requests.filter_map(|request| request["shuffle_seed"].as_str()?.parse().ok()).collect();
    for (traits, value) in config.accounts.iter_mut().zip(case["accounts"].as_array().unwrap()) {
        traits.http1 = value["http1"].as_bool().unwrap_or(false);
        traits.credential = if value["type"] == "oauth" { Credential::OAuth } else { Credential::ApiKey };
        traits.refresh_token = value["refresh_token"].as_bool().unwrap_or(true);
        traits.rules = value["temp_unschedulable_rules"].as_array().into_iter().flatten().map(rule).collect();
        traits.pool_mode = value["pool_mode"].as_bool().unwrap_or(false);
        if traits.pool_mode {
            traits.pool_mode_retry_count = value["pool_mode_retry_count"].as_u64().unwrap() as u32;
            let codes = value["pool_mode_retry_status_codes"].as_array().unwrap();
            traits.pool_mode_retry_status_codes = codes.iter().map(|c| c.as_u64().unwrap() as u16).collect();
        }
        if let Some(models) = value["models"].as_array() {
            traits.models = models.iter().map(|m| m.as_str().unwrap().to_owned()).collect();
        }
    }
    config
}

fn rule(value: &Value) -> Rule {
    Rule {
        status: value["status"].as_u64().unwrap() as u16,
        words: vec![value["keyword"].as_str().unwrap().to_owned()],
        span: Span::from_secs(60 * value["minutes"].as_u64().unwrap()),
    }
}

/// Scripted attempts with the words of their messages.
struct Worded {
    inner: ScriptedUpstream,
    words: Vec<String>,
    /// By request and attempt the number of the word, from 1; 0: none.
    said: Vec<Vec<u16>>,
}

impl Worded {
    fn new(requests: &Value) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut number = |attempt: &Value| {
            let Some(word) = attempt["keyword"].as_str() else { return 0 };
            let known = words.iter().position(|known| known == word);
            known.unwrap_or_else(|| {
                words.push(word.to_owned());
                words.len() - 1
            }) as u16
                + 1
        };
        let of = |request: &Value| request["attempts"].as_array().into_iter().flatten().map(&mut number).collect();
        let said = requests.as_array().unwrap().iter().map(of).collect();
        Self { inner: ScriptedUpstream::new(), words, said }
    }
}

impl Upstream for Worded {
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt {
        let said = &self.said[forward.request.luck as usize];
        let message = said.get(forward.visit as usize).or(said.last()).copied().unwrap_or(0);
        Attempt { message, ..self.inner.begin(forward, changes) }
    }

    fn end(&mut self, _: &Forward<'_>, _: &Attempt, _: Time) {}

    fn next_change(&self) -> Option<Time> {
        None
    }

    fn advance(&mut self, _: Time, _: &mut Vec<HealthChange>) {}

    fn forget(&mut self, _: SessionRef) {}

    fn message(&self, message: u16) -> &str {
        if message == 0 { "" } else { &self.words[usize::from(message) - 1] }
    }
}

fn attempt(value: &Value) -> RecordedAttempt {
    let micros = |key: &str| value[key].as_u64().map(Span::from_micros);
    let end = micros("end_us").unwrap();
    let seconds = |key: &str| value[key].as_f64().map(Span::from_secs_f64);
    let limited = |status| RecordedAttempt::Status {
        status,
        end,
        reset_after: seconds("reset_after_s"),
        retry_after: seconds("retry_after_s"),
        says: match value["message_kind"].as_str() {
            None if value["passing"].as_bool().unwrap_or(false) => Says::Passing,
            None => Says::Nothing,
            Some("transient") => Says::Passing,
            Some("model_not_found") => Says::NoSuchModel,
            Some("html") => Says::HtmlPage,
            Some("context_length") => Says::ContextTooLong,
            Some(other) => Says::of_name(other).unwrap_or_else(|| panic!("unknown kind of message: {other}")),
        },
    };
    match value["kind"].as_str().unwrap() {
        "ok" => RecordedAttempt::Ok { ttft: micros("ttft_us").unwrap(), end },
        "broken" => RecordedAttempt::Broken {
            ttft: micros("ttft_us"),
            end,
            would_fail_over: value["would_fail_over"].as_bool().unwrap_or(false),
        },
        "status" => limited(value["status"].as_u64().unwrap() as u16),
        "rate_limited" => limited(429),
        "transport" | "closed" => {
            RecordedAttempt::Transport { end, durable: value["durable"].as_bool().unwrap_or(false) }
        }
        other => panic!("unknown kind of attempt: {other}"),
    }
}

/// Plays the clients of one case: requests as they stand, or connections turn after turn.
struct Script {
    clients: Vec<Value>,
    transport: Transport,
    due: BTreeMap<(Time, usize), u32>,
    sessions: BTreeMap<String, u64>,
    models: Vec<String>,
    users: BTreeMap<String, u32>,
    completed: BTreeMap<(u64, u32), Time>,
    previous: Vec<Previous>,
    previous_text: Vec<String>,
}

impl Script {
    fn new(case: &Value, transport: Transport, list: &str) -> Self {
        let clients = case[list].as_array().unwrap().clone();
        let users = case["users"].as_array().into_iter().flatten().zip(0..);
        let at = |client: &Value| Time::from_unix_nanos(client["at_ns"].as_u64().unwrap());
        Self {
            due: clients.iter().enumerate().map(|(i, client)| ((at(client), i), 0)).collect(),
            previous: vec![Previous::None; clients.len()],
            previous_text: vec![String::new(); clients.len()],
            clients,
            transport,
            sessions: BTreeMap::new(),
            models: vec![String::new()],
            users: users.map(|(user, number)| (user["id"].as_str().unwrap().to_owned(), number)).collect(),
            completed: BTreeMap::new(),
        }
    }

    fn request(&mut self, at: Time, client: usize, turn: u32) -> Request {
        let value = &self.clients[client];
        let session = value["session_hash"].as_str().unwrap();
        let next = self.sessions.len() as u64;
        let number = *self.sessions.entry(session.to_owned()).or_insert(next);
        let model = value["model"].as_str().unwrap();
        let model = self.models.iter().position(|m| m == model).unwrap_or_else(|| {
            self.models.push(model.to_owned());
            self.models.len() - 1
        });
        let attempts = match self.transport {
            Transport::Http => &value["attempts"],
            Transport::WebSocket => &value["turns"][turn as usize]["attempts"],
        };
        let attempts = attempts.as_array().unwrap().iter().map(attempt).collect();
        if let (0, Some(previous)) = (turn, value["previous"].as_object()) {
            let id = (previous["connection"].as_u64().unwrap(), previous["turn"].as_u64().unwrap() as u32);
            if self.completed.get(&id).is_some_and(|&end| end < at) {
                self.previous[client] = Previous::Response(ResponseId { connection: id.0, turn: id.1 });
                self.previous_text[client] = format!("resp_{}_{}", id.0, id.1);
            }
        }
        if let Some(earlier) = value["previous"].as_u64() {
            self.previous[client] = Previous::Response(ResponseId { connection: earlier, turn: 0 });
        }
        Request {
            luck: client as u64,
            at,
            session: (!session.trim().is_empty()).then_some(SessionRef { slot: number as u32, number }),
            session_hash: SessionHash::verbatim(session.trim()).unwrap(),
            turn,
            connection: client as u64,
            previous: self.previous[client],
            user: value["user"].as_str().map(|name| self.users[name]),
            model: ModelId(model as u16),
            input_tokens: 0,
            output_tokens: 0,
            patience: value["patience_ms"].as_u64().map(Span::from_millis),
            recorded: Some(Box::new(Recorded { attempts, ..Recorded::default() })),
        }
    }
}

impl Workload for Script {
    fn peek(&mut self) -> Result<Option<Time>, workload::Error> {
        Ok(self.due.first_key_value().map(|(&(at, _), _)| at))
    }

    fn next(&mut self) -> Result<Option<Request>, workload::Error> {
        Ok(self.due.pop_first().map(|((at, client), turn)| self.request(at, client, turn)))
    }

    fn ended(&mut self, request: &Request, ending: Ending) {
        if self.transport == Transport::WebSocket && ending.ok {
            let (client, next) = (request.connection as usize, request.turn + 1);
            self.completed.insert((request.connection, request.turn), ending.at);
            if let Some(turn) = self.clients[client]["turns"].get(next as usize) {
                let at = ending.at + Span::from_micros(turn["gap_us"].as_u64().unwrap());
                self.due.insert((at, client), next);
            }
        }
    }

    fn retired(&mut self) -> Option<SessionRef> {
        None
    }

    fn model_name(&self, model: ModelId) -> &str {
        &self.models[model.at()]
    }
}

/// Notes what each client saw, in the shape of the vectors.
struct Seen {
    ids: Vec<i64>,
    clients: Vec<Client>,
    finished: Vec<(usize, Option<u64>)>,
}

#[derive(Clone, Default)]
struct Client {
    selects: Vec<Value>,
    turns: Vec<Turn>,
    binding: Value,
    /// The vectors of the modes also tell the HTTP status.
    of_a_mode: bool,
}

#[derive(Clone, Default)]
struct Turn {
    /// `None`: it left.
    http: Option<u16>,
    at: u64,
    status: &'static str,
    account: Value,
    attempts: BTreeMap<u32, Value>,
    waited: u64,
    first_token: Option<u64>,
    end: u64,
}

impl Client {
    fn http(&self, i: usize) -> Value {
        let turn = &self.turns[0];
        let mut seen = json!({
            "request": i, "status": turn.status, "account": turn.account, "selects": self.selects,
            "attempts": turn.attempts.values().collect::<Vec<_>>(), "waited_ns": turn.waited,
            "first_token_ns": turn.first_token, "end_ns": turn.end, "binding_at_end": self.binding,
        });
        if self.of_a_mode {
            seen["http"] = json!(turn.http);
        }
        seen
    }

    fn connection(&self, i: usize, previous: &str) -> Value {
        let last = self.turns.last().unwrap();
        let turns: Vec<Value> = self.turns.iter().map(Turn::value).collect();
        json!({
            "connection": i, "status": last.status, "selects": self.selects, "turns": turns, "end_ns": last.end,
            "previous_response_id": previous, "binding_at_end": self.binding,
        })
    }
}

impl Turn {
    fn value(&self) -> Value {
        let account = if self.status == "ok" { self.account.clone() } else { Value::Null };
        json!({
            "status": self.status, "account": account, "at_ns": self.at,
            "attempts": self.attempts.values().collect::<Vec<_>>(),
            "first_token_ns": self.first_token, "end_ns": self.end,
        })
    }
}

impl Observer for Seen {
    fn arrived(&mut self, now: Time, _number: u64, request: &Request) {
        let turn = Turn { at: now.unix_nanos(), ..Turn::default() };
        self.clients[request.connection as usize].turns.push(turn);
    }

    fn selected(&mut self, step: &Selected<'_>) {
        let decision = step.decision;
        let failed = decision.outcome == Outcome::NoAvailableAccounts;
        self.clients[step.request.connection as usize].selects.push(json!({
            "at_ns": step.now.unix_nanos(),
            "layer": decision.layer.name(),
            "account": decision.account().map(|a| self.ids[a.at()]),
            "acquired": matches!(decision.outcome, Outcome::Acquired(..)),
            "escape": decision.escape.map(|e| e.reason.name()),
            "error": failed.then_some("no_available_accounts"),
        }));
    }

    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, _client_there: bool) {
        let turn = step.request.turn as usize;
        let attempt = json!({
            "account": self.ids[step.account.at()], "start_ns": step.began.unix_nanos(), "end_ns": now.unix_nanos(),
        });
        self.clients[step.request.connection as usize].turns[turn].attempts.insert(step.visit, attempt);
    }

    fn finished(&mut self, f: &Finished<'_>) {
        let client = f.request.connection as usize;
        let turn = &mut self.clients[client].turns[f.request.turn as usize];
        turn.status = f.status.name();
        turn.http = (f.http_status != 499).then_some(f.http_status);
        turn.account = json!(f.account.map(|a| self.ids[a.at()]));
        turn.waited = f.waited.nanos();
        turn.first_token = f.first_token.map(Time::unix_nanos);
        turn.end = f.end.unix_nanos();
        self.finished.push((client, f.request.session.map(|s| s.number)));
        if let Some(felt) = f.felt_ttft() {
            assert_eq!(Some(felt), f.upstream_ttft.map(|ttft| ttft + f.waited + f.failed), "felt = parts of it");
        }
    }
}
