//! What pictures of all experiments share: figures as charts want them, tiles, and how two scenarios differ.

use serde_json::Value;

use super::Chart;
use super::incident::incident;
use super::sections::pages;
use super::sides::Sides;
use super::victims::suffered;
use crate::experiment::stats::Interval;
use crate::measure::Settings;
use crate::measure::figures::{Meta, Unit, no_token};
use crate::report::chart::{Alarms, ConditionDetection, Delay, Estimate, Figure, Format, Provenance};
use crate::report::document::scheduler_in_words;
use crate::report::html::{Cell, Column, Piece, Section, Table};
use crate::report::summary;

/// Who sees a degraded account in several runs, of which some may have a mode without an escape gate.
pub(super) const IN_ANY_MODE: &str = "the gateway";

/// A mean with its interval as charts take it.
pub(super) fn estimate(interval: Option<Interval>) -> Estimate {
    interval.map_or(Estimate::MISSING, |found| Estimate {
        value: no_token::or_nan(found.mean),
        low: found.lo.map_or(f64::NAN, no_token::or_nan),
        high: found.hi.map_or(f64::NAN, no_token::or_nan),
    })
}

/// How values of a unit read, and what to multiply them with for that.
pub(super) const fn format_of(unit: Unit) -> (Format, f64) {
    match unit {
        Unit::Ms => (Format::Seconds, 1e-3),
        Unit::Seconds => (Format::Seconds, 1.0),
        Unit::Ratio => (Format::Percent, 1.0),
        Unit::Count | Unit::PerSecond | Unit::Tokens | Unit::Money | Unit::Plain => (Format::Number, 1.0),
    }
}

/// A figure as axes say it, with the unit where its title and its values do not show it.
pub(super) fn axis_label(meta: &Meta) -> String {
    match meta.unit {
        Unit::Ms | Unit::Seconds => format!("{} (s)", meta.title),
        Unit::PerSecond => format!("{} (1/s)", meta.title),
        Unit::Ratio | Unit::Count | Unit::Tokens | Unit::Money | Unit::Plain => meta.title.to_owned(),
    }
}

/// What happened, and who suffered: `title` is the answer.
pub(super) fn incident_charts(sides: &Sides<'_>, from: &Provenance, title: &str, scenario: &Value) -> [Chart; 2] {
    let clause = crate::report::answer::incident(scenario);
    [
        Chart::new("incident", incident(sides, from.clone(), title, scenario)),
        Chart::new("who-suffered", suffered(sides, from.clone(), clause.as_deref())),
    ]
}

/// An answer as the title of a chart, with what it is of; a first word in capital letters (KEEP, SET) stays so.
pub(super) fn titled(name: &str, sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    let first: String = letters.next().map_or_else(String::new, |first| first.to_lowercase().collect());
    let is_capital = letters.clone().next().is_some_and(char::is_uppercase);
    if is_capital { format!("{name}: {sentence}") } else { format!("{name}: {first}{}", letters.as_str()) }
}

/// Where pictures of an experiment come from.
pub(super) fn provenance(scenario: &str, seed: &str, replications: Option<u64>) -> Provenance {
    Provenance {
        scenario: scenario.to_owned(),
        seed: seed.to_owned(),
        replications: replications.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What else is needed to make a page again.
pub(super) fn reproduce(from: &Provenance) -> Vec<(String, String)> {
    let mut rows = vec![("stickysim".to_owned(), from.version.clone()), ("seed".to_owned(), from.seed.clone())];
    rows.extend(from.replications.map(|n| ("replications".to_owned(), n.to_string())));
    rows
}

/// The same for one run, of which the scheduler is known.
pub(super) fn reproduce_run(from: &Provenance, settings: &Settings) -> Vec<(String, String)> {
    let mut rows = reproduce(from);
    rows.insert(1, ("scheduler".to_owned(), scheduler_in_words(settings)));
    rows
}

/// Conditions as the detection chart takes them, from the paths that there are and what stands there.
pub(super) fn conditions<'p>(
    paths: impl Iterator<Item = &'p str>,
    get: &dyn Fn(&str) -> Option<f64>,
) -> Vec<ConditionDetection> {
    let names = paths.filter_map(|path| path.strip_prefix("conditions.")?.strip_suffix(".onsets"));
    let condition = |name: &str| {
        let value = |what: &str| get(&format!("conditions.{name}.{what}"));
        let delay = |what: &str| {
            let [min, p50, max] = ["min", "p50", "max"].map(|part| value(&format!("{what}.{part}")));
            let p50 = p50?;
            // documents of older versions have no shortest one
            Some(Delay { min_s: min.unwrap_or(f64::NAN), p50_s: p50, max_s: max? })
        };
        ConditionDetection {
            name: name.to_owned(),
            onsets: value("onsets").unwrap_or(0.0),
            detected: value("detected").unwrap_or(0.0),
            never_readmitted: value("never_readmitted").unwrap_or(0.0),
            delay: delay("delay_s"),
            readmission: delay("readmission_s"),
        }
    };
    names.map(condition).collect()
}

/// What escapes for the health of accounts were worth; `None` where figures of them are missing.
pub(super) fn alarms(name: &str, get: &dyn Fn(&str) -> Option<f64>) -> Option<Alarms> {
    let reason = |reason: &str| get(&format!("escapes.by_reason.{reason}"));
    let [wrong, late] = ["false_escapes", "late_escapes"].map(|what| get(&format!("detection.{what}")));
    let (wrong, late) = (wrong?, late?);
    let all = (reason("ttft")? + reason("error_rate")?).max(wrong);
    Some(Alarms { name: name.to_owned(), due: all - wrong, late, false_alarms: (wrong - late).max(0.0) })
}

/// A section of charts.
pub(super) fn charts(heading: &str, figures: impl IntoIterator<Item = Figure>) -> Section {
    let pieces = figures.into_iter().map(|figure| Piece::Chart(Box::new(figure))).collect();
    Section { heading: heading.to_owned(), pieces }
}

/// The tables of a report, of which the first has this heading in place of the scenario's name; its notes stand at the
/// top of a page already.
pub(super) fn tables(sections: &[summary::Section], first: &str) -> Vec<Section> {
    let mut kept: Vec<summary::Section> =
        sections.iter().filter(|section| !section.title.starts_with("Notes")).cloned().collect();
    if let Some(section) = kept.first_mut() {
        section.title = first.to_owned();
    }
    pages(&kept)
}

/// An effective scenario as a page shows it.
pub(super) fn shown(scenario: &Value) -> String {
    if scenario.is_null() { "The result does not hold it.\n".to_owned() } else { format!("{scenario:#}\n") }
}

/// The keys in which two scenarios differ, as a section; `None` where they do not.
pub(super) fn differences(a: &Value, b: &Value) -> Option<Section> {
    let mut rows = Vec::new();
    compare(String::new(), Some(a), Some(b), &mut rows);
    let column = |name: &str| Column { name: name.to_owned(), number: false };
    let cell = |text: &String| Cell::words(text.clone());
    (!rows.is_empty()).then(|| Section {
        heading: "What differs between A and B".to_owned(),
        pieces: vec![Piece::Table(Table {
            caption: String::new(),
            columns: vec![column("key"), column("A"), column("B")],
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
        })],
    })
}

fn compare(path: String, a: Option<&Value>, b: Option<&Value>, rows: &mut Vec<[String; 3]>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (a, b) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let more = b.keys().filter(|key| !a.contains_key(*key));
            a.keys().chain(more).for_each(|key| compare(below(key), a.get(key), b.get(key), rows));
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| compare(format!("{path}[{i}]"), Some(a), Some(b), rows));
        }
        (a, b) => {
            let text = |value: Option<&Value>| match value {
                None | Some(Value::Null) => "not set".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            };
            rows.push([path, text(a), text(b)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scenarios_differ_in_the_keys_that_say_something_else() {
        let a = json!({ "x": 1, "gateway": { "on": false, "ms": 15 }, "accounts": [{ "id": 1 }, { "id": 2 }] });
        let b =
            json!({ "x": 1, "gateway": { "on": true, "ms": 15 }, "accounts": [{ "id": 1 }, { "id": 3 }], "y": "z" });
        let mut rows = Vec::new();
        compare(String::new(), Some(&a), Some(&b), &mut rows);
        let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
        assert_eq!(rows, ["gateway.on false true", "accounts[1].id 2 3", "y not set z"]);
        assert!(differences(&a, &a).is_none());
    }
}
