//! The engine, the gateway and the modelled accounts together, where mathematics knows the answer. Seeds are fixed;
//! intervals are stated where they are used.

use stickysim::engine::{Distribution, Luck};
use stickysim::experiment::stats::known::{chi_square_p_value, erlang_b, poisson_pmf};
use stickysim::experiment::stats::{Level, mean_interval};
use stickysim::gateway::{Config, Gateway};
use stickysim::ids::{AccountIx, ModelId, SessionRef};
use stickysim::measure::{Finished, Forwarded, Observer, Status};
use stickysim::scheduler::{Account, RuntimeStats};
use stickysim::units::{Span, Time};
use stickysim::upstream::ModelledUpstream;
use stickysim::upstream::config::{AccountModel, Config as UpstreamConfig, Decode};
use stickysim::workload::{self, Ending, Previous, Request, SessionHash, Workload};

const START: Time = Time::from_unix_nanos(1_767_225_600_000_000_000);

/// Poisson arrivals of requests without a session.
struct Poisson {
    luck: Luck,
    mean_gap: Distribution,
    next: Time,
    sent: u64,
    most: u64,
}

impl Poisson {
    fn new(seed: u64, per_s: f64, most: u64) -> Self {
        let mean_gap = Distribution::exponential(1.0 / per_s).unwrap();
        Self { luck: Luck::new(seed), mean_gap, next: START, sent: 0, most }
    }
}

impl Workload for Poisson {
    fn peek(&mut self) -> Result<Option<Time>, workload::Error> {
        Ok((self.sent < self.most).then_some(self.next))
    }

    fn next(&mut self) -> Result<Option<Request>, workload::Error> {
        let at = self.next;
        self.sent += 1;
        self.next = at + Span::from_secs_f64(self.mean_gap.sample(&mut self.luck.stream(77, self.sent, 0)));
        Ok(Some(Request {
            luck: self.sent,
            at,
            session: None,
            session_hash: SessionHash::of_name(""),
            turn: 0,
            connection: self.sent,
            previous: Previous::None,
            user: None,
            model: ModelId::BLANK,
            input_tokens: 1_000,
            output_tokens: 100,
            patience: None,
            recorded: None,
        }))
    }

    fn ended(&mut self, _request: &Request, _ending: Ending) {}

    fn retired(&mut self) -> Option<SessionRef> {
        None
    }

    fn model_name(&self, _model: ModelId) -> &str {
        ""
    }
}

fn run<O: Observer>(seed: u64, per_s: f64, requests: u64, slots: i64, service_s: Distribution, observer: O) -> O {
    let model = AccountModel {
        ttft_s: Distribution::constant(0.0).unwrap(),
        decode: Decode::Seconds(service_s),
        prompt_cache: None,
        ..AccountModel::default()
    };
    let mut config = Config::new(START, 1);
    config.scheduler.fallback_max_waiting = 0; // no waiting: who finds no slot is lost
    config.scheduler.slot_ttl = Span::from_secs(1_000_000);
    let upstream = UpstreamConfig { accounts: vec![model], ..UpstreamConfig::default() };
    let mut workload = Poisson::new(seed, per_s, requests);
    let luck = Luck::new(seed);
    let upstream = ModelledUpstream::new(upstream, luck, START);
    let mut gateway = Gateway::new(config, vec![Account::new(1, slots)], luck, &mut workload, upstream, observer);
    gateway.run().unwrap();
    gateway.into_parts().0
}

#[derive(Default)]
struct Blocked {
    all: u64,
    blocked: u64,
}

impl Observer for Blocked {
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.number >= 5_000 {
            self.all += 1;
            self.blocked += u64::from(finished.status == Status::WaitQueueFull);
        }
    }
}

/// Offered load 8 on 10 slots. Ten runs of 100,000 requests; the 99.9 % interval over runs must hold the formula's
/// value and be narrower than 4 % of it, so that a wrong formula (Erlang C: 0.41, M/M/10 with a queue) cannot pass.
#[test]
fn blocking_is_erlang_b_whatever_the_service_distribution() {
    let truth = erlang_b(8.0, 10);
    assert!((truth - 0.121_661).abs() < 1e-6, "Erlang B tables say 0.1217, not {truth}");
    let services = [
        ("exponential", Distribution::exponential(2.0).unwrap()),
        ("constant", Distribution::constant(2.0).unwrap()),
        ("lognormal", Distribution::lognormal(2.0f64.ln_mean(1.0), 1.0).unwrap()),
    ];
    for (name, service) in services {
        let ratio = |seed| {
            let seen = run(seed, 4.0, 105_000, 10, service.clone(), Blocked::default());
            seen.blocked as f64 / seen.all as f64
        };
        let ratios: Vec<f64> = (1..=10).map(ratio).collect();
        let interval = mean_interval(&ratios, Level::new(0.999).unwrap()).unwrap();
        assert!(interval.contains(truth) == Some(true), "{name}: {interval:?} does not hold {truth}");
        assert!(interval.half_width().unwrap() < 0.04 * truth, "{name}: {interval:?} says too little");
    }
}

/// The mu of a lognormal with this mean and sigma.
trait LnMean {
    fn ln_mean(self, sigma: f64) -> f64;
}

impl LnMean for f64 {
    fn ln_mean(self, sigma: f64) -> f64 {
        libm::log(self) - sigma * sigma / 2.0
    }
}

/// Counts how many are in service when a request arrives (which sees time averages: PASTA), every `every` requests.
#[derive(Default)]
struct InService {
    now: u64,
    arrivals: u64,
    counts: Vec<u64>,
}

impl Observer for InService {
    fn forwarded(&mut self, _step: &Forwarded<'_>) {
        self.arrivals += 1;
        // mean service is 1.5 s: one in 40 arrivals at 12/s is 3.3 s apart, and so nearly independent
        if self.arrivals > 2_000 && self.arrivals.is_multiple_of(40) {
            let at = self.now as usize;
            if self.counts.len() <= at {
                self.counts.resize(at + 1, 0);
            }
            self.counts[at] += 1;
        }
        self.now += 1;
    }

    fn attempt_ended(&mut self, _now: Time, _step: &Forwarded<'_>, _client_there: bool) {
        self.now -= 1;
    }
}

/// With unlimited slots the number in service is Poisson with mean lambda E\[S\] = 18: the mean within 99.9 % and the
/// shape by chi-square at 0.1 %.
#[test]
fn with_unlimited_slots_the_number_in_service_is_poisson() {
    let service = Distribution::lognormal(1.5f64.ln_mean(0.6), 0.6).unwrap();
    let seen = run(5, 12.0, 400_000, 0, service, InService::default());
    let total: u64 = seen.counts.iter().sum();
    let mean = seen.counts.iter().zip(0u64..).map(|(&count, n)| count * n).sum::<u64>() as f64 / total as f64;
    // 3.29 standard errors of nearly independent samples, a little wider for what dependence is left
    let bound = 3.29 * (18.0 / total as f64).sqrt() * 1.15;
    assert!((mean - 18.0).abs() < bound, "mean {mean}, expected 18 +- {bound}");
    let (mut statistic, mut cells, mut tail) = (0.0, 0, (0.0, total as f64));
    for n in 0..60u64 {
        let expected = poisson_pmf(n, 18.0) * total as f64;
        if expected >= 10.0 {
            let observed = seen.counts.get(n as usize).copied().unwrap_or(0) as f64;
            statistic += (observed - expected) * (observed - expected) / expected;
            cells += 1;
            tail = (tail.0 + expected, tail.1 - observed);
        }
    }
    let rest = total as f64 - tail.0;
    statistic += (tail.1 - rest) * (tail.1 - rest) / rest;
    let p = chi_square_p_value(statistic, cells);
    assert!(p > 0.001, "chi-square {statistic} on {cells} degrees of freedom: p = {p}");
}

/// The EWMA of constant-mean noise has variance alpha / (2 - alpha) of the noise's: for the gateway's alpha 0.2 one
/// ninth. 200,000 steps of white noise: relative standard error of the estimate about sqrt(2 / n) * sqrt(tau) < 1 %;
/// 4 % are allowed, which tells 1/9 from 1/8 or 1/10.
#[test]
fn ewma_of_noise_has_its_textbook_variance() {
    let noise = Distribution::uniform(1_000.0, 3_000.0).unwrap();
    let luck = Luck::new(3);
    for alpha in [0.2, 0.05, 0.5] {
        let mut stats = RuntimeStats::new(1);
        let (mut sum, mut squares, mut noise_sum, mut noise_squares) = (0.0, 0.0, 0.0, 0.0);
        let (skip, n) = (500, 200_000u64);
        for i in 0..skip + n {
            let sample = noise.sample(&mut luck.stream(1, i, 0)).round();
            stats.report(alpha, AccountIx(0), true, Some(sample as u64));
            if i >= skip {
                let value = stats.snapshot(AccountIx(0)).ttft_ms - 2_000.0;
                sum += value;
                squares += value * value;
                noise_sum += sample - 2_000.0;
                noise_squares += (sample - 2_000.0) * (sample - 2_000.0);
            }
        }
        let variance = |sum: f64, squares: f64| squares / n as f64 - (sum / n as f64) * (sum / n as f64);
        let ratio = variance(sum, squares) / variance(noise_sum, noise_squares);
        let truth = alpha / (2.0 - alpha);
        assert!((ratio / truth - 1.0).abs() < 0.04, "alpha {alpha}: {ratio}, expected {truth}");
    }
}
