//! Inputs of charts that look like those of runs, and odd ones: what every chart must stand.
#![allow(dead_code, reason = "each test uses a part")]

use stickysim::report::chart::*;

/// Numbers in [0, 1) that look random and are the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal.
    pub fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.bell())
    }
}

pub const LONG: &str = "a scenario whose name its author could not bring himself to shorten, so that it runs on and on \
    about slow accounts in three regions behind one proxy, with brownouts on Tuesdays and a soft throttle after lunch";
pub const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\u{202e}\u{0}\"'&amp;]]>";
pub const CJK: &str = "慢账号 — медленный счёт 😀 الحساب البطيء";

pub fn provenance(scenario: &str) -> Provenance {
    Provenance {
        scenario: scenario.to_owned(),
        seed: "42".to_owned(),
        replications: Some(20),
        version: "0.1.0".to_owned(),
    }
}

fn estimate(value: f64, part: f64) -> Estimate {
    Estimate { value, low: value * (1.0 - part), high: value * (1.0 + part) }
}

fn sweep_point(ms: f64) -> SweepPoint {
    let s = ms / 1e3;
    let hump = |lo: f64, best: f64, depth: f64| lo + depth * libm::pow(libm::log(s / best), 2.0);
    let false_alarms = 1.0 / (1.0 + libm::pow(s / 3.0, 3.0));
    SweepPoint {
        at: s,
        worst_turn_ms: [
            estimate(2_300.0 + 600.0 * false_alarms, 0.04),
            estimate(1e3 * hump(9.0, 6.5, 2.6).min(33.0), 0.07),
            estimate(1e3 * hump(21.0, 7.0, 6.5).min(62.0), 0.10),
        ],
        escapes_per_1000: [
            estimate(190.0 * false_alarms + 42.0 / (1.0 + s / 30.0), 0.06),
            estimate(6.5, 0.2),
            estimate(14.0 + 25.0 * false_alarms, 0.1),
        ],
        cold_turn_ratio: estimate(0.018 + 0.16 * false_alarms, 0.08),
        others: Vec::new(),
    }
}

pub fn sweep(scenario: &str) -> KeySweep {
    let at = |i: i32| 1_000.0 * libm::pow(60.0, f64::from(i) / 24.0);
    KeySweep {
        provenance: provenance(scenario),
        name: "Escape threshold".to_owned(),
        key: Axis::log("sticky_escape_ttft_ms in seconds (log scale)", Format::Seconds),
        points: (0..=24).map(|i| sweep_point(at(i).round())).collect(),
        off: Some(SweepPoint {
            at: f64::INFINITY,
            worst_turn_ms: [estimate(2_350.0, 0.04), estimate(37_400.0, 0.05), estimate(66_000.0, 0.06)],
            escapes_per_1000: [Estimate::bare(0.0); 3],
            cold_turn_ratio: estimate(0.012, 0.1),
            others: Vec::new(),
        }),
        marks: KeyMarks {
            default: Some(15.0),
            own: None,
            best: Some(7.1),
            best_word: "recommended".to_owned(),
            plateau: Some((5.4, 9.3)),
            plateau_word: "as good and as cheap:".to_owned(),
            undecided: Vec::new(),
        },
        others: Vec::new(),
        level_percent: 95.0,
        notes: Vec::new(),
    }
}

/// A sweep over words, as many as that.
pub fn words(count: usize, name: &str) -> KeySweep {
    let mut sweep = sweep("slow-account");
    sweep.points =
        (0..count).map(|i| SweepPoint { at: i as f64, ..sweep_point(1_000.0 + 2_000.0 * i as f64) }).collect();
    sweep.name = "workload.synth.preset".to_owned();
    sweep.key = Axis::names("workload.synth.preset", (0..count).map(|i| format!("{name} {i}")).collect());
    let own = (count > 1).then_some(1.0);
    let plateau = (count > 2).then_some((1.0, 2.0));
    let (best_word, plateau_word) = ("take".to_owned(), "as good and as cheap:".to_owned());
    let undecided = if count > 3 { vec![3.0] } else { Vec::new() };
    sweep.marks = KeyMarks { default: Some(0.0), own, best: own, best_word, plateau, plateau_word, undecided };
    sweep.others = vec![Other { title: name.to_owned(), label: "price".to_owned(), format: Format::Number }];
    sweep.points.iter_mut().for_each(|point| point.others = vec![estimate(2_800.0 + 90.0 * point.at, 0.02)]);
    sweep
}

/// A search over so many scenarios.
pub fn search(scenarios: usize, name: &str) -> KeySearch {
    let sweep = sweep(name);
    let values = |i: usize| sweep.points.iter().map(|point| point.worst_turn_ms[i % 3].scaled(1e-3)).collect();
    KeySearch {
        provenance: Provenance { replications: None, ..provenance(name) },
        key: sweep.key.clone(),
        at: sweep.points.iter().map(|point| point.at).collect(),
        figure: "worst turn of a session, p99 (s)".to_owned(),
        format: Format::Seconds,
        scenarios: (0..scenarios)
            .map(|i| Searched { scenario: format!("{name} {i}"), values: values(i), off: 66.0 })
            .collect(),
        regret: sweep.points.iter().map(|point| point.cold_turn_ratio.value).collect(),
        regret_off: 0.4,
        marks: KeyMarks { own: Some(8.0), ..sweep.marks },
        notes: vec!["Worst regret as it stands: 3.2 %.".to_owned()],
    }
}

pub fn heat(columns: usize, rows: usize) -> HeatMap {
    let value = |x: usize, y: usize| {
        let (a, b) = (x as f64 / columns as f64 - 0.55, y as f64 / rows as f64 - 0.4);
        8.0 + 90.0 * (a * a + 0.8 * b * b + 0.5 * a * b)
    };
    HeatMap {
        provenance: provenance("slow-account"),
        x_key: "sticky_escape_ttft_ms (ms)".to_owned(),
        x_values: (0..columns).map(|i| format!("{}", 1_000 + 1_500 * i)).collect(),
        y_key: "ewma_alpha".to_owned(),
        y_values: (0..rows).map(|i| format!("{:.2}", 0.05 + 0.9 * i as f64 / rows as f64)).collect(),
        figure: "worst turn of a session, p99".to_owned(),
        format: Format::Seconds,
        values: (0..rows).map(|y| (0..columns).map(|x| value(x, y)).collect()).collect(),
        best: (0..columns)
            .flat_map(|x| (0..rows).map(move |y| (x, y)))
            .min_by(|&a, &b| value(a.0, a.1).total_cmp(&value(b.0, b.1))),
        plateau: (0..columns)
            .flat_map(|x| (0..rows).map(move |y| (x, y)))
            .filter(|&(x, y)| value(x, y) < 10.2)
            .collect(),
        best_word: "take".to_owned(),
        plateau_word: "as good and as cheap".to_owned(),
        undecided: if columns > 1 { vec![(0, 0)] } else { Vec::new() },
        current: Some((columns.saturating_sub(2), rows / 2)),
    }
}

pub fn distribution_of(samples: usize) -> Distribution {
    let mut dice = Dice::new(7);
    let mut side = |name: &str, slow: f64, factor: f64| {
        let mut draw = |n: usize, base: f64| -> Vec<f64> {
            (0..n)
                .map(|_| {
                    let slow = dice.next() < slow;
                    dice.lognormal(base * if slow { factor } else { 1.0 }, 0.5)
                })
                .collect()
        };
        Side {
            name: name.to_owned(),
            requests: Ccdf::of(&draw(samples, 1_300.0)),
            sessions: Ccdf::of(&draw(samples / 20 + 1, 3_900.0)),
        }
    };
    Distribution {
        provenance: provenance("slow-account"),
        sides: vec![side("escape off", 0.08, 18.0), side("escape at 7.1 s", 0.012, 14.0)],
        slo_ms: Some(10_000.0),
    }
}

pub fn comparison(rows: usize) -> Comparison {
    let names = [
        ("worst turn of a session, p99", -61.0, 6.0, "66 s", "25.7 s"),
        ("worst turn of a session, p50", -1.9, 2.8, "2.35 s", "2.31 s"),
        ("felt TTFT, p99", -48.0, 5.0, "31.4 s", "16.3 s"),
        ("share of stuck sessions", -82.0, 9.0, "7.1 %", "1.28 %"),
        ("share of cold turns", 41.0, 8.0, "1.2 %", "1.69 %"),
        ("uncached input tokens", 12.5, 3.0, "4.1 M", "4.6 M"),
        ("requests answered in full within the SLO", 4.4, 0.8, "91.2 %", "95.2 %"),
        ("requests with an escape", f64::NAN, f64::NAN, "0", "312"),
        ("time in wait counters, p99", -3.0, 11.0, "1.9 s", "1.84 s"),
        ("escapes for want of a slot", 2_400.0, 900.0, "0.2", "5"),
    ];
    let row = |i: usize| {
        let (name, change, half, a, b) = names[i % names.len()];
        let clear = change.abs() > half;
        let verdict = match (clear, i % names.len()) {
            (false, _) => Finding::NotShown,
            (true, 4 | 5) => Finding::Worse,
            (true, 9) => Finding::Differs,
            (true, _) => Finding::Better,
        };
        Difference {
            name: name.to_owned(),
            a: a.to_owned(),
            b: b.to_owned(),
            difference: format!("{change:.1} ±{half:.1}"),
            change_percent: Estimate { value: change, low: change - half, high: change + half },
            verdict,
            words: match verdict {
                Finding::Better => "better",
                Finding::Worse => "worse",
                Finding::Differs => "higher",
                Finding::NotShown => "no difference shown",
            }
            .to_owned(),
        }
    };
    Comparison {
        provenance: provenance("slow-account"),
        a: "escape off".to_owned(),
        b: "the scenario as it stands (threshold 15 s)".to_owned(),
        rows: (0..rows).map(row).collect(),
        level_percent: 95.0,
    }
}

pub fn detection_of(conditions: usize, roc: bool) -> Detection {
    let mut dice = Dice::new(3);
    let names = ["brownout of eu-1", "soft throttle", "proxy outage, three accounts", "flapping"];
    let mut delay = |scale: f64| {
        let p50 = dice.lognormal(scale, 0.4);
        Some(Delay { min_s: p50 * 0.4, p50_s: p50, max_s: p50 * 3.1 })
    };
    let condition = |i: usize| ConditionDetection {
        name: if i < names.len() { names[i].to_owned() } else { format!("condition {i}") },
        onsets: 12.0 + i as f64,
        detected: if i % 4 == 3 { 3.0 } else { 12.0 + i as f64 },
        never_readmitted: f64::from(u8::from(i % 4 == 2)),
        delay: delay(40.0),
        readmission: if i % 4 == 3 { None } else { delay(190.0) },
    };
    let point = |i: i32| {
        let ms = (1_000.0 * libm::pow(60.0, f64::from(i) / 10.0)).round();
        let s = ms / 1e3;
        RocPoint {
            threshold: Format::Seconds.value(s),
            false_escapes_ratio: 0.85 / (1.0 + libm::pow(s / 2.5, 1.6)),
            missed_turns_ratio: 0.92 / (1.0 + libm::pow(18.0 / s, 1.3)),
        }
    };
    let points: Vec<RocPoint> = if roc { (0..=10).map(point).collect() } else { Vec::new() };
    Detection {
        seen_by: "the gate".to_owned(),
        provenance: provenance("slow-account"),
        conditions: (0..conditions).map(condition).collect(),
        alarms: vec![Alarms { name: String::new(), due: 1_940.0, late: 61.0, false_alarms: 12.0 }],
        current: points.get(6).map(|point| point.threshold.clone()),
        roc: points,
    }
}

pub fn journey_of(turns: usize, accounts: usize) -> Journey {
    let mut dice = Dice::new(11);
    let mut at = 300.0;
    let mut account = 0;
    let turn = |i: usize| {
        at += dice.lognormal(18.0, 0.9);
        let slow = i > turns / 3 && i < turns / 3 + 6;
        let escape = slow && i == turns / 3 + 5 || (i > 0 && dice.next() < 0.04);
        if escape {
            account = (account + 1) % accounts.max(1);
        }
        Turn {
            at_s: at,
            ttft_ms: dice.lognormal(if slow { 24_000.0 } else { 1_300.0 }, 0.35),
            account: (accounts > 0).then_some(account),
            escape: escape.then(|| if slow { "ttft" } else { "concurrency_full" }.to_owned()),
            cold: escape,
            failure: (i == turns / 2 && turns > 10).then(|| "stream_broken".to_owned()),
        }
    };
    Journey {
        provenance: Provenance { replications: None, ..provenance("slow-account") },
        session: "weka-0417".to_owned(),
        turns: (0..turns).map(turn).collect(),
        accounts: (0..accounts).map(|i| format!("acct-{}", i + 1)).collect(),
        degraded: if accounts > 1 { vec![(1, Span { from: 300.0, to: 900.0 })] } else { Vec::new() },
        threshold_ms: Some(15_000.0),
    }
}

pub fn timeline_of(accounts: usize, requests: usize, escapes: bool) -> Timeline {
    let end = 7_200.0;
    let mut dice = Dice::new(5);
    let mut tracks = Vec::new();
    for i in 0..accounts {
        let troubled = i % 3 == 1;
        let slow = Span { from: 1_900.0 + 40.0 * i as f64, to: 3_700.0 + 40.0 * i as f64 };
        let mut track = AccountTrack { name: format!("acct-{}", i + 1), ..AccountTrack::default() };
        let mut at = 0.0;
        let mut ewma = f64::NAN;
        let gap = end * accounts as f64 / requests.max(1) as f64;
        loop {
            at += -gap * libm::log(1.0 - dice.next());
            if at >= end {
                break;
            }
            let degraded = troubled && slow.from < at && at < slow.to;
            if degraded && ewma > 15_000.0 && escapes && dice.next() < 0.8 {
                if dice.next() < 0.2 {
                    track.escapes.push(Escapes { at_s: at, reason: "ttft".to_owned(), count: 1 });
                }
                continue;
            }
            let ttft = dice.lognormal(if degraded { 26_000.0 } else { 1_300.0 }, 0.45);
            track.ttft_ms.push((at, ttft));
            ewma = if ewma.is_nan() { ttft } else { ewma + 0.3 * (ttft - ewma) };
            track.ewma_ms.push((at, ewma));
            if escapes && dice.next() < 0.002 {
                track.escapes.push(Escapes { at_s: at, reason: "concurrency_full".to_owned(), count: 1 });
            }
        }
        track.attempts = track.ttft_ms.len() as u64;
        if troubled {
            track.degraded.push(slow);
        }
        if i % 5 == 2 {
            track.blocked.push(Span { from: 4_300.0, to: 4_900.0 });
            track.away.push(Span { from: 4_900.0, to: 5_400.0 });
            track.escapes.push(Escapes { at_s: 4_310.0, reason: "error_rate".to_owned(), count: 1 });
        }
        track.escaped = track.escapes.iter().map(|escapes| escapes.count).sum();
        tracks.push(track);
    }
    let share = |i: u32| {
        let from = f64::from(i) * 60.0;
        let bad = (1_900.0..4_500.0).contains(&from);
        let escaped = if bad && escapes { 0.04 + 0.1 * dice.next() } else { 0.0 };
        let balanced = 0.05 + 0.02 * dice.next();
        Share { span: Span { from, to: from + 60.0 }, sticky: 1.0 - escaped - balanced, escaped, balanced }
    };
    Timeline {
        provenance: Provenance { replications: None, ..provenance("slow-account") },
        accounts: tracks,
        shares: (0..120).map(share).collect(),
        threshold_ms: Some(15_000.0),
        end_s: end,
        warmup_s: 600.0,
    }
}

/// Every chart as it usually is, and every odd case, by a name for a file.
pub fn gallery() -> Vec<(String, Figure)> {
    let mut out: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure: Figure| out.push((name.to_owned(), figure));
    add("sweep", key_sweep(&sweep("slow-account")));
    add("search", key_search(&search(2, "slow-account")));
    add("heat", heat_map(&heat(17, 9)));
    add("distribution", distribution(&distribution_of(20_000)));
    add("compare", compare(&comparison(10)));
    add("detection", detection(&detection_of(4, true)));
    add("journey", journey(&journey_of(48, 3)));
    add("timeline", timeline(&timeline_of(5, 6_000, true)));
    odd(&mut add);
    out
}

fn odd(add: &mut dyn FnMut(&str, Figure)) {
    // One point.
    let mut one = sweep("slow-account");
    one.points.truncate(1);
    one.marks.plateau = None;
    add("sweep-one-point", key_sweep(&one));
    add("heat-one-cell", heat_map(&heat(1, 1)));
    add("distribution-one-value", {
        let single = Side { name: "run".to_owned(), requests: Ccdf::of(&[900.0]), sessions: Ccdf::of(&[900.0]) };
        distribution(&Distribution { sides: vec![single], ..distribution_of(1) })
    });
    add("compare-one-row", compare(&comparison(1)));
    add("detection-one-condition", detection(&detection_of(1, false)));
    add("journey-one-turn", journey(&journey_of(1, 1)));
    add("timeline-one-account", timeline(&timeline_of(1, 400, false)));
    // Keys of words, many values, marks far away.
    add("sweep-words", key_sweep(&words(3, "preset")));
    add("sweep-one-word", key_sweep(&words(1, "preset")));
    add("sweep-40-words", key_sweep(&words(40, "a preset")));
    let mut many = sweep("slow-account");
    many.points = (0..40).map(|i| sweep_point(1_000.0 * libm::pow(60.0, f64::from(i) / 39.0))).collect();
    many.marks.own = Some(14.0);
    add("sweep-40-values", key_sweep(&many));
    many.marks.default = Some(9_000.0);
    many.marks.own = Some(0.000_1);
    add("sweep-marks-far-away", key_sweep(&many));
    add("search-9-scenarios", key_search(&search(9, "brownout")));
    // Nothing.
    add("search-empty", key_search(&KeySearch { at: vec![], regret: vec![], ..search(1, "nothing") }));
    add("sweep-empty", key_sweep(&KeySweep { points: vec![], off: None, ..sweep("nothing") }));
    add("heat-empty", heat_map(&HeatMap { values: vec![], best: None, plateau: vec![], current: None, ..heat(4, 3) }));
    add("heat-no-values", heat_map(&HeatMap { x_values: vec![], y_values: vec![], ..heat(4, 3) }));
    let none = Side { name: "run".to_owned(), requests: Ccdf::of(&[]), sessions: Ccdf::of(&[]) };
    add("distribution-empty", distribution(&Distribution { sides: vec![none], ..distribution_of(1) }));
    add("compare-empty", compare(&comparison(0)));
    add("detection-empty", detection(&detection_of(0, false)));
    add("journey-empty", journey(&journey_of(0, 0)));
    add("timeline-empty", timeline(&Timeline { shares: vec![], ..timeline_of(0, 0, false) }));
    add("timeline-no-requests", timeline(&Timeline { shares: vec![], ..timeline_of(2, 0, false) }));
    // No escape.
    let mut calm = sweep("healthy");
    for point in &mut calm.points {
        point.escapes_per_1000 = [Estimate::bare(0.0); 3];
        point.worst_turn_ms = [estimate(2_300.0, 0.03), estimate(4_100.0, 0.03), estimate(5_900.0, 0.05)];
        point.cold_turn_ratio = Estimate::bare(0.0);
    }
    calm.off = Some(SweepPoint { at: f64::INFINITY, ..calm.points[0].clone() });
    calm.marks.best = None;
    calm.marks.plateau = Some((1.0, 60.0));
    add("sweep-no-escape", key_sweep(&calm));
    add("timeline-no-escape", timeline(&timeline_of(3, 3_000, false)));
    // Many.
    add("timeline-200-accounts", timeline(&timeline_of(200, 60_000, true)));
    add("timeline-30-accounts", timeline(&timeline_of(30, 20_000, true)));
    add("timeline-12-accounts", timeline(&timeline_of(12, 12_000, true)));
    add("timeline-100000-requests", timeline(&timeline_of(4, 100_000, true)));
    add("compare-60-rows", compare(&comparison(60)));
    add("detection-30-conditions", detection(&detection_of(30, true)));
    add("journey-400-turns", journey(&journey_of(400, 14)));
    add("heat-50x40", heat_map(&heat(50, 40)));
    // Missing values.
    let mut holes = sweep("holes");
    for (i, point) in holes.points.iter_mut().enumerate() {
        if i % 4 == 0 {
            point.worst_turn_ms[2] = Estimate::MISSING;
        }
        if i % 3 == 0 {
            point.cold_turn_ratio = Estimate::bare(point.cold_turn_ratio.value);
        }
    }
    holes.points[5].at = f64::NAN;
    add("sweep-holes", key_sweep(&holes));
    let mut gaps = heat(9, 6);
    gaps.values[2][3] = f64::NAN;
    gaps.values[4][7] = f64::INFINITY;
    gaps.values.pop();
    add("heat-holes", heat_map(&gaps));
    let mut zero = comparison(5);
    for row in &mut zero.rows {
        row.change_percent = Estimate { value: 0.0, low: 0.0, high: 0.0 };
        row.verdict = Finding::NotShown;
        row.words = "identical".to_owned();
    }
    add("compare-all-zero", compare(&zero));
    zero.rows.iter_mut().for_each(|row| row.change_percent = Estimate::MISSING);
    add("compare-all-missing", compare(&zero));
    let flat = |samples| Ccdf::of(&vec![0.0; samples]);
    let side = Side { name: "all zero".to_owned(), requests: flat(10), sessions: flat(3) };
    add("distribution-all-zero", distribution(&Distribution { sides: vec![side], ..distribution_of(1) }));
    // Names.
    for (kind, name) in [("long", LONG), ("hostile", HOSTILE), ("cjk", CJK)] {
        add(&format!("sweep-{kind}"), key_sweep(&sweep(name)));
        add(&format!("sweep-words-{kind}"), key_sweep(&words(4, name)));
        add(&format!("search-{kind}"), key_search(&search(2, name)));
        let mut map = heat(6, 4);
        map.provenance = provenance(name);
        map.x_values = (0..6).map(|i| format!("{name} {i}")).collect();
        map.y_values = (0..4).map(|i| format!("{name} {i}")).collect();
        map.figure = name.to_owned();
        add(&format!("heat-{kind}"), heat_map(&map));
        let mut sides = distribution_of(2_000);
        sides.provenance = provenance(name);
        sides.sides.iter_mut().enumerate().for_each(|(i, side)| side.name = format!("{name} {i}"));
        add(&format!("distribution-{kind}"), distribution(&sides));
        let mut table = comparison(4);
        table.provenance = provenance(name);
        (table.a, table.b) = (name.to_owned(), name.to_owned());
        table.rows.iter_mut().for_each(|row| row.name = name.to_owned());
        table.rows[1].words = name.to_owned();
        table.rows[2].a = name.to_owned();
        add(&format!("compare-{kind}"), compare(&table));
        let mut conditions = detection_of(3, true);
        conditions.provenance = provenance(name);
        conditions.conditions.iter_mut().for_each(|condition| condition.name = name.to_owned());
        add(&format!("detection-{kind}"), detection(&conditions));
        let mut session = journey_of(30, 3);
        session.session = name.to_owned();
        session.accounts.iter_mut().enumerate().for_each(|(i, account)| *account = format!("{name} {i}"));
        add(&format!("journey-{kind}"), journey(&session));
        for accounts in [3, 20] {
            let mut run = timeline_of(accounts, 2_000, true);
            run.provenance = provenance(name);
            run.accounts.iter_mut().enumerate().for_each(|(i, account)| account.name = format!("{name} {i}"));
            add(&format!("timeline-{kind}-{accounts}"), timeline(&run));
        }
    }
}
