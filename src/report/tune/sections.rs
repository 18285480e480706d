//! What a search says to people.

use super::TuneReport;
use crate::experiment::criterion::Evidence;
use crate::experiment::stats::Interval;
use crate::experiment::stats::best::Place;
use crate::experiment::stats::halving::Fate;
use crate::experiment::tune::{Advice, Arm, Confirmed};
use crate::report::answer::plain;
use crate::report::comparison::{signed, verdict};
use crate::report::document::Estimate;
use crate::report::format::{self, NONE};
use crate::report::summary::{Block, Section, Table};
use crate::report::sweep::short_key;

/// Of the arms, a text shows this many unless it is to say more.
const MOST: usize = 12;

pub(super) fn of(report: &TuneReport) -> Vec<Section> {
    all(report, usize::MAX)
}

/// The same with no more than the arms that went farthest.
pub(super) fn brief(report: &TuneReport) -> Vec<Section> {
    all(report, MOST)
}

fn all(report: &TuneReport, most: usize) -> Vec<Section> {
    let mut all: Vec<Section> = report.screening().into_iter().collect();
    all.push(report.arms(most));
    all.extend(report.tuned.confirmed.iter().map(|found| report.confirmed(found)));
    all
}

impl TuneReport {
    /// What was searched by, and how much was run.
    fn searched(&self) -> Vec<Block> {
        let tuned = &self.tuned;
        let mut blocks = Vec::new();
        for (at, scenario) in self.scenarios.iter().enumerate() {
            if tuned.arms.iter().all(|arm| arm.means.get(at).copied().flatten().is_none()) {
                blocks.push(Block::Remark(format!("no run of {scenario} has this figure: it says nothing here")));
            }
        }
        let sense = format!("{} ({})", self.objective.path, self.objective.meta.title);
        let (search, confirm) = tuned.spent;
        blocks.push(Block::Line(format!("searched by {sense} over {}", self.scenarios.join(", "))));
        blocks.push(Block::Line(format!(
            "{search} runs of search, {confirm} runs of confirmation on seeds that it had not seen"
        )));
        if let Some(gain) = tuned.gain.filter(|&gain| gain >= 1.05) {
            blocks.push(Block::Line(format!(
                "values next to each other inform each other (a smooth curve over the key): as good as {gain:.1} times \
                 the replications"
            )));
        }
        blocks
    }

    /// Which keys matter, where none was named.
    fn screening(&self) -> Option<Section> {
        if self.screened.is_empty() {
            return None;
        }
        let mut table = Table::new(&["key", "as it stands", "tried best", "gain", "matters"]);
        for row in &self.screened {
            let percent = |share: f64| format!("{:+.0}", share * 100.0);
            let gain = row.gain.map_or_else(
                || NONE.to_owned(),
                |gain| {
                    let half = gain.half_width().map_or_else(String::new, |half| format!(" ±{:.0}", half * 100.0));
                    format!("{}{half} %", percent(gain.mean))
                },
            );
            let matters = match (row.matters, row.differing, row.searched) {
                (true, _, true) => "yes",
                (true, _, false) => "yes, less",
                (false, 0, _) => "inert",
                (false, _, _) => "not shown",
            };
            table.row([row.key.clone(), row.own.clone(), row.value.clone(), gain, matters.to_owned()]);
        }
        let searched: Vec<&str> = self.screened.iter().filter(|row| row.searched).map(|row| row.key.as_str()).collect();
        let blocks = vec![
            Block::Table(table),
            Block::Line(format!(
                "each key moved by itself, {} replications a value; searched: {}",
                crate::experiment::tune::screen::REPLICATIONS,
                searched.join(", ")
            )),
        ];
        Some(Section { title: "Which keys matter here".to_owned(), blocks })
    }

    /// The arms, those that went farthest first, up to `most`.
    fn arms(&self, most: usize) -> Section {
        let tuned = &self.tuned;
        let first = match self.axes.as_slice() {
            [one] => short_key(&one.key),
            _ => "arm",
        };
        let mut header = vec![first, "runs", "regret"];
        header.extend(self.scenarios.iter().map(String::as_str));
        header.extend(["fate", "stands"]);
        let mut table = Table::new(&header);
        let mut order: Vec<&Arm> = tuned.arms.iter().collect();
        order.sort_by(|x, y| {
            let key = |arm: &Arm| (std::cmp::Reverse(arm.replications), !matches!(arm.fate, Fate::In));
            key(x).cmp(&key(y)).then(x.regret.unwrap_or(f64::INFINITY).total_cmp(&y.regret.unwrap_or(f64::INFINITY)))
        });
        for arm in order.iter().take(most) {
            let unit = self.objective.meta.unit;
            let mut row = vec![
                self.label(arm).to_owned(),
                arm.replications.to_string(),
                arm.regret.map_or_else(|| NONE.to_owned(), |regret| format!("{:.1} %", regret * 100.0)),
            ];
            row.extend(arm.means.iter().map(|mean| format::figure(mean.map(|mean| Estimate::Single(mean.mean)), unit)));
            row.extend([fate(arm), stands(arm)].map(str::to_owned));
            table.row(row);
        }
        let mut blocks = vec![Block::Table(table)];
        if order.len() > most {
            blocks.push(Block::Line(format!("and {} more, with -v and in JSON and CSV", order.len() - most)));
        }
        blocks.push(Block::Line(
            "regret: distance to the best, in the scenario where it is largest, as a share of the current figure"
                .to_owned(),
        ));
        blocks.extend(self.searched());
        Section { title: "The search".to_owned(), blocks }
    }

    fn confirmed(&self, found: &Confirmed) -> Section {
        let best = self.challenger().map_or("", |arm| arm.name.as_str());
        let word = if self.tuned.advice == Advice::Change { "chosen" } else { "best other" };
        let mut table = Table::new(&["figure", word, "- as it stands", "verdict", "- off"]);
        for row in &found.rows {
            let unit = row.figure.meta.unit;
            let own = row.default.as_ref().or(row.off.as_ref()).map(|paired| paired.b);
            let own = own.map(|own| Interval { lo: None, hi: None, ..own });
            table.row([
                plain(&row.figure.path).unwrap_or(row.figure.meta.title).to_owned(),
                format::figure(own.map(Estimate::Several), unit),
                signed(row.default.as_ref().map(|paired| paired.difference), unit),
                verdict(row.verdict, row.default.as_ref(), None),
                signed(row.off.as_ref().map(|paired| paired.difference), unit),
            ]);
        }
        let mut blocks = vec![
            Block::Line(format!("{best}, {} fresh replications, paired with the references", found.replications)),
            Block::Table(table),
        ];
        let is = |evidence: Evidence| match evidence {
            Evidence::Holds => "met",
            Evidence::Refuted => "BROKEN",
            Evidence::Open => "neither shown to be met nor to be broken",
        };
        for constraint in &found.constraints {
            let default = match constraint.default {
                Evidence::Refuted => "; as it stands it is BROKEN",
                Evidence::Holds | Evidence::Open => "",
            };
            let text = &constraint.criterion.text;
            blocks.push(Block::Line(format!("constraint {text}: {}{default}", is(constraint.best.evidence))));
        }
        blocks.extend(found.notes.iter().cloned().map(Block::Remark));
        Section { title: format!("What it buys and costs in {}", found.scenario), blocks }
    }
}

/// Where an arm stands, in a word or two.
pub(super) const fn stands(arm: &Arm) -> &'static str {
    match arm.place {
        Some(Place::Best) => "best",
        Some(Place::AsGood) => "as good",
        Some(Place::Worse) => "worse",
        Some(Place::TooFew) => "too few to say",
        None => "",
    }
}

pub(super) const fn fate(arm: &Arm) -> &'static str {
    match arm.fate {
        Fate::In => "to the end",
        Fate::ShownWorse { .. } => "shown worse",
        Fate::Ranked { .. } => "ranked low",
        Fate::Infeasible { .. } => "infeasible",
    }
}
