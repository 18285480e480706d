//! How long a healthy attempt takes (spec simulator.md, "Healthy service of one attempt").
//!
//! TTFT = (base noise * size effect * condition factor + prefill of uncached input) * load + condition's addition;
//! the answer then takes (output / speed) * condition factor * load. Base noise and speed take one word each, in this
//! order, whatever is switched on.

use super::config::{AccountModel, Decode, LoadSlowdown};
use super::failure::Service;
use super::persistence::Persistence;
use crate::engine::Stream;
use crate::engine::quantile::{normal_cdf, normal_quantile};
use crate::units::Span;

/// The work that one attempt is for its account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) input_tokens: u32,
    pub(super) output_tokens: u32,
    /// The part of the input that is in the account's prompt cache.
    pub(super) cached_tokens: u32,
    /// How many other forwards run on the account.
    pub(super) busy: u32,
    /// The normal score of its session: how slowly it is served compared with other sessions. Only `Persistence` uses
    /// it.
    pub(super) session_score: Option<f64>,
}

impl Persistence {
    /// Mixes the uniform number `u` of an attempt with the score of its session. Over all sessions, the result is
    /// uniform again.
    fn mixed(&self, u: f64, session_score: f64) -> f64 {
        let body = 1.0 - self.lone_share;
        if u >= body {
            return u;
        }
        let own = normal_quantile(u / body);
        body * normal_cdf(self.correlation.sqrt() * session_score + (1.0 - self.correlation).sqrt() * own)
    }
}

/// How conditions and capacity change the account's times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slowness {
    pub(super) ttft_factor: f64,
    pub(super) ttft_add: Span,
    pub(super) decode_factor: f64,
    /// Factor on TTFT (including prefill) and on decode time, because an upstream beyond its capacity shares it.
    pub(super) sharing: f64,
}

impl Slowness {
    /// The times of a healthy account are not changed.
    pub(super) const NONE: Self = Self { ttft_factor: 1.0, ttft_add: Span::ZERO, decode_factor: 1.0, sharing: 1.0 };
}

impl AccountModel {
    /// How long this work takes under this slowness.
    #[inline]
    pub(super) fn serve(&self, work: Work, slowness: &Slowness, stream: &mut Stream) -> Service {
        let mut luck = stream.open01();
        if let (Some(persistence), Some(score)) = (&self.persistence, work.session_score) {
            // never 0 or 1: the ends of the unbounded distributions
            luck = persistence.mixed(luck, score).clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        }
        let mut ttft = self.ttft_s.draw(luck) * slowness.ttft_factor;
        if let Some(size) = self.size_effect {
            ttft *= libm::pow(f64::from(work.input_tokens.max(1)) / size.median_tokens, size.exponent);
        }
        if let Some(speed) = self.prefill_tokens_per_s {
            ttft += f64::from(work.input_tokens - work.cached_tokens.min(work.input_tokens)) / speed;
        }
        let mut decode = slowness.decode_factor
            * match &self.decode {
                Decode::TokensPerSecond(speed) => {
                    let speed = speed.sample(stream);
                    if work.output_tokens == 0 { 0.0 } else { f64::from(work.output_tokens) / speed }
                }
                Decode::Seconds(seconds) => seconds.sample(stream),
            };
        if let Some(load) = self.load_slowdown {
            ttft *= load.factor(load.ttft_share, work.busy);
            decode *= load.factor(load.decode_share, work.busy);
        }
        let ttft = Span::from_secs_f64(ttft * slowness.sharing) + slowness.ttft_add;
        Service { ttft, end: ttft + Span::from_secs_f64(decode * slowness.sharing) }
    }
}

impl LoadSlowdown {
    fn factor(&self, share: f64, busy: u32) -> f64 {
        1.0 + share * f64::from(busy.saturating_sub(self.free))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::SizeEffect;
    use super::*;
    use crate::engine::{Distribution, Luck};

    const WORK: Work = Work { input_tokens: 8_000, output_tokens: 100, cached_tokens: 0, busy: 0, session_score: None };

    /// TTFT 2 s, 50 tokens per second.
    fn model() -> AccountModel {
        let constant = |x| Distribution::constant(x).unwrap();
        AccountModel {
            ttft_s: constant(2.0),
            persistence: None,
            decode: Decode::TokensPerSecond(constant(50.0)),
            ..AccountModel::default()
        }
    }

    fn times(model: &AccountModel, work: Work, slowness: &Slowness) -> (f64, f64) {
        let service = model.serve(work, slowness, &mut Luck::new(1).stream(1, 2, 3));
        (service.ttft.secs(), service.end.secs())
    }

    #[test]
    fn a_plain_attempt_takes_its_ttft_and_then_its_output_at_speed() {
        assert_eq!(times(&model(), WORK, &Slowness::NONE), (2.0, 4.0));
        let seconds = AccountModel { decode: Decode::Seconds(Distribution::constant(7.0).unwrap()), ..model() };
        assert_eq!(times(&seconds, WORK, &Slowness::NONE), (2.0, 9.0));
        assert_eq!(times(&model(), Work { output_tokens: 0, ..WORK }, &Slowness::NONE), (2.0, 2.0));
    }

    #[test]
    fn a_session_s_attempts_are_alike_and_all_together_are_distributed_as_asked_for() {
        let uniform = Distribution::uniform(0.0, 1.0).unwrap();
        let persistence = Some(Persistence { correlation: 0.6, lone_share: 0.1 });
        let model = AccountModel { ttft_s: uniform, persistence, ..model() };
        let luck = Luck::new(5);
        let one = |session: u64, turn: u64| {
            let score = normal_quantile(luck.stream(1, session, 0).open01());
            let work = Work { session_score: Some(score), ..WORK };
            model.serve(work, &Slowness::NONE, &mut luck.stream(2, session, turn)).ttft.secs()
        };
        let pairs: Vec<(f64, f64)> = (0..40_000).map(|session| (one(session, 0), one(session, 1))).collect();
        let n = pairs.len() as f64;
        let mut first: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
        first.sort_by(f64::total_cmp);
        let off = first.iter().enumerate().map(|(i, x)| (x - i as f64 / n).abs()).fold(0.0, f64::max);
        assert!(off < 2.0 / n.sqrt(), "Kolmogorov and Smirnov: {off}");
        // the slowest tenth befalls anybody: as many of them follow each other as chance has it (400, sd 20)
        let both = pairs.iter().filter(|pair| pair.0 > 0.9 && pair.1 > 0.9).count();
        assert!((300..500).contains(&both), "{both}");
        // of the others: uniforms of scores that correlate by r correlate by 6/pi asin(r/2), 0.582 for 0.6
        let body: Vec<&(f64, f64)> = pairs.iter().filter(|pair| pair.0 <= 0.9 && pair.1 <= 0.9).collect();
        let mean = 0.45;
        let product: f64 = body.iter().map(|pair| (pair.0 - mean) * (pair.1 - mean)).sum();
        let correlation = product / body.len() as f64 / (0.9 * 0.9 / 12.0);
        assert!((correlation - 0.582).abs() < 0.02, "{correlation}");
    }

    #[test]
    fn larger_inputs_take_longer_by_the_size_effect() {
        let sized =
            AccountModel { size_effect: Some(SizeEffect { exponent: 0.36, median_tokens: 1_000.0 }), ..model() };
        let (ttft, _) = times(&sized, WORK, &Slowness::NONE);
        // 8^0.36 = 2.11404
        assert!((ttft - 2.0 * 2.114_036_1).abs() < 1e-6, "{ttft}");
        assert_eq!(times(&sized, Work { input_tokens: 1_000, ..WORK }, &Slowness::NONE).0, 2.0);
    }

    #[test]
    fn uncached_input_is_read_at_prefill_speed_and_cached_input_is_free() {
        let reading = AccountModel { prefill_tokens_per_s: Some(4_000.0), ..model() };
        assert_eq!(times(&reading, WORK, &Slowness::NONE).0, 4.0);
        assert_eq!(times(&reading, Work { cached_tokens: 6_000, ..WORK }, &Slowness::NONE).0, 2.5);
    }

    #[test]
    fn busy_slots_beyond_the_free_ones_slow_both_parts() {
        let load = LoadSlowdown { free: 2, ttft_share: 0.5, decode_share: 0.25 };
        let loaded = AccountModel { load_slowdown: Some(load), ..model() };
        assert_eq!(times(&loaded, Work { busy: 2, ..WORK }, &Slowness::NONE), (2.0, 4.0));
        assert_eq!(times(&loaded, Work { busy: 4, ..WORK }, &Slowness::NONE), (4.0, 7.0));
    }

    #[test]
    fn conditions_scale_the_base_noise_and_the_decode_time_and_capacity_scales_all() {
        let reading = AccountModel { prefill_tokens_per_s: Some(8_000.0), ..model() };
        let slowness = Slowness { ttft_factor: 10.0, ttft_add: Span::from_secs(5), decode_factor: 3.0, sharing: 2.0 };
        // (2 * 10 + 1) * 2 + 5, then 2 * 3 * 2
        assert_eq!(times(&reading, WORK, &slowness), (47.0, 59.0));
    }
}
