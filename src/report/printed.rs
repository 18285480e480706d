//! The forms in which every report on an experiment can be printed. A report provides its sections, its JSON document
//! and its rows, and the forms for people and machines are made from these in one place.

use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::bad_document::BadDocument;
use super::style::Style;
use super::summary::{Section, lay_out, lay_out_answer, markdown};

/// A report on an experiment.
pub trait Report: Sized {
    /// Its JSON document, as it is written and read.
    type Document: Serialize + DeserializeOwned + for<'a> From<&'a Self>;

    /// The content for people: tables, sentences, remarks.
    fn sections(&self) -> Vec<Section>;

    /// The answer in short, which comes first; `None` if the sections contain it.
    fn answer(&self) -> Option<Answer> {
        None
    }

    /// The sections below the answer in the short form: a table and notes, or everything if that is short.
    fn brief(&self) -> Vec<Section> {
        self.sections()
    }

    /// Everything, for machines.
    fn json(&self) -> Value {
        // no document has a key that is not text, so nothing can fail
        serde_json::to_value(Self::Document::from(self)).unwrap_or_default()
    }

    /// Reads back what [`Self::json`] made.
    ///
    /// # Errors
    /// What of it is missing or has another form.
    fn from_json(document: &Value) -> Result<Self, BadDocument>
    where
        Self: TryFrom<Self::Document, Error = BadDocument>,
    {
        Self::try_from(Self::Document::deserialize(document)?)
    }

    /// Everything as rows, with a header.
    fn to_csv(&self) -> String;

    /// The lines to paste into the gateway's config (YAML), if the report recommends some.
    fn config(&self) -> Option<String> {
        None
    }

    /// For people on a terminal.
    fn to_text(&self, style: Style) -> String {
        let sections = if style.verbose { self.sections() } else { self.brief() };
        let mut text = self.answer().map_or_else(String::new, |answer| lay_out_answer(&answer, style));
        text.push_str(&lay_out(&sections, style));
        if let Some(yaml) = self.config() {
            let indented: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
            // writing to a string cannot fail
            let _ = writeln!(text, "For the gateway's config\n{indented}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// For a pull request or a job summary.
    fn to_markdown(&self) -> String {
        let yaml = self.config().map_or_else(String::new, |yaml| format!("```yaml\n{yaml}```\n"));
        markdown::page(&self.sections(), self.answer().as_ref()) + &yaml
    }

    /// The JSON document, two spaces deep, with a line feed at its end.
    fn to_json(&self) -> String {
        format!("{:#}\n", self.json())
    }
}
