//! Parts of the result document as they are written and read. The figures themselves are at the dotted paths of the
//! registry, so they are no fields of a type.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Estimate, MoveFigures};
use crate::measure::figures::Unit;
use crate::measure::{Merged, Note};
use crate::report::bad_document::BadDocument;

/// A caveat on figures.
#[derive(Serialize, Deserialize)]
pub(super) struct NoteForm {
    figure: String,
    text: String,
    replications: usize,
    /// Over which replications its numbers are means, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean_over: Option<MeanOver>,
}

/// Over which replications the numbers of a caveat are means.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MeanOver {
    /// Over all.
    All,
    /// Over those that have the caveat.
    Those,
}

/// How often escapes led from one account to another.
#[derive(Serialize, Deserialize)]
pub(super) struct MoveForm {
    from: Value,
    to: Value,
    moves: Value,
    returns: Value,
}

/// The simulator itself.
#[derive(Serialize, Deserialize)]
pub(super) struct EngineForm {
    #[serde(default)]
    pub events: Value,
    pub wall_s: f64,
    pub threads: usize,
}

impl NoteForm {
    pub fn of(remark: &Merged) -> Self {
        let mean_over = if remark.note.is_count() { MeanOver::All } else { MeanOver::Those };
        Self {
            figure: remark.note.figure.clone(),
            text: remark.note.text(),
            replications: remark.runs,
            mean_over: remark.means.then_some(mean_over),
        }
    }

    pub fn merged(self) -> Merged {
        Merged {
            note: Note::printed(self.figure, self.text, self.mean_over == Some(MeanOver::All)),
            runs: self.replications,
            means: self.mean_over.is_some(),
        }
    }
}

impl MoveForm {
    pub fn of(figures: &MoveFigures) -> Self {
        Self {
            from: id(&figures.from),
            to: id(&figures.to),
            moves: figures.moves.to_json(Unit::Count),
            returns: figures.returns.to_json(Unit::Count),
        }
    }

    pub fn figures(&self, replications: usize) -> Result<MoveFigures, BadDocument> {
        let read = |value: &Value| Estimate::from_json(value, replications).map(|e| e.unwrap_or(Estimate::Single(0.0)));
        Ok(MoveFigures {
            from: text(Some(&self.from)),
            to: text(Some(&self.to)),
            moves: read(&self.moves)?,
            returns: read(&self.returns)?,
        })
    }
}

/// An account's id as a number.
pub(super) fn id(name: &str) -> Value {
    name.parse::<i64>().map_or_else(|_| name.into(), |id| json!(id))
}

/// An account's id, or a name, as text.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}
