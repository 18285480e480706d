//! What a picture of an incident is made of: a run, and another that it is held against.

use super::recording::Recording;
use super::recording::watch::{Episode, Patient, Watch};
use crate::report::chart::Span;

/// At least so much is shown before and after an incident, in seconds.
const AROUND: f64 = 1_500.0;

/// What is shown of a run, or of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    /// What the other is held against, and what it is called.
    pub reference: Option<(&'a Recording, &'a str)>,
    /// The run that is shown, and what it is called.
    pub shown: (&'a Recording, &'a str),
}

impl<'a> Sides<'a> {
    /// This run, and beside it the same one without escape where there is one.
    pub fn of(recording: &'a Recording) -> Self {
        let reference = recording.without();
        let name = match (reference, recording.settings().gate.enabled) {
            (Some(_), _) => "escape on",
            (None, true) => "as it ran",
            (None, false) => "escape off",
        };
        Self { reference: reference.map(|without| (without, "escape off")), shown: (recording, name) }
    }

    pub fn watch(&self) -> &Watch {
        self.shown.0.watch()
    }

    /// Every degraded stretch of any account, in order of their beginnings.
    pub fn episodes(&self) -> Vec<(usize, Span)> {
        let end = self.shown.0.end_s();
        let of = |(account, patient): (usize, &Patient)| {
            let span = move |episode: &Episode| (account, Span { from: episode.onset, to: episode.end.unwrap_or(end) });
            patient.episodes.iter().map(span).collect::<Vec<_>>()
        };
        let mut all: Vec<(usize, Span)> = self.watch().accounts.iter().enumerate().flat_map(of).collect();
        all.sort_by(|a, b| a.1.from.total_cmp(&b.1.from).then(a.0.cmp(&b.0)));
        all
    }

    /// When the first account became degraded, in seconds; 0 where none did.
    pub fn anchor(&self) -> f64 {
        self.episodes().first().map_or(0.0, |(_, span)| span.from)
    }

    /// What is shown: the incidents and what lies around them, after the warm-up; all of that where there are none.
    pub fn window(&self) -> (f64, f64) {
        let settings = self.shown.0.settings();
        let end = self.shown.0.end_s();
        let warm = settings.warmup_end.since(settings.start).secs();
        let episodes = self.episodes();
        let first = episodes.iter().map(|(_, span)| span.from).fold(f64::INFINITY, f64::min);
        let last = episodes.iter().map(|(_, span)| span.to).fold(f64::NEG_INFINITY, f64::max);
        if !first.is_finite() {
            return (if warm < end { warm } else { 0.0 }, end);
        }
        let around = AROUND.max(0.3 * (last - first));
        ((first - around).max(warm.min(first)), (last + around).min(end))
    }
}
