//! Traces are played as their settings say, in both loops.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;
use crate::engine::Distribution;
use crate::units::Span;
use crate::workload::config::{AssumedSessions, Limits, ReadConfig, Resample, SessionNames};
use crate::workload::replay::tests::Scratch;
use crate::workload::{Previous, SessionHash};

const START: Time = Time::from_unix_nanos(1_767_225_600_000_000_000);

/// A request that was played, and when it ended.
#[derive(Clone, Debug, PartialEq)]
struct Played {
    request: u64,
    at: Span,
    end: Span,
    session: Option<(u64, SessionHash, u32)>,
    input: u32,
    user: Option<u32>,
    previous: Previous,
}

struct Run {
    played: Vec<Played>,
    most_slots: u32,
    notes: Vec<String>,
}

fn replay(text: &str, change: impl FnOnce(&mut ReplayConfig)) -> (Scratch, ReplayConfig) {
    let file = Scratch::with("trace.csv", text);
    let mut config =
        ReplayConfig { read: ReadConfig { path: file.0.clone(), ..ReadConfig::default() }, ..ReplayConfig::default() };
    change(&mut config);
    (file, config)
}

/// Plays a trace whose requests take `service(input tokens)`.
fn run(text: &str, change: impl FnOnce(&mut ReplayConfig), service: impl Fn(u32) -> Span) -> Run {
    let (_file, config) = replay(text, change);
    let mut workload = ReplayWorkload::open(config, Luck::new(7), START).expect("a good trace");
    let mut under_way: BTreeMap<(Time, u64), Request> = BTreeMap::new();
    let mut live = BTreeMap::new();
    let (mut played, mut now, mut most_slots) = (Vec::new(), START, 0);
    loop {
        let arrival = workload.peek().expect("a good trace");
        let end = under_way.first_key_value().map(|(&(at, _), _)| at);
        match (arrival, end) {
            (Some(at), end) if end.is_none_or(|end| at <= end) => {
                let request = workload.next().expect("a good trace").expect("peeked");
                assert!(request.at == at && at >= now, "arrivals never go back");
                now = at;
                if let Some(session) = request.session {
                    let number = *live.entry(session.slot).or_insert(session.number);
                    assert_eq!(number, session.number, "a slot serves one session at a time");
                    assert_eq!(request.connection, session.number);
                    most_slots = most_slots.max(session.slot + 1);
                }
                let end = at + service(request.input_tokens);
                played.push(Played {
                    request: request.luck,
                    at: at.since(START),
                    end: end.since(START),
                    session: request.session.map(|s| (s.number, request.session_hash, request.turn)),
                    input: request.input_tokens,
                    user: request.user,
                    previous: request.previous,
                });
                under_way.insert((end, request.luck), request);
            }
            (_, Some(_)) => {
                let ((at, _), request) = under_way.pop_first().expect("not empty");
                now = at;
                workload.ended(&request, Ending { at, ok: true });
            }
            _ => break,
        }
        while let Some(session) = workload.retired() {
            assert_eq!(live.remove(&session.slot), Some(session.number), "retires once, and only what lives");
            assert!(under_way.values().all(|request| request.session != Some(session)), "not while under way");
        }
    }
    assert!(live.is_empty(), "every session retires");
    let lucks: std::collections::BTreeSet<u64> = played.iter().map(|p| p.request).collect();
    assert_eq!(lucks.len(), played.len(), "luck is unique");
    Run { played, most_slots, notes: workload.notes() }
}

fn second(_: u32) -> Span {
    Span::SECOND
}

/// Sessions of random length with random gaps and durations: `sessions` of them over about `span_s` seconds.
fn random_trace(sessions: u64, span_s: f64, seed: u64) -> String {
    let mut rows = Vec::new();
    for session in 0..sessions {
        let mut stream = Luck::new(seed).stream(1, session, 0);
        let mut at = stream.between(0.0, span_s);
        for turn in 0..1 + stream.bits() % 9 {
            let duration = stream.between(0.1, 20.0);
            rows.push((at, session, turn, duration));
            // some turns overlap the one before
            at += duration * stream.between(0.8, 1.2) + stream.between(0.0, 60.0);
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = String::from("at_s,session,input_tokens,duration_ms,user\n");
    for (at, session, turn, duration) in rows {
        let (input, ms) = (session * 10 + turn + 1, duration * 1e3);
        writeln!(text, "{at:.6},s{session},{input},{ms:.3},u{}", session % 5).expect("a string");
    }
    text
}

fn by_session(played: &[Played]) -> BTreeMap<u64, Vec<Played>> {
    let mut sessions: BTreeMap<u64, Vec<Played>> = BTreeMap::new();
    for one in played {
        if let Some((number, ..)) = one.session {
            sessions.entry(number).or_default().push(one.clone());
        }
    }
    for turns in sessions.values() {
        assert!(
            turns.iter().enumerate().all(|(k, one)| one.session.is_some_and(|s| s.2 as usize == k)),
            "turns count up"
        );
    }
    sessions
}

#[test]
fn the_open_loop_keeps_the_recorded_times_whatever_happens() {
    let text = "at_s,session\n0.5,a\n1,b\n1,a\n2.25,\n9,a\n";
    for service in [Span::ZERO, Span::from_secs(100)] {
        let run = run(text, |_| {}, |_| service);
        let times: Vec<f64> = run.played.iter().map(|p| p.at.secs()).collect();
        assert_eq!(times, [0.5, 1.0, 1.0, 2.25, 9.0]);
        let sessions: Vec<_> = run.played.iter().map(|p| p.session.map(|s| (s.0, s.2))).collect();
        assert_eq!(sessions, [Some((0, 0)), Some((1, 0)), Some((0, 1)), None, Some((0, 2))]);
    }
    let run = run(text, |config| config.time_scale = 2.0, second);
    assert_eq!(run.played.iter().map(|p| p.at.secs()).collect::<Vec<_>>(), [1.0, 2.0, 2.0, 4.5, 18.0]);
}

#[test]
fn session_hashes_are_dealt_anew_by_the_seed_unless_the_names_are_the_gateways_own() {
    let text = "at_s,session\n0,a\n1,b\n2,a\n3,\n";
    let hashes = |names, timing, seed| {
        let (_file, config) = replay(text, |config| (config.session_names, config.timing) = (names, timing));
        let mut workload = ReplayWorkload::open(config, Luck::new(seed), START).expect("a good trace");
        let mut hashes = Vec::new();
        while let Some(request) = workload.next().expect("a good trace") {
            hashes.push(request.session_hash);
            workload.ended(&request, Ending { at: request.at, ok: true });
        }
        (hashes, workload.notes())
    };
    for timing in [Timing::Recorded, Timing::Think] {
        let (dealt, notes) = hashes(SessionNames::Redealt, timing, 1);
        assert_eq!(hashes(SessionNames::Redealt, timing, 1).0, dealt);
        assert_eq!((dealt[0], dealt[3]), (dealt[2], SessionHash::EMPTY), "one session has one hash");
        let (other, _) = hashes(SessionNames::Redealt, timing, 2);
        assert!((0..3).all(|turn| dealt[turn] != other[turn]));
        assert!(!notes.iter().any(|note| note.contains("session_names")));

        let (raw, notes) = hashes(SessionNames::Raw, timing, 1);
        assert_eq!(raw[..2], [SessionHash::of_name("a"), SessionHash::of_name("b")]);
        assert_eq!(hashes(SessionNames::Raw, timing, 2).0, raw);
        assert!(notes.iter().any(|note| note.contains("session_names: raw")), "{notes:?}");
    }
}

#[test]
fn resampling_plays_whole_sessions_a_poisson_number_of_times_and_anew_for_every_seed() {
    let text = random_trace(2_000, 20_000.0, 8);
    let plain = run(&text, |_| {}, second);
    let (_file, config) = replay(&text, |config| config.resample = Resample::Sessions);
    let sizes: Vec<usize> = by_session(&plain.played).values().map(Vec::len).collect();
    let counts = |seed| {
        let mut workload = ReplayWorkload::open(config.clone(), Luck::new(seed), START).expect("a good trace");
        let mut turns: BTreeMap<u64, usize> = BTreeMap::new();
        while let Some(request) = workload.next().expect("a good trace") {
            *turns.entry(request.session.map_or(u64::MAX, |session| session.number)).or_default() += 1;
            workload.ended(&request, Ending { at: request.at, ok: true });
            while workload.retired().is_some() {}
        }
        assert!(workload.notes().iter().any(|note| note.contains("resample: sessions")));
        turns
    };
    let (one, other) = (counts(1), counts(2));
    assert_ne!(one.len(), other.len());
    for turns in [one, other] {
        // as many sessions as before, but for the spread of a Poisson number; whole ones, so their mean size stays
        let (before, now) = (sizes.len() as f64, turns.len() as f64);
        assert!((now - before).abs() < 4.0 * before.sqrt(), "{now} sessions of {before}");
        let mean = |sum: usize, count: f64| sum as f64 / count;
        let (was, is) = (mean(sizes.iter().sum(), before), mean(turns.values().sum(), now));
        assert!((is / was - 1.0).abs() < 0.1, "{is} turns a session, {was} before");
    }
}

#[test]
fn a_session_is_over_after_an_idle_span_and_comes_back_as_another_with_the_same_hash() {
    let text = "at_s,session\n0,a\n5,b\n12,c\n40,a\n41,d\n";
    let run = run(text, |config| config.session_idle = Span::from_secs(10), second);
    let numbers: Vec<u64> = run.played.iter().filter_map(|p| p.session.map(|s| s.0)).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert_eq!(run.played[0].session.map(|s| s.1), run.played[3].session.map(|s| s.1));
    assert_eq!(run.most_slots, 3, "a's slot is told to be free when c arrives, and serves the next one");
}

#[test]
fn memory_is_that_of_the_live_sessions_not_of_the_trace() {
    let mut text = String::from("at_s,session,input_tokens\n");
    for row in 0..200_000 {
        writeln!(text, "{},s{},10", row, row / 4).expect("a string");
    }
    let (_file, config) = replay(&text, |config| config.session_idle = Span::from_secs(30));
    for timing in [Timing::Recorded, Timing::Think] {
        let config = ReplayConfig { timing, ..config.clone() };
        let mut workload = ReplayWorkload::open(config, Luck::new(7), START).expect("a good trace");
        let (mut requests, mut slots) = (0, 0);
        while let Some(request) = workload.next().expect("a good trace") {
            requests += 1;
            slots = slots.max(request.session.map_or(0, |session| session.slot + 1));
            workload.ended(&request, Ending { at: request.at + Span::from_millis(10), ok: true });
            assert!(workload.feed.held_rows() <= 2, "rows are not piled up");
            while workload.retired().is_some() {}
        }
        assert_eq!(requests, 200_000);
        assert!(slots <= 10, "{slots} slots for 50,000 sessions of which at most 9 live at once");
    }
}

#[test]
fn thinning_keeps_whole_sessions() {
    let text = random_trace(2_000, 4_000.0, 3);
    let all = by_session(&run(&text, |_| {}, second).played);
    let half = run(&text, |config| config.rate_scale = 0.5, second);
    let kept = by_session(&half.played);
    // 2,000 coins: five standard errors are 112
    assert!((888..=1_112).contains(&kept.len()), "{}", kept.len());
    let inputs = |turns: &[Played]| turns.iter().map(|p| (p.at, p.input)).collect::<Vec<_>>();
    let whole: std::collections::BTreeSet<_> = all.values().map(|turns| inputs(turns)).collect();
    assert!(kept.values().all(|turns| whole.contains(&inputs(turns))), "sessions are kept whole");
    assert!(half.notes.iter().any(|note| note.contains("rate_scale")));
    assert!(run(&text, |config| config.rate_scale = 0.0, second).played.is_empty());
}

#[test]
fn superposing_plays_whole_sessions_again_under_other_names() {
    let text = random_trace(1_000, 4_000.0, 4);
    let all = by_session(&run(&text, |_| {}, second).played);
    let more = run(&text, |config| config.rate_scale = 2.5, second);
    let copies = by_session(&more.played);
    // 1,000 coins: five standard errors are 79
    assert!((2_421..=2_579).contains(&copies.len()), "{}", copies.len());
    let hashes: std::collections::BTreeSet<_> =
        copies.values().map(|turns| turns[0].session.map(|s| s.1.as_bytes().to_vec())).collect();
    assert_eq!(hashes.len(), copies.len(), "each has a name of its own");
    let users: std::collections::BTreeSet<_> = more.played.iter().map(|p| p.user).collect();
    assert_eq!(users.len(), 15, "five users, and five for each of two copies");
    // a copy is its original, later by less than the shift
    let originals: BTreeMap<u32, &Vec<Played>> = all.values().map(|turns| (turns[0].input, turns)).collect();
    for turns in copies.values() {
        let original = originals[&turns[0].input];
        assert_eq!(turns.len(), original.len());
        let shift = turns[0].at.saturating_sub(original[0].at);
        assert!(shift < Span::from_secs(60));
        assert!(turns.iter().zip(original).all(|(a, b)| a.at == b.at + shift && a.input == b.input));
    }
}

#[test]
fn lone_requests_are_thinned_and_copied_one_by_one() {
    let text: String = std::iter::once("at_s\n".to_string()).chain((0..10_000).map(|at| format!("{at}\n"))).collect();
    for (scale, low, high) in [(0.3, 2_771, 3_229), (1.7, 16_771, 17_229)] {
        let count = run(&text, |config| config.rate_scale = scale, second).played.len();
        assert!((low..=high).contains(&count), "{count} at {scale}");
    }
}

#[test]
fn repeating_plays_other_sessions_later() {
    let text = "at_s,session,response_id,previous_response_id,model\n2,a,r1,,m\n3,b,,,\n4,a,,r1,n\n";
    let run = run(text, |config| config.repeat = 3, second);
    let times: Vec<f64> = run.played.iter().map(|p| p.at.secs()).collect();
    // rounds of 2 s, and one mean gap of 1 s between them
    assert_eq!(times, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
    let numbers: Vec<u64> = run.played.iter().filter_map(|p| p.session.map(|s| s.0)).collect();
    assert_eq!(numbers, [0, 1, 0, 2, 3, 2, 4, 5, 4]);
    for round in 0..3 {
        let connection = run.played[3 * round].session.map_or(0, |s| s.0);
        let expected = Previous::Response(crate::ids::ResponseId { connection, turn: 0 });
        assert_eq!(run.played[3 * round + 2].previous, expected, "each round has its own responses");
    }
}

#[test]
fn responses_that_the_trace_does_not_have_are_counted() {
    let text = "at_s,session,response_id,previous_response_id\n0,a,r1,\n1,a,,r0\n2,a,,last\n9000,b,,r1\n";
    let run = run(text, |_| {}, second);
    let previous: Vec<Previous> = run.played.iter().map(|p| p.previous).collect();
    assert_eq!(previous[..3], [Previous::None, Previous::None, Previous::LastOfSession]);
    assert!(run.notes.iter().any(|note| note.starts_with("1 request continues a response")), "{:?}", run.notes);
}

#[test]
fn assumed_sessions_have_the_turns_asked_for_and_leave_arrivals_alone() {
    let mut text = String::from("at_s\n");
    let mut stream = Luck::new(5).stream(0, 0, 0);
    let mut at = 0.0;
    for _ in 0..40_000 {
        at += -libm::log(stream.open01()) * 2.0;
        writeln!(text, "{at:.6}").expect("a string");
    }
    let assume = AssumedSessions {
        turns: Distribution::geometric(4.0).expect("valid"),
        think_s: Distribution::lognormal_p50_p90(40.0, 100.0).expect("valid"),
    };
    let plain = run(&text, |_| {}, second);
    let dealt = run(&text, |config| config.sessions = Sessions::Assume(assume), second);
    let times = |run: &Run| run.played.iter().map(|p| p.at).collect::<Vec<_>>();
    assert_eq!(times(&plain), times(&dealt));
    let sessions = by_session(&dealt.played);
    let mean = dealt.played.len() as f64 / sessions.len() as f64;
    // 10,000 geometric lengths of mean 4, standard deviation 3.5: standard error 0.035; sessions cut off at the end:
    // 0.01
    assert!((mean - 4.0).abs() < 0.2, "{mean} turns a session");
    let mut gaps: Vec<f64> =
        sessions.values().flat_map(|s| s.windows(2)).map(|w| w[1].at.saturating_sub(w[0].at).secs()).collect();
    gaps.sort_by(f64::total_cmp);
    // due sessions queue for the rows: rate 0.375/s into 0.5/s, so about 8 s on average on top of 40 s
    assert!((42.0..52.0).contains(&gaps[gaps.len() / 2]), "median gap {}", gaps[gaps.len() / 2]);
    assert!(dealt.notes.iter().any(|note| note.ends_with("sessions assumed for requests that have none")));
    assert!(plain.notes.iter().any(|note| note.contains("no sessions")));
}

/// What the closed loop must do, worked out session by session from the whole trace.
fn expected_closed(text: &str, service: impl Fn(u32) -> Span) -> BTreeMap<u32, Vec<Span>> {
    let mut sessions: BTreeMap<&str, Vec<(Span, u32, Span)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let field: Vec<&str> = line.split(',').collect();
        let at = Span::from_secs_f64(field[0].parse().expect("seconds"));
        let took = Span::from_millis_f64(field[3].parse().expect("milliseconds"));
        sessions.entry(field[1]).or_default().push((at, field[2].parse().expect("a count"), at + took));
    }
    let mut expected = BTreeMap::new();
    for turns in sessions.values() {
        let (mut at, mut recorded_end) = (turns[0].0, Span::ZERO);
        let mut times = Vec::new();
        for (k, &(recorded, input, end)) in turns.iter().enumerate() {
            if k > 0 {
                at = at + service(turns[k - 1].1) + recorded.saturating_sub(recorded_end);
            }
            recorded_end = recorded_end.max(end);
            times.push(at);
            let _ = input;
        }
        expected.insert(turns[0].1, times);
    }
    expected
}

#[test]
fn the_closed_loop_waits_a_think_time_after_each_end_whether_it_runs_faster_or_slower() {
    let text = random_trace(400, 1_500.0, 6);
    for (name, micros) in [("faster", 20_000), ("slower", 60_000_000), ("alike", 10_000_000)] {
        let service = |input: u32| Span::from_micros(micros * u64::from(input % 7 + 1) / 4);
        let run = run(&text, |config| config.timing = Timing::Think, service);
        let expected = expected_closed(&text, service);
        let sessions = by_session(&run.played);
        assert_eq!(sessions.len(), 400);
        for turns in sessions.values() {
            let times: Vec<Span> = turns.iter().map(|p| p.at).collect();
            assert_eq!(times, expected[&turns[0].input], "{name}: session of input {}", turns[0].input);
        }
        assert!(run.notes.iter().any(|note| note.contains("overlapped an earlier one")), "{:?}", run.notes);
    }
}

#[test]
fn think_times_run_from_arrival_to_arrival_where_no_end_is_recorded() {
    let text = "at_s,session\n0,a\n10,a\n15,b\n25,a\n";
    let run = run(text, |config| config.timing = Timing::Think, |_| Span::from_secs(4));
    let a: Vec<f64> = by_session(&run.played)[&0].iter().map(|p| p.at.secs()).collect();
    assert_eq!(a, [0.0, 14.0, 33.0]);
    assert!(run.notes.iter().any(|note| note.starts_with("2 of 2 think times run from arrival to arrival")));
    let text = "at_s,session,duration_ms\n0,a,4000\n10,a,\n";
    let scaled =
        super::tests::run(text, |config| (config.timing, config.time_scale) = (Timing::Think, 0.5), |_| Span::SECOND);
    assert_eq!(scaled.played[1].at.secs(), 1.0 + 3.0, "half of a think time of 6 s");
}

#[test]
fn in_the_closed_loop_too_a_session_ends_when_its_trace_is_silent() {
    let text = "at_s,session\n0,a\n5,b\n40,a\n41,c\n100,b\n";
    let run = run(
        text,
        |config| {
            config.timing = Timing::Think;
            config.session_idle = Span::from_secs(20);
        },
        second,
    );
    let numbers: Vec<u64> = run.played.iter().filter_map(|p| p.session.map(|s| s.0)).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert_eq!(run.played[2].at, Span::from_secs(40), "a new session starts at its recorded time");
}

#[test]
fn limits_stop_both_loops() {
    let text = random_trace(300, 1_000.0, 8);
    for timing in [Timing::Recorded, Timing::Think] {
        let with = |limits| {
            run(&text, |config| (config.timing, config.limits) = (timing, limits), |_| Span::from_secs(15)).played
        };
        assert_eq!(with(Limits { requests: Some(500), ..Limits::default() }).len(), 500);
        let some = with(Limits { sessions: Some(40), ..Limits::default() });
        assert_eq!(by_session(&some).len(), 40);
        let span = Span::from_secs(400);
        let early = with(Limits { duration: Some(span), ..Limits::default() });
        assert!(early.len() > 200 && early.iter().all(|p| p.at < span));
    }
}

#[test]
fn settings_and_traces_without_sense_are_refused() {
    let open = |text: &str, change: fn(&mut ReplayConfig)| {
        let (_file, config) = replay(text, change);
        ReplayWorkload::open(config, Luck::new(1), START).map(|_| ()).expect_err("no sense").to_string()
    };
    assert!(open("at_s\n1\n", |config| config.time_scale = 0.0).contains("time_scale"));
    assert!(open("at_s\n1\n", |config| config.rate_scale = f64::NAN).contains("rate_scale"));
    assert!(open("at_s\n1\n", |config| config.repeat = 0).contains("repeat"));
    assert!(open("at_s\n", |_| {}).contains("without rows"));
}

#[test]
fn the_default_model_stands_for_blank_ones() {
    let (_file, config) = replay("at_s,model\n1,\n2,x\n", |config| config.default_model = "gpt-5".into());
    let mut workload = ReplayWorkload::open(config, Luck::new(1), START).expect("a good trace");
    let mut models = Vec::new();
    while let Some(request) = workload.next().expect("a good trace") {
        models.push(workload.model_name(request.model).to_string());
    }
    assert_eq!(models, ["gpt-5", "x"]);
}

#[test]
fn the_real_traces_play_from_end_to_end_in_both_loops() {
    let Some(shared) = crate::workload::replay::tests::shared() else { return };
    for (path, rows) in [
        ("traces/azure_llm_2023_conv.csv", 19_366),
        ("traces/mooncake_fast25_conversation.jsonl", 12_031),
        ("traces/ragpulse_0_trace.jsonl", 7_106),
        ("traces/weka_claude_code", 120),
        ("real-runs/slow-on-newer/export.jsonl", 2_931),
        ("real-runs/slow-on/requests.jsonl", 2_931),
    ] {
        for timing in [Timing::Recorded, Timing::Think] {
            let read = ReadConfig { path: shared.join(path), ..ReadConfig::default() };
            let config = ReplayConfig { read, timing, ..ReplayConfig::default() };
            let mut workload = ReplayWorkload::open(config, Luck::new(7), START).expect("a real trace");
            let (mut count, mut last) = (0, START);
            while let Some(request) = workload.next().expect("a real trace") {
                assert!(request.at >= last, "{path}: arrivals never go back");
                last = request.at;
                count += 1;
                workload.ended(&request, Ending { at: request.at + Span::from_millis(1), ok: true });
                while workload.retired().is_some() {}
            }
            assert_eq!((count, workload.rows_read()), (rows, rows), "{path}");
        }
    }
}
