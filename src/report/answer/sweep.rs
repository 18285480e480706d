//! The answer of a sweep: which value to take, and what is as good.

use super::{Answer, Tone, sentence};
use crate::experiment::stats::Verdict;
use crate::report::comparison::{amount, signed};
use crate::report::sweep::{SweepReport, plateau};

/// What a sweep says, in short.
pub fn of_sweep(report: &SweepReport) -> Answer {
    let Some(shape) = report.shapes.first() else {
        return Answer::new("No run has a figure by which values could be judged.", Tone::Undecided);
    };
    let axes = report.layout.grid().axes();
    let wholly = report.inert.iter().zip(axes).all(|(inert, axis)| inert.wholly || axis.points.len() < 2);
    if report.is_inert() && wholly {
        let keys: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
        let sentence =
            format!("Inert: no value of {} changed any decision of the scheduler in any replication.", keys.join(", "));
        let nothing = "Nothing was tested by this sweep (exit status 4).".to_owned();
        return Answer::plain(sentence, Tone::Undecided, [nothing]);
    }
    if report.has_environments() {
        let mut points: Vec<String> = report.decided().into_iter().map(|line| sentence(&[line])).collect();
        points.extend(report.inert_remarks());
        let sentence = "What is best depends on the environment: see the regrets.";
        return Answer::plain(sentence, Tone::Neutral, points);
    }
    let unit = shape.figure.meta.unit;
    let place = report.layout.places().get(shape.best);
    let values = place.map_or_else(String::new, |place| report.layout.sets(place).join(", "));
    let mean = amount(Some(shape.mean), unit);
    let mut answer = Answer::new(format!("{values} is best: {}, {mean}.", shape.figure.meta.title), Tone::Neutral);
    for line in report.decided() {
        answer.point(sentence(&[line]), Tone::Neutral);
    }
    if let Some((difference, verdict)) = shape.against_off {
        if verdict == Verdict::Better {
            answer.tone = Tone::Good;
        }
        let text = format!("Against escape off: {} ({}).", signed(Some(difference), unit), verdict.words());
        answer.point(text, answer.tone);
    }
    for (found, axis) in shape.axes.iter().zip(axes) {
        let label = |at: usize| axis.points.get(at).map_or_else(String::new, |point| point.text.clone());
        answer.point(format!("{}.", plateau(found, &label)), Tone::Neutral);
        for cliff in &found.cliffs {
            let (edge, below) = (label(cliff.edge), label(cliff.below));
            answer.point(format!("{}: a cliff between {edge} and {below}.", axis.key), Tone::Bad);
        }
    }
    report.inert_remarks().into_iter().for_each(|text| answer.point(text, Tone::Undecided));
    answer
}
