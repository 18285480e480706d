//! Makes the workload.

use super::LowerError;
use super::distribution::{At, draw};
use super::models::Models;
use super::service::mean_service_s;
use crate::engine::Distribution;
use crate::scenario::{self, Scenario};
use crate::upstream::config::AccountModel;
use crate::workload::config::{
    ArrivalProcess, Arrivals, AssumedSessions, InputModel, Limits, Placing, Profile, ReadConfig, ReplayConfig,
    Resample, SessionNames, Sessions, Start, SynthConfig, SynthTiming, Timing, WorkloadConfig,
};
use crate::workload::replay::Format;

/// The workload, with the clients' patience.
///
/// # Errors
/// When a file with a sample cannot be used.
pub(super) fn lower(
    scenario: &Scenario,
    models: &Models,
    accounts: &[AccountModel],
) -> Result<WorkloadConfig, LowerError> {
    let lowering = Lowering(scenario);
    let synth = |synth: &scenario::Synth| {
        let mut config = lowering.synth(synth)?;
        // a given number of sessions has no stationary state
        if synth.start == scenario::SynthStart::Equilibrium && scenario.workload.max_sessions.is_none() {
            let service_s = mean_service_s(&config, accounts);
            config.start = Start::Equilibrium { service_s };
            let sessions = config.expected(service_s).sessions;
            if sessions > MOST_UNDER_WAY {
                return Err(LowerError::TooManySessions { sessions });
            }
        }
        Ok(WorkloadConfig::Synth(config))
    };
    match (&scenario.workload.replay, &scenario.workload.synth) {
        (Some(replay), _) => Ok(WorkloadConfig::Replay(lowering.replay(replay, models)?)),
        (None, Some(given)) => synth(given),
        (None, None) => synth(&scenario::Synth::default()),
    }
}

/// The most sessions under way that are accepted. More would fill the memory before the run begins.
const MOST_UNDER_WAY: f64 = 5e6;

struct Lowering<'a>(&'a Scenario);

impl Lowering<'_> {
    fn draw<T: scenario::Quantity>(
        &self,
        distribution: &scenario::Distribution<T>,
        key: &str,
    ) -> Result<Distribution, LowerError> {
        draw(distribution, At { base: &self.0.base, key })
    }

    fn limits(&self) -> Limits {
        let workload = &self.0.workload;
        Limits {
            sessions: workload.max_sessions,
            requests: workload.max_requests,
            // sessions that are followed to their end need traffic beyond the horizon
            duration: self.0.duration.filter(|_| self.0.measure.sessions == scenario::Followed::Seen).map(|d| d.0),
        }
    }

    fn patience(&self) -> Result<Option<Distribution>, LowerError> {
        self.0.clients.patience.as_ref().map(|patience| self.draw(patience, "clients.patience")).transpose()
    }

    fn replay(&self, replay: &scenario::Replay, models: &Models) -> Result<ReplayConfig, LowerError> {
        let workload = &self.0.workload;
        Ok(ReplayConfig {
            read: ReadConfig {
                path: self.0.base.join(&replay.file),
                format: replay.format.map(format),
                skip_bad_lines: replay.skip_bad_lines,
                placing: match replay.placing {
                    scenario::Placing::Every(span) => Placing::Every(span.0),
                    scenario::Placing::Within(span) => Placing::Within(span.0),
                },
                reorder_window: replay.reorder_window.0,
            },
            timing: match replay.timing {
                scenario::ReplayTiming::Recorded => Timing::Recorded,
                scenario::ReplayTiming::Think => Timing::Think,
            },
            sessions: match &replay.sessions {
                scenario::ReplaySessions::AsRecorded => Sessions::AsRecorded,
                scenario::ReplaySessions::Assume { turns, think_time } => Sessions::Assume(AssumedSessions {
                    turns: self.draw(turns, "workload.replay.sessions.assume.turns")?,
                    think_s: self.draw(think_time, "workload.replay.sessions.assume.think_time")?,
                }),
            },
            session_names: match replay.session_names {
                scenario::SessionNames::Redealt => SessionNames::Redealt,
                scenario::SessionNames::Raw => SessionNames::Raw,
            },
            resample: match replay.resample {
                scenario::Resample::Nothing => Resample::Nothing,
                scenario::Resample::Sessions => Resample::Sessions,
            },
            time_scale: workload.time_scale,
            rate_scale: workload.rate_scale,
            copy_shift: replay.copy_shift.0,
            repeat: workload.repeat,
            session_idle: replay.session_idle.0,
            default_model: replay.default_model.clone(),
            models: models.names().to_vec(),
            patience: self.patience()?,
            limits: self.limits(),
        })
    }

    fn synth(&self, synth: &scenario::Synth) -> Result<SynthConfig, LowerError> {
        let input = &synth.input_tokens;
        Ok(SynthConfig {
            arrivals: Arrivals {
                rate_per_s: synth.sessions_per_hour * self.0.workload.rate_scale / 3_600.0,
                process: match synth.arrivals {
                    scenario::Arrivals::Poisson => ArrivalProcess::Poisson,
                    scenario::Arrivals::Constant => ArrivalProcess::Constant,
                    scenario::Arrivals::Gamma { cv } => ArrivalProcess::Gamma { cv },
                },
                profile: profile(&synth.profile),
            },
            turns: self.draw(&synth.turns, "workload.synth.turns")?,
            think_s: self.draw(&synth.think_time, "workload.synth.think_time")?,
            input: InputModel {
                start_tokens: self.draw(&input.start, "workload.synth.input_tokens.start")?,
                growth_tokens: self.draw(&input.growth, "workload.synth.input_tokens.growth")?,
                compaction_probability: input.compaction_probability,
                compaction_factor: input.compaction_factor,
                limit_tokens: input.limit,
            },
            output_tokens: self.draw(&synth.output_tokens, "workload.synth.output_tokens")?,
            sessionless_share: synth.sessionless_share,
            models: synth.models.iter().map(|model| (model.name.clone(), model.weight)).collect(),
            users: synth.users,
            patience_s: self.patience()?,
            previous_response: synth.previous_response,
            timing: match &synth.timing {
                scenario::SynthTiming::Closed => SynthTiming::Closed,
                scenario::SynthTiming::Open { service } => {
                    SynthTiming::Open { service_s: self.draw(service, "workload.synth.timing.open.service")? }
                }
            },
            start: Start::Empty,
            limits: self.limits(),
        })
    }
}

fn profile(profile: &scenario::Profile) -> Profile {
    match profile {
        scenario::Profile::Flat => Profile::Flat,
        scenario::Profile::Daily => Profile::daily(),
        scenario::Profile::Cycle { period, factors } => Profile::Cycle { period: period.0, factors: factors.clone() },
        scenario::Profile::Burst { first, every, lasts, factor } => {
            Profile::Burst { first: first.0, every: every.map(|every| every.0), lasts: lasts.0, factor: *factor }
        }
    }
}

fn format(format: scenario::TraceFormat) -> Format {
    use scenario::TraceFormat;
    match format {
        TraceFormat::Csv => Format::NativeCsv,
        TraceFormat::Jsonl => Format::NativeJsonl,
        TraceFormat::GatewayLog => Format::GatewayLog,
        TraceFormat::AzureLlm2023 => Format::AzureLlm2023,
        TraceFormat::AzureLlm2024 => Format::AzureLlm2024,
        TraceFormat::AzureLmm2024 => Format::AzureLmm2024,
        TraceFormat::BurstGpt => Format::BurstGpt,
        TraceFormat::BurstGpt3 => Format::BurstGpt3,
        TraceFormat::Mooncake => Format::Mooncake,
        TraceFormat::RagPulse => Format::RagPulse,
        TraceFormat::Weka => Format::Weka,
        TraceFormat::Qwen => Format::Qwen,
        TraceFormat::Codex => Format::Codex,
        TraceFormat::Claude => Format::Claude,
        TraceFormat::Transcripts => Format::Transcripts,
        TraceFormat::Usage => Format::Usage,
    }
}
