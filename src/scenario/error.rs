//! What can be wrong with a scenario, and how it is said: one paragraph with the place, a caret and what to do.

use std::fmt;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::tree::{Origin, Place};

/// The sort of thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file cannot be read.
    Unreadable,
    /// A text is no YAML.
    Syntax,
    /// A key that does not exist.
    UnknownKey,
    /// A key that must be given is not.
    MissingKey,
    /// A value of the wrong type, or none of the words that are known here.
    WrongType,
    /// A value outside its limits.
    OutOfRange,
    /// Values that do not go together.
    Conflict,
    /// A `--set` whose path leads nowhere.
    NoSuchPath,
}

/// Why a scenario cannot be used. Its `Display` is a whole paragraph without colour.
#[derive(Debug)]
pub struct ScenarioError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    label: String,
    help: Option<String>,
    path: String,
    place: Option<Place>,
    file: String,
}

impl ScenarioError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            label: String::new(),
            help: None,
            path: String::new(),
            place: None,
            file: String::new(),
        }))
    }

    pub(super) fn help(mut self, help: Option<String>) -> Self {
        self.0.help = help;
        self
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }

    pub(super) fn path(mut self, path: impl Into<String>) -> Self {
        self.0.path = path.into();
        self
    }

    pub(super) fn place(mut self, place: Option<Place>) -> Self {
        self.0.place = place;
        self
    }

    pub(super) fn file(mut self, file: impl Into<String>) -> Self {
        self.0.file = file.into();
        self
    }

    /// Names the file where no place is known.
    pub(super) fn or_file(mut self, file: &std::path::Path) -> Self {
        if self.0.place.is_none() && self.0.file.is_empty() && self.0.kind != ErrorKind::Unreadable {
            self.0.file = file.display().to_string();
        }
        self
    }

    /// What sort of thing is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The first line of the paragraph.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The key it is about, such as `accounts[2].ttft`; empty where there is none.
    pub fn key(&self) -> &str {
        &self.0.path
    }

    /// File (or `--set`), line and column, both from 1, where known.
    pub fn at(&self) -> Option<(String, usize, usize)> {
        let place = self.0.place.as_ref()?;
        let (line, column) = place.line_column();
        Some((name_of(place), line, column))
    }

    /// The paragraph, coloured for a terminal if `styled`.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let mut report =
            Level::ERROR.primary_title(self.0.message.as_str()).elements(None::<annotate_snippets::Message<'_>>);
        if let Some(place) = &self.0.place {
            let (text, line, range) = lines_of(place);
            let snippet = Snippet::source(text)
                .line_start(line)
                .path(name_of(place))
                .annotation(AnnotationKind::Primary.span(range).label(self.0.label.as_str()));
            report = report.element(snippet);
        } else if !self.0.file.is_empty() {
            report = report.element(annotate_snippets::Origin::path(self.0.file.as_str()));
        }
        let within = (!self.0.path.is_empty()).then(|| format!("in `{}`", self.0.path));
        if let Some(within) = &within {
            report = report.element(Level::NOTE.message(within.as_str()));
        }
        if let Some(help) = &self.0.help {
            report = report.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[report]).to_string()
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ScenarioError {}

fn name_of(place: &Place) -> String {
    match &place.source.origin {
        Origin::File(path) => path.clone(),
        Origin::Set(option) => (*option).to_owned(),
        Origin::BuiltIn => "built in".to_owned(),
    }
}

/// The line that a place begins in (only that one: a value may be long), its number, and the range within it.
fn lines_of(place: &Place) -> (&str, usize, std::ops::Range<usize>) {
    let text = &place.source.text;
    let start = place.range.start;
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let from = (start - line_start).min(line.len());
    let to = place.range.end.saturating_sub(line_start).min(line.len()).max(from);
    // A caret needs something to stand under.
    let to = if to == from { line[from..].chars().next().map_or(to, |c| from + c.len_utf8()) } else { to };
    (line, place.line_column().0, from..to)
}

/// The nearest of `known` to what was written, if one is near enough to be meant.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (name, strsim::damerau_levenshtein(&written, &name.to_lowercase())))
        .filter(|(name, distance)| *distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|(_, distance)| *distance)
        .map(|(name, _)| name)
}

/// "did you mean", otherwise the list of what is known.
pub(super) fn suggestion(written: &str, known: &[&str]) -> Option<String> {
    match nearest(written, known.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}
