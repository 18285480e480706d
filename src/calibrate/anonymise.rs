//! Traces to share in a bug report: ids salted, times shifted, models kept or renamed. Texts are never read: no format
//! has any, and nothing is copied but the numbers that a replay needs.

use std::collections::BTreeMap;

use crate::units::Span;
use crate::workload::Error;
use crate::workload::convert::Written;
use crate::workload::replay::{Names, PreviousResponse, TraceReader};
use crate::workload::write::TraceWriter;

/// How a trace is made anonymous.
#[derive(Clone, Debug, Default)]
pub struct Anonymise {
    /// Kept secret, it keeps ids from being guessed; the same salt gives the same names.
    pub salt: String,
    /// New names of models; models that are not named keep theirs.
    pub models: BTreeMap<String, String>,
    /// Whether models without a new name are called `model-1`, `model-2`, ... in order of appearance.
    pub rename_models: bool,
}

/// Writes a trace of any format as one of ours, anonymous: sessions, users and responses under salted names, accounts
/// numbered from 1 in order of appearance, times counted from the first request.
///
/// # Errors
/// When the salt is empty, the trace cannot be read, or the file cannot be written; then there is no file.
pub fn anonymise(mut reader: TraceReader, how: &Anonymise, mut writer: TraceWriter) -> Result<Written, Error> {
    how.check()?;
    let mut names = Names::default();
    let mut accounts: BTreeMap<i64, i64> = BTreeMap::new();
    let mut models: BTreeMap<String, String> = BTreeMap::new();
    let mut first = None;
    while let Some(mut row) = reader.next_row()? {
        let start = *first.get_or_insert(row.at);
        row.at = row.at.saturating_sub(start);
        row.ended = row.ended.map(|ended| ended.saturating_sub(start));
        row.session = row.session.map(|session| how.name("s", &session));
        row.response_id = row.response_id.map(|id| how.name("r", &id));
        if let PreviousResponse::Named(id) = &row.previous {
            row.previous = PreviousResponse::Named(how.name("r", id));
        }
        row.user = row.user.map(|user| {
            let name = how.name("u", reader.names().user_name(user));
            names.user(&name)
        });
        let model = reader.names().model_name(row.model).to_owned();
        row.model = names.model(&how.model(&model, &mut models));
        if let Some(recorded) = row.recorded.as_mut() {
            let next = accounts.len() as i64 + 1;
            recorded.account = recorded.account.map(|account| *accounts.entry(account).or_insert(next));
        }
        writer.write(&row, &names)?;
    }
    if writer.rows() == 0 {
        return Err(reader.without_rows());
    }
    let mut notes = reader.notes();
    if first.is_some_and(|first| first > Span::ZERO) {
        notes.push("times are counted from the first request".to_owned());
    }
    notes.extend(writer.notes());
    let written = Written { rows: writer.rows(), skipped_lines: reader.skipped(), notes };
    writer.finish()?;
    Ok(written)
}

impl Anonymise {
    /// Refuses a salt that keeps nothing secret.
    ///
    /// # Errors
    /// When it is empty.
    pub fn check(&self) -> Result<(), Error> {
        if self.salt.is_empty() {
            return Err(Error::new("the salt is empty: names could be guessed", "give any secret text"));
        }
        Ok(())
    }

    fn name(&self, kind: &str, name: &str) -> Box<str> {
        // twice over, so that the second seed is as secret as the salt
        let secret = xxhash_rust::xxh64::xxh64(self.salt.as_bytes(), 0);
        let salted = format!("{}\0{kind}\0{name}\0{}", self.salt, self.salt);
        format!("{kind}{:016x}", xxhash_rust::xxh64::xxh64(salted.as_bytes(), secret)).into()
    }

    fn model(&self, model: &str, known: &mut BTreeMap<String, String>) -> String {
        if model.is_empty() {
            return String::new();
        }
        if let Some(name) = self.models.get(model).or_else(|| known.get(model)) {
            return name.clone();
        }
        let name = if self.rename_models { format!("model-{}", known.len() + 1) } else { model.to_owned() };
        known.insert(model.to_owned(), name.clone());
        name
    }
}
