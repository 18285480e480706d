//! Traces made of other things: any format made ours, and synthesis written down.

use crate::engine::{Distribution, Luck};
use crate::ids::ModelId;
use crate::units::Time;
use crate::workload::config::{SynthConfig, SynthTiming};
use crate::workload::replay::{Names, PreviousResponse, TraceReader, TraceRow};
use crate::workload::write::TraceWriter;
use crate::workload::{Ending, Error, Previous, SynthWorkload, Workload, synthetic_name};

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bad lines that were left out.
    pub skipped_lines: u64,
    /// Assumptions, and what could not be kept.
    pub notes: Vec<String>,
}

/// Writes a trace of any format as one of ours.
///
/// # Errors
/// When the trace cannot be read or has no rows, or the file cannot be written; then there is no file.
pub fn convert(mut reader: TraceReader, mut writer: TraceWriter) -> Result<Written, Error> {
    while let Some(row) = reader.next_row()? {
        writer.write(&row, reader.names())?;
    }
    if writer.rows() == 0 {
        return Err(reader.without_rows());
    }
    let mut notes = reader.notes();
    notes.extend(writer.notes());
    let written = Written { rows: writer.rows(), skipped_lines: reader.skipped(), notes };
    writer.finish()?;
    Ok(written)
}

/// Writes a synthetic workload as a trace. A trace has no closed loop: a turn is written a think time after the end
/// that the one before would have had if every request took `service_s` seconds (unless the settings are an open loop
/// already). No latency is recorded. Sessions bear the names that the synthesis gives them on this seed, so that a
/// replay that takes names as the gateway's own (`SessionNames::Raw`) draws as the synthesis would.
///
/// # Errors
/// When a setting is out of range, there is no limit, or the file cannot be written; then there is no file.
pub fn synth(
    mut config: SynthConfig,
    service_s: Distribution,
    luck: Luck,
    mut writer: TraceWriter,
) -> Result<Written, Error> {
    let limits = config.limits;
    if limits.sessions.is_none() && limits.requests.is_none() && limits.duration.is_none() {
        let remedy = "limit its sessions, its requests or its duration";
        return Err(Error::new("a synthetic trace needs an end", remedy));
    }
    let mut notes = Vec::new();
    if config.timing == SynthTiming::Closed {
        notes.push(format!("requests are assumed to take {} s (median)", service_s.median()));
        config.timing = SynthTiming::Open { service_s };
        // an open loop brings its own service time for the stationary state
    }
    let start = Time::ZERO;
    let mut workload = SynthWorkload::new(config, luck, start)?;
    let mut names = Names::default();
    while let Some(request) = workload.next()? {
        let row = TraceRow {
            at: request.at.since(start),
            session: request.session.map(|session| synthetic_name(luck.seed(), session.number).into()),
            user: request.user.map(|user| names.user(&format!("u{user}"))),
            model: match request.model {
                ModelId::BLANK => ModelId::BLANK,
                model => names.model(workload.model_name(model)),
            },
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            previous: match request.previous {
                Previous::LastOfSession => PreviousResponse::Last,
                Previous::None | Previous::Response(_) => PreviousResponse::None,
            },
            patience: request.patience,
            ..TraceRow::default()
        };
        writer.write(&row, &names)?;
        workload.ended(&request, Ending { at: request.at, ok: true });
        while workload.retired().is_some() {}
    }
    notes.extend(writer.notes());
    let written = Written { rows: writer.rows(), skipped_lines: 0, notes };
    writer.finish()?;
    Ok(written)
}
