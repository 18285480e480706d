//! Sessions come out as they were asked for.

use super::*;
use crate::engine::Distribution;
use crate::workload::config::{ArrivalProcess, Arrivals, Limits, Profile};

const START: Time = Time::from_unix_nanos(1_767_225_600_000_000_000);

/// One session's turns: (arrival, input, output).
type Turns = Vec<(Time, u32, u32)>;

/// Plays a workload whose requests all take `service`, and returns each session's turns by its number.
fn play(config: SynthConfig, seed: u64, service: Span) -> Vec<Turns> {
    let mut workload = SynthWorkload::new(config, Luck::new(seed), START).expect("valid");
    let mut sessions: Vec<Turns> = Vec::new();
    let mut under_way = std::collections::BTreeMap::new();
    let (mut now, mut live) = (START, 0i64);
    loop {
        let arrival = workload.peek().expect("no file");
        let end = under_way.first_key_value().map(|(&(at, _), _)| at);
        match (arrival, end) {
            (Some(at), end) if end.is_none_or(|end| at <= end) => {
                let request = workload.next().expect("no file").expect("peeked");
                assert!(request.at >= now && request.at == at, "arrivals never go back");
                now = at;
                let number = (request.luck >> TURN_BITS) as usize;
                if sessions.len() <= number {
                    sessions.resize(number + 1, Vec::new());
                }
                assert_eq!(sessions[number].len(), (request.luck & 0xff_ffff) as usize);
                live += i64::from(sessions[number].is_empty() && request.session.is_some());
                sessions[number].push((at, request.input_tokens, request.output_tokens));
                under_way.insert((at + service, request.luck), request);
            }
            (_, Some(_)) => {
                let ((at, _), request) = under_way.pop_first().expect("not empty");
                now = at;
                workload.ended(&request, Ending { at, ok: true });
            }
            _ => break,
        }
        live -= std::iter::from_fn(|| workload.retired()).count() as i64;
    }
    assert_eq!(live, 0, "every session retires");
    assert_eq!(workload.free.len(), workload.slots.len(), "every slot is free again");
    sessions
}

fn quantile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * p) as usize]
}

fn near(what: &str, got: f64, expected: f64, relative: f64) {
    assert!((got - expected).abs() <= expected * relative, "{what}: {got}, expected {expected} within {relative}");
}

fn limited(mut config: SynthConfig, sessions: u64) -> SynthConfig {
    config.limits = Limits { sessions: Some(sessions), ..Limits::default() };
    config
}

#[test]
fn agentic_sessions_have_the_turns_thinks_inputs_and_outputs_of_the_preset() {
    let service = Span::from_secs(3);
    let sessions = play(limited(SynthConfig::agentic().expect("valid"), 4_000), 11, service);
    assert_eq!(sessions.len(), 4_000);
    let mut turns: Vec<f64> = sessions.iter().map(|s| s.len() as f64).collect();
    // median of 4,000 lognormals of sigma 0.96: standard error 1.25 * 0.96 / sqrt(4000) = 1.9 %
    near("median turns", quantile(&mut turns, 0.5), 45.0, 0.07);
    near("p90 turns", quantile(&mut turns, 0.9), 155.0, 0.12);
    assert!(turns.iter().all(|&t| (1.0..=500.0).contains(&t)));
    let mut thinks: Vec<f64> =
        sessions.iter().flat_map(|s| s.windows(2)).map(|w| (w[1].0.since(w[0].0 + service)).secs()).collect();
    let expected = SynthConfig::agentic().expect("valid").think_s;
    for p in [0.25, 0.5, 0.75, 0.9, 0.95] {
        near("think", quantile(&mut thinks, p), expected.quantile(p), 0.03);
    }
    let mut starts: Vec<f64> = sessions.iter().map(|s| f64::from(s[0].1)).collect();
    near("start", quantile(&mut starts, 0.5), 25_000.0, 0.05);
    let growth: Vec<f64> =
        sessions.iter().flat_map(|s| s.windows(2)).map(|w| f64::from(w[1].1) - f64::from(w[0].1)).collect();
    let grown: Vec<f64> = growth.iter().copied().filter(|&g| g >= 0.0).collect();
    near("growth", grown.iter().sum::<f64>() / grown.len() as f64, 700.0, 0.01);
    // some 270,000 turns: 1,350 compactions, standard error 2.7 %
    near("compactions", 1.0 - grown.len() as f64 / growth.len() as f64, 0.005, 0.12);
    let mut outputs: Vec<f64> = sessions.iter().flatten().map(|t| f64::from(t.2)).collect();
    near("median output", quantile(&mut outputs, 0.5), 216.0, 0.02);
    near("p90 output", quantile(&mut outputs, 0.9), 900.0, 0.02);
}

#[test]
fn chat_sessions_have_the_turns_thinks_inputs_and_outputs_of_the_preset() {
    let service = Span::from_secs(5);
    let sessions = play(limited(SynthConfig::chat().expect("valid"), 40_000), 12, service);
    let requests: usize = sessions.iter().map(Vec::len).sum();
    // geometric of mean 1.8 has standard deviation 1.2: standard error of the mean 0.006
    near("mean turns", requests as f64 / 40_000.0, 1.8, 0.015);
    let single = sessions.iter().filter(|s| s.len() == 1).count() as f64 / 40_000.0;
    near("sessions of one turn", single, 1.0 / 1.8, 0.02);
    let mut thinks: Vec<f64> =
        sessions.iter().flat_map(|s| s.windows(2)).map(|w| (w[1].0.since(w[0].0 + service)).secs()).collect();
    near("median think", quantile(&mut thinks, 0.5), 40.0, 0.06);
    near("p90 think", quantile(&mut thinks, 0.9), 300.0, 0.08);
    let mut inputs: Vec<f64> = sessions.iter().flatten().map(|t| f64::from(t.1)).collect();
    near("median input", quantile(&mut inputs, 0.5), 1_500.0, 0.05);
    let mut outputs: Vec<f64> = sessions.iter().flatten().map(|t| f64::from(t.2)).collect();
    near("median output", quantile(&mut outputs, 0.5), 200.0, 0.03);
}

#[test]
fn what_a_session_is_like_does_not_depend_on_how_long_its_requests_take() {
    let config = || limited(SynthConfig::agentic().expect("valid"), 200);
    let fast = play(config(), 13, Span::from_secs(1));
    let slow = play(config(), 13, Span::from_secs(40));
    let shape = |sessions: &[Turns]| -> Vec<Vec<(u32, u32)>> {
        sessions.iter().map(|s| s.iter().map(|t| (t.1, t.2)).collect()).collect()
    };
    assert_eq!(shape(&fast), shape(&slow));
    let thinks = |sessions: &[Turns], service| -> Vec<Span> {
        sessions.iter().flat_map(|s| s.windows(2)).map(|w| w[1].0.since(w[0].0 + Span::from_secs(service))).collect()
    };
    assert_eq!(thinks(&fast, 1), thinks(&slow, 40));
}

#[test]
fn one_knob_leaves_the_other_answers_as_they_were() {
    let base = || limited(SynthConfig::agentic().expect("valid"), 100);
    let mut patient = base();
    patient.patience_s = Some(Distribution::exponential(10.0).expect("valid"));
    patient.output_tokens = Distribution::constant(5.0).expect("valid");
    let inputs = |config| -> Vec<Vec<u32>> {
        play(config, 3, Span::SECOND).iter().map(|s| s.iter().map(|t| t.1).collect()).collect()
    };
    assert_eq!(inputs(base()), inputs(patient));
}

#[test]
fn the_share_without_a_session_is_the_share_asked_for() {
    let mut config = limited(SynthConfig::chat().expect("valid"), 20_000);
    config.sessionless_share = 0.3;
    let mut workload = SynthWorkload::new(config, Luck::new(4), START).expect("valid");
    let (mut without, mut all) = (0.0, 0.0);
    while let Some(request) = workload.next().expect("no file") {
        all += 1.0;
        if request.session.is_none() {
            without += 1.0;
            assert!(request.connection >= LONE_CONNECTIONS && request.turn == 0);
        }
        workload.ended(&request, Ending { at: request.at + Span::SECOND, ok: true });
    }
    // about 36,000 requests of 20,000 clients: standard error 0.004
    near("share", without / all, 0.3, 0.06);
}

#[test]
fn models_and_users_come_by_weight_and_a_session_keeps_them() {
    let mut config = limited(SynthConfig::chat().expect("valid"), 20_000);
    config.models = vec![("a".into(), 3.0), ("b".into(), 0.0), ("c".into(), 1.0)];
    config.users = 7;
    let mut workload = SynthWorkload::new(config, Luck::new(4), START).expect("valid");
    let mut counts = [0.0; 4];
    let mut users = [0.0; 7];
    let mut seen = std::collections::BTreeMap::new();
    while let Some(request) = workload.next().expect("no file") {
        let session = request.session.expect("all have one");
        let who = (request.model, request.user);
        if *seen.entry(session.number).or_insert(who) != who {
            panic!("session {} changed from model to model", session.number);
        }
        if request.turn == 0 {
            counts[request.model.at()] += 1.0;
            users[request.user.expect("users asked for") as usize] += 1.0;
        }
        workload.ended(&request, Ending { at: request.at + Span::SECOND, ok: true });
    }
    assert_eq!((counts[0], counts[2]), (0.0, 0.0));
    near("model a", counts[1], 15_000.0, 0.02);
    assert_eq!(workload.model_name(ModelId(3)), "c");
    for count in users {
        near("user", count, 20_000.0 / 7.0, 0.1);
    }
}

#[test]
fn limits_stop_it_and_let_every_session_go() {
    let base = || SynthConfig::agentic().expect("valid");
    let count = |limits| {
        let mut config = base();
        config.limits = limits;
        let sessions = play(config, 9, Span::from_secs(2));
        (sessions.len(), sessions.iter().map(Vec::len).sum::<usize>(), sessions.into_iter().flatten())
    };
    assert_eq!(count(Limits { requests: Some(1_000), ..Limits::default() }).1, 1_000);
    assert_eq!(count(Limits { sessions: Some(17), ..Limits::default() }).0, 17);
    let hour = Span::from_secs(3_600);
    let (sessions, requests, mut turns) = count(Limits { duration: Some(hour), ..Limits::default() });
    assert!(sessions > 250 && requests > 5_000, "{sessions} sessions, {requests} requests in an hour");
    assert!(turns.all(|turn| turn.0 < START + hour));
}

#[test]
fn the_open_loop_does_not_wait_for_ends() {
    let mut config = limited(SynthConfig::agentic().expect("valid"), 300);
    config.timing = SynthTiming::Open { service_s: Distribution::constant(3.0).expect("valid") };
    let fast = play(config.clone(), 5, Span::from_secs(1));
    let slow = play(config, 5, Span::from_secs(600));
    assert_eq!(fast, slow);
}

#[test]
fn inputs_stay_below_their_limit() {
    let mut config = limited(SynthConfig::agentic().expect("valid"), 300);
    config.input.limit_tokens = Some(100_000);
    let all: Vec<u32> = play(config, 5, Span::SECOND).into_iter().flatten().map(|turn| turn.1).collect();
    let late = all.iter().filter(|&&input| input > 100_000).count();
    // only a first turn may start above it
    assert!(late <= 30, "{late} of {}", all.len());
}

/// How many requests arrive from `from` to `to` hours, with the sums of their inputs and of their turns.
fn window(config: &SynthConfig, seed: u64, (from, to): (f64, f64), service: Span) -> [f64; 3] {
    let mut config = config.clone();
    config.limits = Limits { duration: Some(Span::from_secs_f64(to * 3_600.0)), ..Limits::default() };
    let mut workload = SynthWorkload::new(config, Luck::new(seed), START).expect("valid");
    let mut queue = std::collections::VecDeque::new();
    let mut sums = [0.0; 3];
    loop {
        let arrival = workload.peek().expect("no file");
        let end = queue.front().map(|request: &Request| request.at + service);
        match (arrival, end) {
            (Some(at), end) if end.is_none_or(|end| at <= end) => {
                let request = workload.next().expect("no file").expect("peeked");
                if request.at >= START + Span::from_secs_f64(from * 3_600.0) {
                    let values = [1.0, f64::from(request.input_tokens), (request.luck & 0xff_ffff) as f64];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                queue.push_back(request);
            }
            (_, Some(at)) => {
                let request = queue.pop_front().expect("not empty");
                workload.ended(&request, Ending { at, ok: true });
            }
            _ => break,
        }
        while workload.retired().is_some() {}
    }
    sums
}

fn in_equilibrium(config: SynthConfig, service_s: f64) -> SynthConfig {
    SynthConfig { start: Start::Equilibrium { service_s }, ..config }
}

/// Three hours from an equilibrium start against what the mathematics expects of any hour. Means over 40 seeds; a run's
/// load varies by some 4 % (1,300 sessions, whose loads are heavy-tailed), so the mean's standard error is 0.7 %.
#[test]
fn from_equilibrium_the_first_hours_are_like_any_others() {
    let service = Span::from_secs(8);
    let agentic = SynthConfig::agentic().expect("valid");
    let daily = Arrivals {
        profile: Profile::Cycle { period: Span::from_secs(7_200), factors: vec![2.0, 0.0] },
        ..agentic.arrivals.clone()
    };
    let constant = Arrivals { process: ArrivalProcess::Constant, ..agentic.arrivals.clone() };
    for (name, config) in [
        ("agentic", agentic.clone()),
        ("cycle", SynthConfig { arrivals: daily, ..agentic.clone() }),
        ("constant", SynthConfig { arrivals: constant, ..agentic }),
        ("chat", SynthConfig::chat().expect("valid")),
    ] {
        let config = in_equilibrium(config, service.secs());
        let expected = config.expected(service.secs());
        let mut sums = [0.0; 3];
        for seed in 0..40 {
            let one = window(&config, seed, (0.0, 2.0), service);
            sums.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
        }
        let [requests, input, turn] = sums;
        near(&format!("{name}: requests"), requests / 40.0, expected.requests_per_s * 7_200.0, 0.03);
        near(&format!("{name}: input"), input / requests, expected.input_tokens, 0.03);
        near(&format!("{name}: turn"), turn / requests, expected.turn, 0.03);
    }
}

/// The same against the late hours of empty starts, as the issue asks: long, so for `make test-slow`.
#[test]
#[ignore = "a hundred hours on thirty seeds"]
fn three_hours_from_equilibrium_carry_what_hours_100_to_103_of_an_empty_start_carry() {
    let service = Span::from_secs(8);
    let agentic = SynthConfig::agentic().expect("valid");
    let stationary = in_equilibrium(agentic.clone(), service.secs());
    let mean = |config: &SynthConfig, hours: (f64, f64)| {
        let mut sums = [0.0; 3];
        for seed in 0..30 {
            sums.iter_mut().zip(window(config, seed, hours, service)).for_each(|(sum, one)| *sum += one);
        }
        [sums[0] / 30.0, sums[1] / sums[0], sums[2] / sums[0]]
    };
    let (early, late) = (mean(&stationary, (0.0, 3.0)), mean(&agentic, (100.0, 103.0)));
    for (what, early, late) in
        [("requests", early[0], late[0]), ("input", early[1], late[1]), ("turn", early[2], late[2])]
    {
        println!(
            "{what}: {early:.1} from equilibrium, {late:.1} from hour 100: {:+.2} %",
            (early / late - 1.0) * 100.0
        );
        near(what, early, late, 0.03);
    }
    let empty = mean(&agentic, (0.0, 3.0));
    println!("from empty: {:.1} requests", empty[0]);
    assert!(empty[0] < 0.6 * late[0], "an empty start is far from it");
}

#[test]
fn an_empty_start_begins_with_nothing_and_sessions_keep_their_luck_whatever_is_under_way() {
    let agentic = || limited(SynthConfig::agentic().expect("valid"), 50);
    let first = |config: SynthConfig| {
        let mut workload = SynthWorkload::new(config, Luck::new(3), START).expect("valid");
        let under_way = workload.slots.len();
        let mut starts = Vec::new();
        while let Some(request) = workload.next().expect("no file") {
            if request.turn == 0 && request.luck >> TURN_BITS < UNDER_WAY_NUMBERS {
                starts.push((request.luck, request.at, request.input_tokens, request.session_hash));
            }
            workload.ended(&request, Ending { at: request.at, ok: true });
        }
        (under_way, starts)
    };
    let (none, empty) = first(agentic());
    let (some, full) = first(in_equilibrium(agentic(), 8.0));
    let (fewer, other) = first(in_equilibrium(agentic(), 1.0));
    assert_eq!((none, empty.len()), (0, 50));
    assert!(some > fewer && fewer > 500, "{some} {fewer}");
    assert_eq!(empty, full);
    assert_eq!(full, other);
}

/// Run by hand: `cargo test --release --lib synth -- --ignored --nocapture`.
#[test]
#[ignore = "prints a speed, shows nothing"]
#[expect(clippy::disallowed_types, reason = "a speed is wall time")]
fn speed_of_a_request() {
    for (name, config) in [("agentic", SynthConfig::agentic()), ("chat", SynthConfig::chat())] {
        let mut config = config.expect("valid");
        config.arrivals.rate_per_s = 1.0;
        config.limits.requests = Some(2_000_000);
        let mut workload = SynthWorkload::new(config, Luck::new(1), START).expect("valid");
        let mut queue = std::collections::VecDeque::new();
        let begun = std::time::Instant::now();
        let mut count = 0u64;
        loop {
            let arrival = workload.peek().expect("no file");
            let end = queue.front().map(|request: &Request| request.at + Span::from_secs(5));
            match (arrival, end) {
                (Some(at), end) if end.is_none_or(|end| at <= end) => {
                    queue.push_back(workload.next().expect("no file").expect("peeked"));
                    count += 1;
                }
                (_, Some(at)) => {
                    let request = queue.pop_front().expect("not empty");
                    workload.ended(&request, Ending { at, ok: true });
                }
                _ => break,
            }
            while workload.retired().is_some() {}
        }
        let slots = workload.slots.len();
        println!("{name}: {:.0} ns a request, {slots} slots", begun.elapsed().as_nanos() as f64 / count as f64);
    }
}
