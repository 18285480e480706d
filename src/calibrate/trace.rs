//! The traffic of a log as a trace of our own, with what was recorded of it.

use std::path::Path;

use super::records::{Log, Record, RecordedEnd};
use super::robust::median;
use super::sessions::Sessions;
use crate::units::Span;
use crate::workload::replay::{Names, TraceRow};
use crate::workload::write::{NativeFormat, TraceWriter};
use crate::workload::{Error, Recorded};

/// The traffic in our own format, with what was recorded of it.
///
/// # Errors
/// When it cannot be written.
pub fn write(log: &Log, sessions: &Sessions, path: &Path, notes: &mut Vec<String>) -> Result<(), Error> {
    let tokens = |of: &dyn Fn(&Record) -> Option<u32>| -> u32 {
        let known: Vec<f64> = log.records.iter().filter_map(of).map(f64::from).collect();
        median(&known) as u32
    };
    let (input, output) = (tokens(&|record| record.input_tokens), tokens(&|record| record.output_tokens));
    let mut unknown = 0_u64;
    let mut names = Names::default();
    let mut writer = TraceWriter::create(path, Some(NativeFormat::Jsonl))?;
    for (record, session) in log.records.iter().zip(&sessions.of) {
        unknown += u64::from(record.input_tokens.is_none() || record.output_tokens.is_none());
        let row = TraceRow {
            at: Span::from_secs_f64(record.at_s),
            session: session.clone(),
            user: record.user.as_deref().map(|user| names.user(user)),
            model: names.model(log.kinds.get(record.kind as usize).map_or("", String::as_str)),
            input_tokens: record.input_tokens.unwrap_or(input),
            output_tokens: record.output_tokens.unwrap_or(output),
            ended: Some(Span::from_secs_f64(record.end_s)),
            failed: record.outcome != RecordedEnd::Ok,
            recorded: Some(Box::new(Recorded {
                account: record.account.filter(|_| log.has_accounts),
                first_token: record.ttft_s.map(Span::from_secs_f64),
                duration: record.duration_s.map(Span::from_secs_f64),
                status: match record.outcome {
                    RecordedEnd::Ok => Some(200),
                    RecordedEnd::Broken => Some(502),
                    RecordedEnd::Failed(status) => Some(status).filter(|&status| status >= 400),
                },
                cached_tokens: record.cached_tokens,
                attempts: Vec::new(),
            })),
            ..TraceRow::default()
        };
        writer.write(&row, &names)?;
    }
    writer.finish()?;
    if unknown > 0 {
        notes.push(format!(
            "requests without counts of tokens (they failed): {unknown}; the medians are assumed, {input} of input and \
             {output} of output"
        ));
    }
    Ok(())
}
