//! What a search found: the recommended value, its plateau, what it buys and costs, and the lines to paste.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Style;
use super::comparison::{json_interval, signed, verdict};
use super::document::{SCHEMA_VERSION, markdown};
use super::format::{self, NONE};
use super::summary::{Block, Section, Table, lay_out};
use crate::experiment::cell::Figure;
use crate::experiment::gate::Evidence;
use crate::experiment::stats::Interval;
use crate::experiment::stats::halving::Fate;
use crate::experiment::tune::{Advice, Arm, Confirmed, Tuned};
use crate::report::document::Estimate;
use crate::scenario::full_key;

/// A search and how it was asked for.
#[derive(Clone, Debug)]
pub struct TuneReport<'a> {
    /// What was found.
    pub tuned: &'a Tuned,
    /// The figure that was searched by.
    pub objective: &'a Figure,
    /// The names of the scenarios.
    pub scenarios: &'a [&'a str],
    /// The keys that were varied, as written.
    pub keys: &'a [String],
    /// Replications of the confirmation.
    pub confirm: usize,
}

impl TuneReport<'_> {
    /// For people on a terminal.
    pub fn to_text(&self, style: Style) -> String {
        let mut text = lay_out(&self.sections(), style);
        if let Some(yaml) = self.yaml() {
            let _ = writeln!(text, "For the gateway's config\n{}", indented(&yaml));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    /// For a pull request or a job summary.
    pub fn to_markdown(&self) -> String {
        let yaml = self.yaml().map_or_else(String::new, |yaml| format!("```yaml\n{yaml}```\n"));
        markdown::of_sections(&self.sections()) + &yaml
    }

    /// Every arm and the confirmation as one JSON document.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.json())
    }

    /// One row an arm.
    pub fn to_csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut header = vec!["arm".to_owned(), "fate".to_owned(), "replications".to_owned(), "regret".to_owned()];
        header.extend(self.scenarios.iter().map(|name| format!("{name}:mean")));
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(&header);
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for arm in &self.tuned.arms {
            let mut row =
                vec![arm.name.clone(), fate(arm).to_owned(), arm.replications.to_string(), number(arm.regret)];
            row.extend(arm.means.iter().map(|&mean| number(mean)));
            let _ = writer.write_record(&row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The arm that is recommended.
    fn best(&self) -> Option<&Arm> {
        self.tuned.best.and_then(|best| self.tuned.arms.get(best))
    }

    /// The lines of the gateway's config that make the recommended values; `None` when nothing shall be changed, or what
    /// was varied is no key of the gateway.
    pub fn yaml(&self) -> Option<String> {
        if self.tuned.advice != Advice::Change {
            return None;
        }
        let mut root = serde_json::Map::new();
        for set in &self.best()?.sets {
            let (key, value) = set.split_once('=')?;
            let full = full_key(key.trim());
            let path: Vec<&str> = full.split('.').collect();
            if !matches!(path.first(), Some(&("gateway" | "rate_limit"))) {
                continue;
            }
            let mut node = &mut root;
            for part in &path[..path.len() - 1] {
                let inner = node.entry((*part).to_owned()).or_insert_with(|| Value::Object(serde_json::Map::new()));
                node = inner.as_object_mut()?;
            }
            node.insert((*path.last()?).to_owned(), Value::String(value.trim().to_owned()));
        }
        let mut text = String::new();
        lines(&root, 0, &mut text);
        (!text.is_empty()).then_some(text)
    }

    fn sections(&self) -> Vec<Section> {
        let mut all = vec![self.answer(), self.arms()];
        all.extend(self.tuned.confirmed.iter().map(|found| self.confirmed(found)));
        all
    }

    fn answer(&self) -> Section {
        let tuned = self.tuned;
        let mut blocks = Vec::new();
        let best = self.best().map_or("", |arm| arm.name.as_str());
        let is_default = tuned.best.is_some_and(|best| best + 2 == tuned.arms.len());
        let is_off = tuned.best.is_some_and(|best| best + 1 == tuned.arms.len());
        let sense = format!("{} ({})", self.objective.path, self.objective.meta.title);
        blocks.push(Block::Line(format!("searched by {sense} over {}", self.scenarios.join(", "))));
        blocks.push(match tuned.advice {
            Advice::Change if is_off => Block::Line("RECOMMENDED: switch escape off".to_owned()),
            Advice::Change => Block::Line(format!("RECOMMENDED: {best}")),
            Advice::Keep if is_default => {
                Block::Line("KEEP what there is: no value was better than the scenario as it stands".to_owned())
            }
            Advice::Keep => Block::Line(format!(
                "KEEP what there is: {best} came out best, but on fresh seeds the evidence does not support the change"
            )),
            Advice::NothingFeasible => {
                Block::Line("NOTHING to recommend: every value is shown to break a constraint".to_owned())
            }
            Advice::Inert => Block::Remark(
                "INERT: no value changed any decision of the scheduler in any replication (exit status 4)".to_owned(),
            ),
        });
        if !tuned.plateau.is_empty() && tuned.best.is_some() && tuned.advice != Advice::Inert {
            let names: Vec<&str> =
                tuned.plateau.iter().filter_map(|&arm| tuned.arms.get(arm)).map(|a| a.name.as_str()).collect();
            blocks.push(Block::Line(match names.as_slice() {
                [one] => format!("plateau: {one} alone"),
                [first, .., last] if self.keys.len() == 1 => {
                    let value =
                        |name: &str| name.split_once('=').map_or_else(|| name.to_owned(), |(_, v)| v.to_owned());
                    format!(
                        "plateau: {} values between {} and {} cannot be told from the best",
                        names.len(),
                        value(first),
                        value(last)
                    )
                }
                _ => format!("plateau: {} combinations cannot be told from the best", names.len()),
            }));
        }
        let (search, confirm) = tuned.spent;
        blocks.push(Block::Line(format!(
            "{search} runs of search, {confirm} runs of confirmation on seeds that it had not seen"
        )));
        Section { title: format!("Tuning {}", self.keys.join(", ")), blocks }
    }

    /// The arms, those that went farthest first; the rest are in JSON and CSV.
    fn arms(&self) -> Section {
        const MOST: usize = 12;
        let tuned = self.tuned;
        let mut header = vec!["arm", "runs", "regret"];
        header.extend(self.scenarios);
        header.push("fate");
        let mut table = Table::new(&header);
        let mut order: Vec<&Arm> = tuned.arms.iter().collect();
        order.sort_by(|x, y| {
            let key = |arm: &Arm| (std::cmp::Reverse(arm.replications), !matches!(arm.fate, Fate::In));
            key(x).cmp(&key(y)).then(x.regret.unwrap_or(f64::INFINITY).total_cmp(&y.regret.unwrap_or(f64::INFINITY)))
        });
        for arm in order.iter().take(MOST) {
            let unit = self.objective.meta.unit;
            let mut row = vec![
                arm.name.clone(),
                arm.replications.to_string(),
                arm.regret.map_or_else(|| NONE.to_owned(), |regret| format!("{:.1} %", regret * 100.0)),
            ];
            row.extend(arm.means.iter().map(|mean| format::figure(mean.map(Estimate::Single), unit)));
            row.push(fate(arm).to_owned());
            table.row(row);
        }
        let mut blocks = vec![Block::Table(table)];
        if order.len() > MOST {
            blocks.push(Block::Line(format!("and {} more, in JSON and CSV", order.len() - MOST)));
        }
        blocks.push(Block::Line(
            "regret: distance to the best of the scenario where it is largest, as a share of the figure as it stands"
                .to_owned(),
        ));
        Section { title: "The search".to_owned(), blocks }
    }

    fn confirmed(&self, found: &Confirmed) -> Section {
        let best = self.best().map_or("", |arm| arm.name.as_str());
        let mut table = Table::new(&["figure", "best", "- as it stands", "verdict", "- off"]);
        for row in &found.rows {
            let unit = row.figure.meta.unit;
            let own = row.default.as_ref().or(row.off.as_ref()).map(|paired| paired.b);
            let own = own.map(|own| Interval { lo: None, hi: None, ..own });
            table.row([
                row.figure.path.clone(),
                format::figure(own.map(Estimate::Several), unit),
                signed(row.default.as_ref().map(|paired| paired.difference), unit),
                verdict(row.verdict, true),
                signed(row.off.as_ref().map(|paired| paired.difference), unit),
            ]);
        }
        let mut blocks = vec![
            Block::Line(format!("{best}, {} fresh replications, paired with the references", self.confirm)),
            Block::Table(table),
        ];
        for (condition, judgement) in &found.constraints {
            let is = match judgement.evidence {
                Evidence::Holds => "met",
                Evidence::Refuted => "BROKEN",
                Evidence::Open => "not shown to be met, nor to be broken",
            };
            blocks.push(Block::Line(format!("constraint {}: {is}", condition.text)));
        }
        blocks.extend(found.notes.iter().cloned().map(Block::Remark));
        Section { title: format!("What it buys and costs in {}", found.scenario), blocks }
    }

    fn json(&self) -> Value {
        let tuned = self.tuned;
        let arm = |arm: &Arm| {
            json!({
                "name": arm.name, "sets": arm.sets, "fate": arm.fate, "replications": arm.replications,
                "means": arm.means, "regret": arm.regret,
            })
        };
        let confirmed = |found: &Confirmed| {
            let rows: serde_json::Map<String, Value> = found
                .rows
                .iter()
                .map(|row| {
                    let of = |paired: &Option<crate::experiment::stats::Paired>| {
                        paired.as_ref().map(|p| json!({ "best": json_interval(p.b), "reference": json_interval(p.a),
                            "difference": json_interval(p.difference) }))
                    };
                    let value = json!({ "against_default": of(&row.default), "against_off": of(&row.off), "verdict": row.verdict });
                    (row.figure.path.clone(), value)
                })
                .collect();
            let constraints: Vec<Value> = found
                .constraints
                .iter()
                .map(|(condition, j)| {
                    json!({ "constraint": condition.text, "evidence": j.evidence, "measured": j.measured.map(json_interval) })
                })
                .collect();
            json!({ "scenario": found.scenario, "figures": rows, "constraints": constraints,
                "decisions_differed_in": found.differing, "notes": found.notes })
        };
        json!({
            "schema_version": SCHEMA_VERSION,
            "stickysim_version": env!("CARGO_PKG_VERSION"),
            "objective": self.objective.path,
            "scenarios": self.scenarios,
            "advice": match tuned.advice {
                Advice::Change => "change",
                Advice::Keep => "keep",
                Advice::NothingFeasible => "nothing_feasible",
                Advice::Inert => "inert",
            },
            "best": tuned.best.map(|best| arm(&tuned.arms[best])),
            "plateau": tuned.plateau.iter().filter_map(|&at| tuned.arms.get(at)).map(|a| a.name.clone()).collect::<Vec<_>>(),
            "yaml": self.yaml(),
            "confirmed": tuned.confirmed.iter().map(confirmed).collect::<Vec<_>>(),
            "arms": tuned.arms.iter().map(arm).collect::<Vec<_>>(),
            "runs": { "search": tuned.spent.0, "confirmation": tuned.spent.1 },
        })
    }
}

const fn fate(arm: &Arm) -> &'static str {
    match arm.fate {
        Fate::In => "to the end",
        Fate::ShownWorse { .. } => "shown worse",
        Fate::Ranked { .. } => "ranked low",
        Fate::Infeasible { .. } => "infeasible",
    }
}

/// A tree of keys as YAML.
fn lines(map: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in map {
        let indent = "  ".repeat(depth);
        // writing to a string cannot fail
        let _ = match value {
            Value::Object(inner) => {
                let done = writeln!(out, "{indent}{key}:");
                lines(inner, depth + 1, out);
                done
            }
            Value::String(text) => writeln!(out, "{indent}{key}: {text}"),
            other => writeln!(out, "{indent}{key}: {other}"),
        };
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
