use super::*;
use crate::measure::testing::{Turn, at, escape, forward, health, select, waiting};
use crate::scheduler::EscapeReason;

fn trace(tell: impl Fn(&mut PerfettoTrace<Vec<u8>>)) -> Value {
    let settings = Settings { start: at(1_000), ..Settings::default() };
    let accounts = [11, 12].map(|id| AccountInfo::new(id, 4));
    let condition = ConditionInfo { name: "brown\"out".to_owned(), accounts: vec![AccountIx(0)], models: Vec::new() };
    let mut trace = PerfettoTrace::new(Vec::new(), &settings, &accounts, &[condition], &[("scenario", "a\"b".into())]);
    tell(&mut trace);
    serde_json::from_slice(&trace.finish().unwrap()).unwrap()
}

fn events<'a>(trace: &'a Value, phase: &'a str) -> Vec<&'a Value> {
    let all = trace["traceEvents"].as_array().unwrap();
    all.iter().filter(|event| event["ph"] == phase).collect()
}

#[test]
fn a_run_is_slices_instants_counters_and_arrows() {
    let s = Some((0, 1));
    let trace = trace(|observer| {
        health(observer, 1_000, 0, 0, true);
        forward(observer, 2_000, s, 0, 4_000, 0, true);
        select(observer, 4_000, s, &escape(0, EscapeReason::Ttft, Some(1)));
        forward(observer, 4_000, s, 1, 4_000, 0, true);
        observer.slots(at(5_000), AccountIx(1), 0);
        health(observer, 6_000, 0, 0, false);
        observer.run_over(at(8_000));
    });
    assert_eq!(trace["otherData"]["scenario"], "a\"b");
    let slices = events(&trace, "X");
    let names: Vec<&str> = slices.iter().filter_map(|slice| slice["name"].as_str()).collect();
    assert_eq!(names, ["ok", "to the first token", "ok, escaped", "to the first token", "brown\"out"]);
    assert_eq!((slices[0]["ts"].as_f64(), slices[0]["dur"].as_f64()), (Some(1e6), Some(1e6)));
    assert_eq!(slices[0]["args"]["upstream_ttft_ms"], 300.0);
    assert_eq!((slices[0]["pid"].as_u64(), slices[2]["pid"].as_u64()), (Some(2), Some(3)));
    assert_eq!(slices[4]["dur"].as_f64(), Some(5e6));
    let instants: Vec<&str> = events(&trace, "i").iter().filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(instants, ["brown\"out sets in", "ttft", "brown\"out ends"]);
    let (from, to) = (events(&trace, "s"), events(&trace, "f"));
    assert_eq!((from.len(), to.len()), (1, 1));
    assert_eq!((from[0]["pid"].as_u64(), from[0]["ts"].as_f64()), (Some(2), Some(1e6 + 1.0)));
    assert_eq!((to[0]["pid"].as_u64(), to[0]["ts"].as_f64()), (Some(3), Some(3e6 + 1.0)));
    assert_eq!(events(&trace, "C").len(), 1);
}

#[test]
fn attempts_at_once_have_lanes_of_their_own() {
    let mut lanes = Lanes::default();
    assert_eq!((lanes.take(), lanes.take(), lanes.take()), ((0, true), (1, true), (2, true)));
    lanes.free(1);
    assert_eq!((lanes.take(), lanes.take()), ((1, false), (3, true)));
}

#[test]
fn waiting_ends_with_a_slot_or_with_the_request() {
    let trace = trace(|observer| {
        let decision = waiting(escape(0, EscapeReason::ConcurrencyFull, Some(1)));
        select(observer, 2_000, None, &decision);
        select(observer, 3_000, None, &decision);
        // requests are numbered by the ms of their arrival here
        forward(observer, 2_000, None, 1, 100, 0, true);
        Turn::at(3_000).without_token(4_000).tell(observer);
    });
    let waits: Vec<&Value> = events(&trace, "X").into_iter().filter(|slice| slice["name"] == "waiting").collect();
    assert_eq!(waits.len(), 2);
    assert_eq!((waits[0]["args"]["ends"].as_str(), waits[0]["dur"].as_f64()), (Some("got a slot"), Some(0.0)));
    assert_eq!((waits[1]["args"]["ends"].as_str(), waits[1]["dur"].as_f64()), (Some("client_gone"), Some(4e6)));
    assert_ne!(waits[0]["tid"], waits[1]["tid"]);
}

#[test]
fn an_error_of_writing_comes_out_at_the_end() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let trace = PerfettoTrace::new(Full, &Settings::default(), &[], &[], &[]);
    assert_eq!(trace.finish().err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}
