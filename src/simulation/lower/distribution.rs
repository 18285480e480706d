//! Lowers a scenario's distributions to those that the engine draws from. Lengths of time become seconds.

use std::path::Path;

use super::LowerError;
use super::files::Named;
use crate::engine::Distribution;
use crate::scenario::{self, Lognormal, Quantity, TtftPreset};
use crate::upstream::baselines;

/// Where a distribution is in the scenario, for relative paths of files and for errors.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) base: &'a Path,
    pub(super) key: &'a str,
}

/// The engine's distribution.
///
/// # Errors
/// When a file with a sample cannot be used.
pub(super) fn draw<T: Quantity>(
    distribution: &scenario::Distribution<T>,
    at: At<'_>,
) -> Result<Distribution, LowerError> {
    let bad = |source| LowerError::BadParameter { key: at.key.to_owned(), source };
    match distribution {
        scenario::Distribution::Constant(value) => Distribution::constant(value.number()),
        scenario::Distribution::Uniform { low, high } => Distribution::uniform(low.number(), high.number()),
        scenario::Distribution::Exponential { mean } => Distribution::exponential(mean.number()),
        scenario::Distribution::Lognormal(Lognormal { p50: Some(p50), p90: Some(p90), .. }) => {
            Distribution::lognormal_p50_p90(p50.number(), p90.number())
        }
        scenario::Distribution::Lognormal(Lognormal { p50: Some(p50), sigma, .. }) => {
            Distribution::lognormal_median_sigma(p50.number(), sigma.unwrap_or_default())
        }
        scenario::Distribution::Lognormal(Lognormal { mu, sigma, .. }) => {
            Distribution::lognormal(mu.unwrap_or_default(), sigma.unwrap_or_default())
        }
        scenario::Distribution::Gamma { mean, cv } => Distribution::gamma_mean_cv(mean.number(), *cv),
        scenario::Distribution::Weibull { shape, scale } => Distribution::weibull(*shape, scale.number()),
        scenario::Distribution::Geometric { mean } => Distribution::geometric(*mean),
        scenario::Distribution::Empirical(empirical) => {
            let sample = match &empirical.file {
                Some(file) => Named { key: at.key, file: &at.base.join(file) }.column()?,
                None => empirical.values.iter().map(|value| value.number()).collect(),
            };
            if empirical.interpolate { Distribution::empirical(sample) } else { Distribution::empirical_steps(sample) }
        }
        scenario::Distribution::Mixture(parts) => {
            let parts = parts.iter().map(|part| Ok((part.weight, draw(&part.of, at)?)));
            Distribution::mixture(parts.collect::<Result<_, _>>()?)
        }
        scenario::Distribution::Preset(TtftPreset::ClaudeCode) => baselines::claude_code(),
        scenario::Distribution::Preset(TtftPreset::Codex) => baselines::codex(),
        scenario::Distribution::Preset(TtftPreset::Light) => baselines::light(),
        scenario::Distribution::Clamped(clamped) => {
            let low = clamped.low.map_or(f64::NEG_INFINITY, Quantity::number);
            let high = clamped.high.map_or(f64::INFINITY, Quantity::number);
            draw(&clamped.of, at)?.clamped(low, high)
        }
    }
    .map_err(bad)
}
