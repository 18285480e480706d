//! `--perfetto` writes what ui.perfetto.dev reads: the rules of Chrome's Trace Event Format, held by runs of shipped
//! scenarios, and what Perfetto's importer asks beyond them (slices that nest, arrows that begin and end in a slice).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A track: process and lane.
type Track = (u64, u64);

fn trace(name: &str, args: &[&str]) -> Value {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("perfetto-{name}.json.gz"));
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .arg("run")
        .args(args)
        .arg("--perfetto")
        .arg(&file)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&file).unwrap();
    // One member that ends where the file ends, with a checksum that holds.
    let mut text = String::new();
    let mut gz = flate2::bufread::GzDecoder::new(bytes.as_slice());
    gz.read_to_string(&mut text).unwrap();
    assert!(gz.into_inner().is_empty(), "something stands behind the end of the gzip member");
    serde_json::from_str(&text).unwrap()
}

fn whole(event: &Value, field: &str) -> u64 {
    event[field].as_u64().unwrap_or_else(|| panic!("{field} of {event}"))
}

/// A time in ns: whole ones, so that no comparison goes wrong by a rounding.
fn nanos(event: &Value, field: &str) -> u64 {
    let micros = event[field].as_f64().unwrap_or_else(|| panic!("{field} of {event}"));
    assert!(micros >= 0.0 && micros.is_finite(), "{field} of {event}");
    (micros * 1e3).round() as u64
}

fn track(event: &Value) -> Track {
    (whole(event, "pid"), whole(event, "tid"))
}

/// What a trace holds, by kind of event.
#[derive(Debug, Default)]
struct Seen {
    slices: usize,
    instants: BTreeSet<String>,
    counters: BTreeSet<String>,
    arrows: usize,
}

/// Checks every event, and what they are together.
fn check(trace: &Value) -> Seen {
    let top = trace.as_object().unwrap();
    let fields: Vec<&str> = top.keys().map(String::as_str).collect();
    assert_eq!(fields, ["displayTimeUnit", "otherData", "traceEvents"]);
    assert!(["ms", "ns"].contains(&trace["displayTimeUnit"].as_str().unwrap()));
    assert!(trace["otherData"].as_object().unwrap().values().all(Value::is_string));
    let events = trace["traceEvents"].as_array().unwrap();
    let mut seen = Seen::default();
    let mut processes: BTreeMap<u64, String> = BTreeMap::new();
    let mut lanes: BTreeMap<Track, String> = BTreeMap::new();
    let mut slices: BTreeMap<Track, Vec<(u64, u64)>> = BTreeMap::new();
    let mut used: BTreeSet<Track> = BTreeSet::new();
    let mut arrows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    let mut ends: BTreeMap<(u64, String), u64> = BTreeMap::new();
    for event in events {
        let name = event["name"].as_str().unwrap_or_else(|| panic!("no name: {event}"));
        assert!(!name.is_empty(), "{event}");
        let allowed: &[&str] = match event["ph"].as_str().unwrap_or_else(|| panic!("no phase: {event}")) {
            "M" => {
                let args = &event["args"];
                let (known, new) = match name {
                    "process_name" => {
                        let new = args["name"].as_str().unwrap().to_owned();
                        (processes.insert(whole(event, "pid"), new.clone()), new)
                    }
                    "thread_name" => {
                        let new = args["name"].as_str().unwrap().to_owned();
                        (lanes.insert(track(event), new.clone()), new)
                    }
                    "process_sort_index" | "thread_sort_index" => {
                        whole(args, "sort_index");
                        (None, String::new())
                    }
                    _ => panic!("unknown metadata: {event}"),
                };
                assert!(known.is_none_or(|known| known == new), "renamed: {event}");
                &["ph", "name", "pid", "tid", "args"]
            }
            "X" => {
                let (ts, dur) = (nanos(event, "ts"), nanos(event, "dur"));
                slices.entry(track(event)).or_default().push((ts, ts + dur));
                used.insert(track(event));
                seen.slices += 1;
                assert!(event["args"].is_object(), "{event}");
                &["ph", "name", "pid", "tid", "ts", "dur", "args"]
            }
            "i" => {
                nanos(event, "ts");
                assert!(["t", "p", "g"].contains(&event["s"].as_str().unwrap()), "{event}");
                used.insert(track(event));
                seen.instants.insert(name.to_owned());
                &["ph", "s", "name", "pid", "tid", "ts", "args"]
            }
            "C" => {
                let args = event["args"].as_object().unwrap();
                assert!(!args.is_empty() && args.values().all(|value| value.as_f64().is_some_and(f64::is_finite)));
                // A counter is told in the order of time.
                let last = ends.entry((whole(event, "pid"), name.to_owned())).or_default();
                let ts = nanos(event, "ts");
                assert!(ts >= *last, "{event} goes back in time");
                *last = ts;
                seen.counters.insert(name.to_owned());
                &["ph", "name", "pid", "ts", "args"]
            }
            "s" | "f" => {
                assert_eq!(event["ph"] == "f", event["bp"] == "e", "{event}");
                assert!(event["cat"].is_string(), "{event}");
                arrows.entry(whole(event, "id")).or_default().push(event);
                &["ph", "bp", "cat", "id", "name", "pid", "tid", "ts"]
            }
            phase => panic!("phase {phase}: {event}"),
        };
        let fields = event.as_object().unwrap().keys();
        assert!(fields.clone().all(|field| allowed.contains(&field.as_str())), "{event}");
    }
    for track in &used {
        assert!(processes.contains_key(&track.0), "process {} has no name", track.0);
        assert!(lanes.contains_key(track), "lane {track:?} has no name");
    }
    // On a lane two slices lie apart or one within the other.
    for (track, slices) in &mut slices {
        slices.sort_unstable_by_key(|&(from, to)| (from, u64::MAX - to));
        let mut open: Vec<u64> = Vec::new();
        for &(from, to) in slices.iter() {
            while open.last().is_some_and(|&end| end <= from) {
                open.pop();
            }
            assert!(open.last().is_none_or(|&end| to <= end), "{track:?}: a slice from {from} to {to} crosses another");
            open.push(to);
        }
    }
    // An arrow has two ends of the same name and kind, not backwards in time, each within a slice.
    for (id, ends) in &arrows {
        let [from, to] = ends[..] else { panic!("arrow {id} has {} ends", ends.len()) };
        assert_eq!((&from["ph"], &to["ph"]), (&Value::from("s"), &Value::from("f")));
        assert_eq!((&from["name"], &from["cat"]), (&to["name"], &to["cat"]));
        assert!(nanos(from, "ts") <= nanos(to, "ts"), "arrow {id} goes back in time");
        assert_ne!(from["pid"], to["pid"], "arrow {id} leads to the account that it comes from");
        for end in [from, to] {
            let at = nanos(end, "ts");
            let slices = slices.get(&track(end)).unwrap_or_else(|| panic!("no slice on the lane of {end}"));
            assert!(slices.iter().any(|&(from, to)| from < at && at < to), "no slice is open at {end}");
        }
    }
    seen.arrows = arrows.len();
    seen
}

#[test]
fn a_slow_account_is_escapes_conditions_counters_and_arrows() {
    let args = ["scenarios/slow-account.yaml", "--set", "workload.synth.sessions_per_hour=60"];
    let seen = check(&trace("slow", &args));
    assert!(seen.slices > 10_000 && seen.arrows > 50, "{seen:?}");
    assert!(seen.instants.is_superset(&["ttft", "slow sets in", "slow ends"].map(str::to_owned).into()), "{seen:?}");
    let counters = ["EWMA of TTFT (ms)", "EWMA of errors", "slots"].map(str::to_owned);
    assert!(seen.counters.is_superset(&counters.into()), "{seen:?}");
}

#[test]
fn a_gate_that_ever_shuts_is_open_or_shut_all_the_time() {
    let trace = trace("gate", &["tests/experiments/small.yaml", "--set", "replicas.count=2"]);
    let events = trace["traceEvents"].as_array().unwrap();
    let end = events.iter().filter(|event| event["ph"] == "X").map(|e| nanos(e, "ts") + nanos(e, "dur")).max().unwrap();
    let mut gates: BTreeMap<Track, Vec<(u64, u64, bool)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let name = event["name"].as_str().unwrap();
        if let Some(state) = name.strip_prefix("gate ") {
            let open = state == "open";
            assert!(open || state.starts_with("shut: "), "{name}");
            let begins = nanos(event, "ts");
            gates.entry(track(event)).or_default().push((begins, begins + nanos(event, "dur"), open));
        }
    }
    assert!(gates.len() >= 2 && gates.values().any(|slices| slices.len() >= 3), "{gates:?}");
    for slices in gates.values_mut() {
        slices.sort_unstable();
        assert!(slices[0].0 == 0 && slices[0].2, "it begins open: {slices:?}");
        assert!(slices.windows(2).all(|two| two[0].1 == two[1].0 && two[0].2 != two[1].2), "{slices:?}");
        assert!(slices.last().unwrap().1 + 60_000_000_000 > end, "it lasts to the end: {slices:?} {end}");
    }
}

#[test]
fn blocks_waiting_and_failures_are_valid_too() {
    let blocked = check(&trace("quota", &["scenarios/quota-429.yaml", "--set", "duration=7h"]));
    assert!(blocked.instants.contains("HTTP 429"), "{blocked:?}");
    let args = [
        "scenarios/full-account.yaml",
        "--set",
        "duration=1h",
        "--set",
        "warmup=0s",
        "--set",
        "account_defaults.concurrency=2",
    ];
    let waited = check(&trace("full", &args));
    assert!(waited.counters.contains("waiting"), "{waited:?}");
    check(&trace("errors", &["scenarios/error-burst.yaml", "--set", "workload.synth.sessions_per_hour=40"]));
    check(&trace("websocket", &["scenarios/websocket.yaml", "--set", "workload.synth.sessions_per_hour=40"]));
}
