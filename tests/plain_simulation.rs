//! The tool against a plain program for the same pool (tests/plain/pool.yaml), written here in the simplest way and
//! sharing nothing with the engine: own random numbers, own event loop, own workload, upstream and scheduler (from the
//! pages of the specification). It starts empty two hours earlier, so it is a judge of the tool's start in equilibrium,
//! too.

use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use stickysim::scenario::load;
use stickysim::simulation::{lower, simulate};

const ACCOUNTS: usize = 5;
const SLOTS: u32 = 6;
const EARLIER: f64 = 7_200.0;
const WARMUP: f64 = 1_800.0;
const END: f64 = 7_200.0;

struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        ((self.word() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform())
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(u)).sqrt() * libm::cos(2.0 * std::f64::consts::PI * v)
    }

    fn lognormal(&mut self, p50: f64, p90: f64) -> f64 {
        p50 * libm::exp(self.normal() * libm::log(p90 / p50) / 1.281_551_565_544_6)
    }
}

struct Session {
    hash: String,
    turns: u32,
    sent: u32,
    input: f64,
    bound: Option<(usize, f64)>,
    /// What each account remembers: tokens, and until when.
    cache: [(u32, f64); ACCOUNTS],
    worst_ms: f64,
}

#[derive(Clone, Copy)]
enum Event {
    NewSession,
    Turn(usize),
    End { session: usize, account: usize, input: u32, ttft_ms: f64 },
}

#[derive(Default)]
struct Scheduler {
    held: [u32; ACCOUNTS],
    ttft: [Option<f64>; ACCOUNTS],
    cached_loads: Option<(f64, [u32; ACCOUNTS])>,
}

impl Scheduler {
    fn take(&mut self, account: usize) -> bool {
        let free = self.held[account] < SLOTS;
        self.held[account] += u32::from(free);
        free
    }

    fn learn(&mut self, account: usize, ms: f64) {
        if ms > 0.0 {
            self.ttft[account] = Some(self.ttft[account].map_or(ms, |old| 0.2 * ms + (1.0 - 0.2) * old));
        }
    }

    /// Load balance: nobody waits and nothing fails in this pool, all priorities are equal.
    fn balance(&mut self, now: f64, hash: &str) -> Option<usize> {
        let cached = match self.cached_loads {
            Some((at, loads)) if now < at + 0.2 => loads,
            _ => {
                self.cached_loads = Some((now, self.held));
                self.held
            }
        };
        for loads in [cached, self.held] {
            for account in self.order(&loads, hash) {
                if self.take(account) {
                    return Some(account);
                }
            }
        }
        None
    }

    fn order(&self, loads: &[u32; ACCOUNTS], hash: &str) -> Vec<usize> {
        let known: Vec<f64> = self.ttft.iter().flatten().copied().collect();
        let low = known.iter().copied().fold(f64::INFINITY, f64::min);
        let high = known.iter().copied().fold(0.0, f64::max);
        let mut ranked: Vec<(f64, u32, usize)> = (0..ACCOUNTS)
            .map(|account| {
                let rate = loads[account] * 100 / SLOTS;
                let ttft = match self.ttft[account] {
                    Some(ttft) if high > low => 1.0 - (ttft - low) / (high - low),
                    _ => 0.5,
                };
                let load = 1.0 - (f64::from(rate) / 100.0).min(1.0);
                (1.0 + load + 0.7 + 0.8 + 0.5 * ttft, rate, account)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let least = ranked[ACCOUNTS - 1].0;
        let mut pool: Vec<(f64, usize)> = ranked.iter().map(|one| (one.0 - least + 1.0, one.2)).collect();
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in hash.bytes().chain([0]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut order = Vec::new();
        while !pool.is_empty() {
            let total: f64 = pool.iter().map(|one| one.0).sum();
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let drawn = (state.wrapping_mul(2_685_821_657_736_338_717) >> 11) as f64 / (1u64 << 53) as f64 * total;
            let mut sum = 0.0;
            let place = pool.iter().position(|one| {
                sum += one.0;
                sum >= drawn
            });
            order.push(pool.remove(place.unwrap_or(0)).1);
        }
        order
    }
}

/// Figures by the tool's names.
type Figures = BTreeMap<&'static str, f64>;

fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = p * (values.len() - 1) as f64;
    let (below, above) = (values[place as usize], values[(place as usize + 1).min(values.len() - 1)]);
    below + (above - below) * place.fract()
}

#[derive(Default)]
struct Plain {
    scheduler: Scheduler,
    sessions: Vec<Session>,
    agenda: BinaryHeap<std::cmp::Reverse<(u64, usize)>>,
    events: Vec<Event>,
    felt: Vec<f64>,
    escapes: [f64; 2],
    wasted: f64,
    input: f64,
}

impl Plain {
    /// Times in microseconds, so that they order as whole numbers.
    fn at(&mut self, time: f64, event: Event) {
        self.agenda.push(std::cmp::Reverse((((time + EARLIER) * 1e6) as u64, self.events.len())));
        self.events.push(event);
    }

    fn run(seed: u64) -> Figures {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut plain = Self::default();
        plain.at(-EARLIER, Event::NewSession);
        while let Some(std::cmp::Reverse((micros, key))) = plain.agenda.pop() {
            let now = micros as f64 / 1e6 - EARLIER;
            let event = plain.events[key];
            match event {
                Event::NewSession if now < END => plain.begin(now, &mut dice),
                Event::Turn(session) if now < END => plain.turn(now, session, &mut dice),
                Event::NewSession | Event::Turn(_) => {}
                Event::End { session, account, input, ttft_ms } => {
                    plain.scheduler.held[account] -= 1;
                    plain.scheduler.learn(account, ttft_ms.floor());
                    plain.sessions[session].cache[account] = (input, now + 300.0);
                    if plain.sessions[session].sent < plain.sessions[session].turns {
                        let think = dice.lognormal(20.0, 90.0);
                        plain.at(now + think, Event::Turn(session));
                    }
                }
            }
        }
        plain.figures()
    }

    fn begin(&mut self, now: f64, dice: &mut Dice) {
        let turns = (libm::log(dice.uniform()) / libm::log(1.0 - 1.0 / 12.0)).ceil().max(1.0);
        self.sessions.push(Session {
            hash: format!("{:016x}", dice.word()),
            turns: turns as u32,
            sent: 0,
            input: dice.lognormal(8_000.0, 20_000.0),
            bound: None,
            cache: [(0, f64::NEG_INFINITY); ACCOUNTS],
            worst_ms: 0.0,
        });
        let next = now + dice.exponential(3_600.0 / 260.0);
        self.at(next, Event::NewSession);
        self.turn(now, self.sessions.len() - 1, dice);
    }

    fn turn(&mut self, now: f64, index: usize, dice: &mut Dice) {
        let counts = now >= WARMUP;
        let session = &mut self.sessions[index];
        if session.sent > 0 {
            session.input += dice.exponential(500.0);
        }
        session.sent += 1;
        let input = ((session.input + 0.5) as u32).max(1);
        let bound = session.bound.filter(|&(_, until)| now < until).map(|(account, _)| account);
        let mut escaped = None;
        let mut account = None;
        if let Some(bound) = bound {
            if self.scheduler.ttft[bound].is_some_and(|ttft| ttft > 6_000.0) {
                escaped = Some((bound, 0));
            } else if self.scheduler.take(bound) {
                session.bound = Some((bound, now + 3_600.0));
                account = Some(bound);
            } else {
                escaped = Some((bound, 1));
            }
        }
        let account = account.or_else(|| {
            let found = self.scheduler.balance(now, &session.hash);
            if escaped.is_none() {
                session.bound = found.map(|account| (account, now + 3_600.0));
            }
            found
        });
        let account = account.expect("thirty slots are never all held here");
        if let (Some((from, reason)), true) = (escaped, counts) {
            self.escapes[reason] += 1.0;
            self.wasted += f64::from(u8::from(from == account));
        }
        let (left, until) = session.cache[account];
        let blocks = left.min(input) / 128 * 128;
        let cached = if now < until && blocks >= 1_024 { blocks } else { 0 };
        let factor = if account == 1 && (3_600.0..4_800.0).contains(&now) { 15.0 } else { 1.0 };
        let ttft = dice.lognormal(0.9, 2.5) * factor + f64::from(input - cached) / 20_000.0;
        if counts {
            self.felt.push(ttft * 1e3);
            self.input += f64::from(input);
            session.worst_ms = session.worst_ms.max(ttft * 1e3);
        }
        let end = now + ttft + dice.exponential(6.0);
        self.at(end, Event::End { session: index, account, input, ttft_ms: ttft * 1e3 });
    }

    fn figures(mut self) -> Figures {
        let mut worst: Vec<f64> = self.sessions.iter().map(|s| s.worst_ms).filter(|&worst| worst > 0.0).collect();
        let requests = self.felt.len() as f64;
        BTreeMap::from([
            ("requests.total", requests),
            ("felt_ttft_ms.mean", self.felt.iter().sum::<f64>() / requests),
            ("felt_ttft_ms.p90", percentile(&mut self.felt, 0.9)),
            ("felt_ttft_ms.p99", percentile(&mut self.felt, 0.99)),
            ("sessions.worst_ttft_ms.p50", percentile(&mut worst, 0.5)),
            ("sessions.worst_ttft_ms.p95", percentile(&mut worst, 0.95)),
            ("escapes.by_reason.ttft", self.escapes[0]),
            ("escapes.by_reason.concurrency_full", self.escapes[1]),
            ("escapes.wasted", self.wasted),
            ("cost.input_tokens", self.input),
        ])
    }
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0))
}

/// Welch's test of every figure over 60 replications of each; together at 1 % (Bonferroni over ten figures: |t| of 3.4
/// with some 100 degrees of freedom).
#[test]
fn the_tool_agrees_with_a_plain_simulation_of_the_same_pool() {
    const REPLICATIONS: u64 = 60;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plain/pool.yaml");
    let lowered = lower(&load(&file, &[]).unwrap().scenario).unwrap();
    let tool: Vec<_> = (1..=REPLICATIONS).map(|seed| simulate(&lowered, seed).unwrap().results.figures).collect();
    let plain: Vec<Figures> = (1..=REPLICATIONS).map(Plain::run).collect();
    let mut apart = Vec::new();
    for name in plain[0].keys() {
        let theirs: Vec<f64> = plain.iter().map(|figures| figures[name]).collect();
        let ours: Vec<f64> = tool
            .iter()
            .map(|figures| figures.get(name).and_then(|(_, value)| value).unwrap_or_else(|| panic!("no figure {name}")))
            .collect();
        let ((a, va), (b, vb)) = (mean_and_variance(&ours), mean_and_variance(&theirs));
        let t = (a - b) / ((va + vb) / REPLICATIONS as f64).sqrt();
        println!("{name}: tool {a:.1}, plain {b:.1}, t {t:.2}");
        if t.abs() > 3.4 {
            apart.push(format!("{name}: tool {a:.1}, plain {b:.1}, t {t:.2}"));
        }
    }
    assert!(apart.is_empty(), "{apart:#?}");
}
