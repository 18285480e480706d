//! The answer of a sweep: which value to take, what else is as good and as cheap, what costs more, and of what too few
//! replications can say anything.

use super::{Answer, Tone, plural, sentence};
use crate::experiment::stats::Verdict;
use crate::measure::figures::no_token;
use crate::report::comparison::{amount, signed};
use crate::report::{SweepReport, Worth};

/// So many values are named; the others are counted.
const NAMED: usize = 6;

/// What a sweep says, in short.
pub fn of_sweep(report: &SweepReport) -> Answer {
    report.in_short()
}

impl SweepReport {
    /// The answer in short.
    fn in_short(&self) -> Answer {
        let Some(shape) = self.shapes.first() else {
            return Answer::new("No run has a figure by which values could be judged.", Tone::Undecided);
        };
        if self.is_wholly_inert() {
            let keys: Vec<&str> = self.layout.grid().axes().iter().map(|axis| axis.key.as_str()).collect();
            let text = format!(
                "Inert: no value of {} changed any decision of the scheduler in any replication.",
                keys.join(", ")
            );
            let mut answer = Answer::new(text, Tone::Undecided);
            answer.point("Nothing was tested by this sweep (exit status 4).", Tone::Undecided);
            return answer;
        }
        let mut answer = match self.taken() {
            Some(taken) => self.to_take(taken),
            None if self.has_environments() => {
                let mut lines = self.decided();
                let first = if lines.is_empty() { String::new() } else { lines.remove(lines.len().saturating_sub(2)) };
                let mut answer = Answer::new(sentence(&[first]), Tone::Neutral);
                lines.into_iter().for_each(|line| answer.point(sentence(&[line]), Tone::Neutral));
                answer
            }
            None => Answer::new(
                format!("{}: {}.", shape.figure.meta.title, amount(Some(shape.mean), shape.figure.meta.unit)),
                Tone::Undecided,
            ),
        };
        if let Some((difference, verdict)) = shape.against_off.filter(|_| !self.has_environments()) {
            let text = if no_token::is_score(difference.mean) {
                format!(
                    "Escape off has no {}: that falls among requests without a first token.",
                    shape.figure.meta.title
                )
            } else {
                let by = signed(Some(difference), shape.figure.meta.unit);
                format!("The best value against escape off: {by} ({}).", verdict.words())
            };
            answer.point(text, if verdict == Verdict::Better { Tone::Good } else { Tone::Neutral });
        }
        self.cliffs(&mut answer);
        self.inert_remarks().into_iter().for_each(|text| answer.point(text, Tone::Undecided));
        answer
    }

    fn to_take(&self, taken: usize) -> Answer {
        let points = 0..self.layout.grid().size();
        let of = |wanted: Worth| points.clone().filter(|&point| self.worth(point) == Some(wanted)).collect::<Vec<_>>();
        let [good, dearer, worse, open] = [Worth::AsGood, Worth::Dearer, Worth::Worse, Worth::TooFew].map(of);
        let (title, mean) = self.shapes.first().map_or_else(Default::default, |shape| {
            let mean = amount(self.mean(taken, &shape.figure.path), shape.figure.meta.unit);
            (shape.figure.meta.title, mean)
        });
        let mut clauses = vec![format!("{} {}: {title}, {mean}", self.verb(), self.name(taken))];
        clauses.push(match (good.len() + dearer.len(), worse.len()) {
            (0, 0) => "of no other value can be said whether it is as good".to_owned(),
            (0, _) => "no other value is shown to be as good".to_owned(),
            (n, _) if dearer.is_empty() => format!("{} as good and as cheap", are(n, "other value")),
            (n, _) => format!("of the {} as good it is among the cheapest", plural((n + 1) as f64, "value")),
        });
        let better =
            self.shapes.first().and_then(|shape| shape.against_off).is_some_and(|off| off.1 == Verdict::Better);
        let tone = match (worse.len() + good.len() + dearer.len() > open.len(), better) {
            (false, _) => Tone::Undecided,
            (true, true) => Tone::Good,
            (true, false) => Tone::Neutral,
        };
        let mut answer = Answer::new(sentence(&clauses), tone);
        let replications = plural(self.layout.replications() as f64, "replication");
        for (words, points, tone) in [
            ("As good, and as cheap".to_owned(), good, Tone::Neutral),
            ("As good, but dearer".to_owned(), dearer, Tone::Neutral),
            ("Shown to be worse".to_owned(), worse, Tone::Neutral),
            (format!("Undecided with {replications}"), open, Tone::Undecided),
        ] {
            if !points.is_empty() {
                answer.point(format!("{words}: {}.", self.listed(&points)), tone);
            }
        }
        answer
    }

    /// Their names; neighbours along a single key as a stretch.
    fn listed(&self, points: &[usize]) -> String {
        let place = |point: usize| self.layout.places().get(point);
        let label =
            |point: usize| place(point).map_or_else(String::new, |place| self.layout.label(place, 0).to_owned());
        if let [axis] = self.layout.grid().axes() {
            let mut runs: Vec<(usize, usize)> = Vec::new();
            for &point in points {
                match runs.last_mut() {
                    Some(run) if run.1 + 1 == point => run.1 = point,
                    _ => runs.push((point, point)),
                }
            }
            let run = |&(from, to): &(usize, usize)| match to - from {
                0 => label(from),
                1 => format!("{}, {}", label(from), label(to)),
                _ => format!("{} to {}", label(from), label(to)),
            };
            return format!("{} {}", axis.key, runs.iter().map(run).collect::<Vec<_>>().join(", "));
        }
        let mut names: Vec<String> = points.iter().take(NAMED).map(|&point| self.name(point)).collect();
        if points.len() > NAMED {
            names.push(format!("{} more", points.len() - NAMED));
        }
        names.join("; ")
    }

    fn cliffs(&self, answer: &mut Answer) {
        for (found, axis) in self.shapes.first().iter().flat_map(|shape| &shape.axes).zip(self.layout.grid().axes()) {
            for cliff in &found.cliffs {
                let value = |at: usize| axis.points.get(at).map_or("", |point| point.text.as_str());
                let text = format!("{}: a cliff between {} and {}.", axis.key, value(cliff.edge), value(cliff.below));
                answer.point(text, Tone::Bad);
            }
        }
    }
}

/// `1 other value is`, `3 other values are`.
fn are(n: usize, what: &str) -> String {
    format!("{} {}", plural(n as f64, what), if n == 1 { "is" } else { "are" })
}
