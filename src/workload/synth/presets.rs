//! The two presets of synthesis, fitted to public traces (spec simulator.md, "Workload"). Their rate of arrivals and
//! limits are placeholders for a scenario's own.

use crate::engine::{BadParameter, Distribution};
use crate::workload::config::{ArrivalProcess, Arrivals, InputModel, Limits, Profile, Start, SynthConfig, SynthTiming};

impl SynthConfig {
    /// Coding agents, after 710 Claude Code sessions of the WEKA corpus: long sessions with short pauses between tool
    /// calls, now and then a human's; large inputs that grow.
    ///
    /// # Errors
    /// None with the numbers given.
    pub fn agentic() -> Result<Self, BadParameter> {
        let tool = Distribution::lognormal(libm::log(9.0), 0.75)?;
        let human = Distribution::lognormal(libm::log(257.0), 1.22)?;
        Ok(Self {
            turns: Distribution::lognormal_p50_p90(45.0, 155.0)?.clamped(1.0, 500.0)?,
            think_s: Distribution::mixture(vec![(0.8, tool), (0.2, human)])?,
            input: InputModel {
                start_tokens: Distribution::lognormal_p50_p90(25_000.0, 50_000.0)?,
                growth_tokens: Distribution::exponential(700.0)?,
                compaction_probability: 0.005,
                compaction_factor: 0.5,
                limit_tokens: None,
            },
            output_tokens: Distribution::lognormal_p50_p90(216.0, 900.0)?,
            ..Self::plain()?
        })
    }

    /// People chatting, after RAGPulse and Azure: few turns, short inputs.
    ///
    /// # Errors
    /// None with the numbers given.
    pub fn chat() -> Result<Self, BadParameter> {
        Ok(Self {
            turns: Distribution::geometric(1.8)?,
            think_s: Distribution::lognormal_p50_p90(40.0, 300.0)?,
            // every later turn adds about one answer and one question; so the start lies below the median over all
            // turns
            input: InputModel {
                start_tokens: Distribution::lognormal_p50_p90(1_300.0, 3_400.0)?,
                growth_tokens: Distribution::exponential(250.0)?,
                compaction_probability: 0.0,
                compaction_factor: 0.5,
                limit_tokens: None,
            },
            output_tokens: Distribution::lognormal_p50_p90(200.0, 520.0)?,
            ..Self::plain()?
        })
    }

    /// Sessions of one turn, all alike: what a scenario that names its own distributions starts from.
    ///
    /// # Errors
    /// None with the numbers given.
    pub fn plain() -> Result<Self, BadParameter> {
        Ok(Self {
            arrivals: Arrivals { rate_per_s: 0.1, process: ArrivalProcess::Poisson, profile: Profile::Flat },
            turns: Distribution::constant(1.0)?,
            think_s: Distribution::constant(10.0)?,
            input: InputModel {
                start_tokens: Distribution::constant(1_000.0)?,
                growth_tokens: Distribution::constant(0.0)?,
                compaction_probability: 0.0,
                compaction_factor: 0.5,
                limit_tokens: None,
            },
            output_tokens: Distribution::constant(200.0)?,
            sessionless_share: 0.0,
            models: Vec::new(),
            users: 0,
            patience_s: None,
            previous_response: false,
            timing: SynthTiming::Closed,
            start: Start::Empty,
            limits: Limits::default(),
        })
    }
}
