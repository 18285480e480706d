//! The request loop against loop.jsonl and ws.jsonl: an independent implementation's answers (spec gateway.md).

mod common;

use std::collections::BTreeMap;

use common::golden_files::{self, Failures};
use serde_json::{Value, json};
use stickysim::engine::Luck;
use stickysim::gateway::{Config, Gateway, Transport};
use stickysim::ids::{AccountIx, ModelId, ResponseId, SessionRef};
use stickysim::measure::{Finished, Forwarded, Observer, Selected};
use stickysim::scheduler::{self, Account, Outcome, Weights};
use stickysim::units::{Span, Time};
use stickysim::upstream::ScriptedUpstream;
use stickysim::workload::{self, Ending, Previous, Recorded, RecordedAttempt, Request, SessionHash, Workload};

#[test]
fn http_requests_go_as_the_vectors_say() {
    run_file("loop.jsonl", Transport::Http, "requests");
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
    let seen = Seen { ids: ids.clone(), clients: vec![Client::default(); clients], finished: Vec::new() };
    let mut gateway = Gateway::new(config, accounts, Luck::new(1), &mut workload, ScriptedUpstream::new(), seen);
    while gateway.step().unwrap() {
        let now = gateway.totals().end;
        for (client, session) in std::mem::take(&mut gateway.observer_mut().finished) {
            let bound = session.and_then(|number| gateway.pool().sessions.get(number, now));
            gateway.observer_mut().clients[client].binding = json!(bound.map(|a| ids[a.at()]));
        }
    }
    let last = last(&gateway, &ids);
    let (seen, upstream) = gateway.into_parts();
    assert_eq!(upstream.unscripted(), 0, "{}: every forward has a script", case["name"]);
    let render = |(i, client): (usize, &Client)| match transport {
        Transport::Http => client.http(i),
        Transport::WebSocket => client.connection(i, &workload.previous_text[i]),
    };
    (seen.clients.iter().enumerate().map(render).collect(), last)
}

fn last<U: stickysim::upstream::Upstream>(gateway: &Gateway<'_, Script, U, Seen>, ids: &[i64]) -> Value {
    let metrics = gateway.metrics(0);
    let stats: Vec<Value> = (0..ids.len())
        .map(|i| {
            let health = gateway.health(0, AccountIx(i as u32));
            json!({"account": ids[i], "error_rate": health.error_rate, "ttft_ms": health.ttft_ms})
        })
        .collect();
    json!({
        "metrics": {
            "select_total": metrics.select_total,
            "sticky_previous_hit_total": metrics.sticky_previous_hit_total,
            "sticky_session_hit_total": metrics.sticky_session_hit_total,
            "load_balance_select_total": metrics.load_balance_select_total,
            "account_switch_total": metrics.account_switch_total,
            "load_skew_avg": metrics.load_skew_avg(),
        },
        "runtime_stats": stats,
    })
}

fn account(value: &Value) -> Account {
    Account {
        priority: value["priority"].as_i64().unwrap(),
        load_factor: value["load_factor"].as_i64(),
        websocket_v2: value["websocket_v2"].as_bool().unwrap(),
        ..Account::new(value["id"].as_i64().unwrap(), value["concurrency"].as_i64().unwrap())
    }
}

fn config(case: &Value, accounts: usize) -> Config {
    let start = Time::from_unix_nanos(case["start_ns"].as_u64().unwrap());
    let c = &case["config"];
    let number = |key: &str| c[key].as_u64().unwrap();
    let w = |key: &str| c["scheduler_score_weights"][key].as_f64().unwrap();
    let mut config = Config::new(start, accounts);
    config.scheduler = scheduler::Config {
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
            ..Weights::default()
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
    config.max_account_switches = number("max_account_switches") as u32;
    config.outbox_poll_interval = Span::from_secs(number("outbox_poll_interval_seconds"));
    config.full_rebuild_interval = Span::from_secs(number("full_rebuild_interval_seconds"));
    config.wait_jitter = case["wait_jitter"].as_f64().unwrap_or(0.0);
    config.connection_idle = Span::MAX;
    for (traits, value) in config.accounts.iter_mut().zip(case["accounts"].as_array().unwrap()) {
        traits.http1 = value["http1"].as_bool().unwrap_or(false);
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

fn attempt(value: &Value) -> RecordedAttempt {
    let micros = |key: &str| value[key].as_u64().map(Span::from_micros);
    let end = micros("end_us").unwrap();
    let limited = |status| RecordedAttempt::Status {
        status,
        end,
        reset_after: value["reset_after_s"].as_f64().map(Span::from_secs_f64),
        passing: value["passing"].as_bool().unwrap_or(false),
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
        "transport" | "closed" => RecordedAttempt::Transport { end },
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
    completed: BTreeMap<(u64, u32), Time>,
    previous: Vec<Previous>,
    previous_text: Vec<String>,
}

impl Script {
    fn new(case: &Value, transport: Transport, list: &str) -> Self {
        let clients = case[list].as_array().unwrap().clone();
        let at = |client: &Value| Time::from_unix_nanos(client["at_ns"].as_u64().unwrap());
        Self {
            due: clients.iter().enumerate().map(|(i, client)| ((at(client), i), 0)).collect(),
            previous: vec![Previous::None; clients.len()],
            previous_text: vec![String::new(); clients.len()],
            clients,
            transport,
            sessions: BTreeMap::new(),
            models: vec![String::new()],
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
        Request {
            luck: client as u64,
            at,
            session: (!session.trim().is_empty()).then_some(SessionRef { slot: number as u32, number }),
            session_hash: SessionHash::verbatim(session.trim()).unwrap(),
            turn,
            connection: client as u64,
            previous: self.previous[client],
            user: None,
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
}

#[derive(Clone, Default)]
struct Turn {
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
        json!({
            "request": i, "status": turn.status, "account": turn.account, "selects": self.selects,
            "attempts": turn.attempts.values().collect::<Vec<_>>(), "waited_ns": turn.waited,
            "first_token_ns": turn.first_token, "end_ns": turn.end, "binding_at_end": self.binding,
        })
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
