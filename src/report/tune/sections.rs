//! What a search says to people.

use super::{TuneReport, fate};
use crate::experiment::gate::Evidence;
use crate::experiment::stats::Interval;
use crate::experiment::stats::halving::Fate;
use crate::experiment::tune::{Advice, Arm, Confirmed, Constraint};
use crate::experiment::vary::Axis;
use crate::report::comparison::{signed, verdict};
use crate::report::document::Estimate;
use crate::report::format::{self, NONE};
use crate::report::summary::{Block, Section, Table};
use crate::report::sweep::short_key;
use crate::scenario::full_key;

pub(super) fn of(report: &TuneReport) -> Vec<Section> {
    let mut all = vec![report.answer(), report.arms()];
    all.extend(report.tuned.confirmed.iter().map(|found| report.confirmed(found)));
    all
}

impl TuneReport {
    fn answer(&self) -> Section {
        let tuned = &self.tuned;
        let mut blocks = Vec::new();
        let best = self.best().map_or("", |arm| arm.name.as_str());
        let (is_default, is_off) = self.best_is_reference();
        let sense = format!("{} ({})", self.objective.path, self.objective.meta.title);
        blocks.push(Block::Line(format!("searched by {sense} over {}", self.scenarios.join(", "))));
        blocks.push(match tuned.advice {
            Advice::Change if is_off => Block::Line("RECOMMENDED: switch escape off".to_owned()),
            Advice::Change => Block::Line(format!("RECOMMENDED: {best}{}", self.reservations())),
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
                [first, .., last] if self.axes.len() == 1 => {
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
        for (at, scenario) in self.scenarios.iter().enumerate() {
            if tuned.arms.iter().all(|arm| arm.means.get(at).copied().flatten().is_none()) {
                blocks.push(Block::Remark(format!("no run of {scenario} has this figure: it says nothing here")));
            }
        }
        let (search, confirm) = tuned.spent;
        blocks.push(Block::Line(format!(
            "{search} runs of search, {confirm} runs of confirmation on seeds that it had not seen"
        )));
        Section { title: format!("Tuning {}", self.keys().join(", ")), blocks }
    }

    /// What must be said beside a recommendation: why, where it is for a constraint's sake; which is not shown to be met.
    fn reservations(&self) -> String {
        let of = |wanted: &dyn Fn(&Constraint) -> bool| -> Vec<&str> {
            let all = self.tuned.confirmed.iter();
            all.filter(|found| found.constraints.iter().any(wanted)).map(|found| found.scenario.as_str()).collect()
        };
        let (why, open) = (of(&Constraint::is_why), of(&|found| found.best.evidence == Evidence::Open));
        let mut text = String::new();
        let is_none = |axis: &&Axis| !matches!(full_key(&axis.key).split('.').next(), Some("gateway" | "rate_limit"));
        let others: Vec<&str> = self.axes.iter().filter(is_none).map(|axis| axis.key.as_str()).collect();
        if !others.is_empty() {
            text += &format!(" (what if: {} is no setting of the gateway's)", others.join(", "));
        }
        if !why.is_empty() {
            text += &format!("; as it stands a constraint is broken in {}", why.join(", "));
        }
        if !open.is_empty() {
            text += &format!("; a constraint is not shown to be met in {}", open.join(", "));
        }
        text
    }

    /// The name of an arm; with one key varied, its value alone.
    fn label<'a>(&self, arm: &'a Arm) -> &'a str {
        match arm.name.split_once('=') {
            Some((_, value)) if self.axes.len() == 1 => value,
            _ => &arm.name,
        }
    }

    /// The arms, those that went farthest first; the rest are in JSON and CSV.
    fn arms(&self) -> Section {
        const MOST: usize = 12;
        let tuned = &self.tuned;
        let first = match self.axes.as_slice() {
            [one] => short_key(&one.key),
            _ => "arm",
        };
        let mut header = vec![first, "runs", "regret"];
        header.extend(self.scenarios.iter().map(String::as_str));
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
                self.label(arm).to_owned(),
                arm.replications.to_string(),
                arm.regret.map_or_else(|| NONE.to_owned(), |regret| format!("{:.1} %", regret * 100.0)),
            ];
            row.extend(arm.means.iter().map(|mean| format::figure(mean.map(|mean| Estimate::Single(mean.mean)), unit)));
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
                verdict(row.verdict, row.default.as_ref(), None),
                signed(row.off.as_ref().map(|paired| paired.difference), unit),
            ]);
        }
        let mut blocks = vec![
            Block::Line(format!("{best}, {} fresh replications, paired with the references", self.confirm)),
            Block::Table(table),
        ];
        let is = |evidence: Evidence| match evidence {
            Evidence::Holds => "met",
            Evidence::Refuted => "BROKEN",
            Evidence::Open => "not shown to be met, nor to be broken",
        };
        for constraint in &found.constraints {
            let default = match constraint.default {
                Evidence::Refuted => "; as it stands it is BROKEN",
                Evidence::Holds | Evidence::Open => "",
            };
            let text = &constraint.condition.text;
            blocks.push(Block::Line(format!("constraint {text}: {}{default}", is(constraint.best.evidence))));
        }
        blocks.extend(found.notes.iter().cloned().map(Block::Remark));
        Section { title: format!("What it buys and costs in {}", found.scenario), blocks }
    }
}
