//! What a search comes to in sentences: what to set or to keep, what it buys, what it costs, and what is as good.

use super::TuneReport;
use crate::experiment::choice::Bill;
use crate::experiment::criterion::Evidence;
use crate::experiment::current;
use crate::experiment::stats::best::Place;
use crate::experiment::stats::{Direction, Interval, Paired, Verdict};
use crate::experiment::tune::confirm::Finding;
use crate::experiment::tune::{Advice, Arm, Confirmed, ConfirmedRow, Constraint};
use crate::experiment::vary::Axis;
use crate::measure::figures::{Unit, no_token};
use crate::report::answer::sentence;
use crate::report::comparison::{amount, signed};
use crate::report::format::trimmed;
use crate::scenario::full_key;

/// So many values are named; the others are counted.
const NAMED: usize = 6;

impl TuneReport {
    /// What to do, in one line.
    pub fn headline(&self) -> String {
        match self.tuned.advice {
            Advice::Change => format!("SET {}{}", self.moves(), self.reservations()),
            Advice::Keep => format!("KEEP {}", self.own_values()),
            Advice::NothingFeasible => "NOTHING to set: every value is shown to break a constraint".to_owned(),
            Advice::Inert => {
                "INERT: no value changed any decision of the scheduler in any replication (exit status 4)".to_owned()
            }
        }
    }

    /// The same as a sentence for people, with the best of the other values where the current one stays.
    pub fn sentence(&self) -> String {
        let headline = self.headline();
        if self.tuned.advice != Advice::Keep {
            return format!("{headline}.");
        }
        let others = self.tuned.arms.iter().filter(|arm| !self.is_own(arm)).count();
        let rest = self.challenger().map_or_else(
            || "no other value meets the constraints".to_owned(),
            |arm| match others {
                1 => format!("the other value is {}", self.label(arm)),
                n => format!("the best of the {n} other values is {}", self.label(arm)),
            },
        );
        format!("{headline}; {rest}.")
    }

    /// What belongs to the sentence, each as a sentence.
    pub fn points(&self) -> Vec<String> {
        if self.tuned.advice == Advice::Inert {
            return vec!["So this search has tested nothing.".to_owned()];
        }
        // the sentence names the best of the others
        let said = |line: &String| line.starts_with("best of the ") || line.starts_with("no other value meets");
        let point = |line: String| match line.split_once(": ") {
            Some((word @ ("buys" | "costs"), rest)) => format!("It {word}: {rest}."),
            Some((word, rest)) if word.starts_with("as good, ") => format!("Others are {word}: {rest}."),
            _ => sentence(&[line]),
        };
        self.details().into_iter().filter(|line| !said(line)).map(point).collect()
    }

    /// What stands below it: what the change buys and costs, or what the best of the others would, and what is as good.
    pub fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let several = self.scenarios.len() > 1;
        let of = |found: &Confirmed, text: String| if several { format!("{}: {text}", found.scenario) } else { text };
        match self.tuned.advice {
            Advice::Change => {
                for found in &self.tuned.confirmed {
                    let buys = buys(found).unwrap_or_else(|| "nothing shown".to_owned());
                    lines.push(format!("buys: {}", of(found, buys)));
                }
                lines.extend(self.tuned.confirmed.iter().map(|found| format!("costs: {}", of(found, costs(found)))));
            }
            Advice::Keep => {
                let others = self.tuned.arms.iter().filter(|arm| !self.is_own(arm)).count();
                if let Some(arm) = self.challenger() {
                    lines.push(format!("best of the {others} others: {}", self.label(arm)));
                    let tuned = &self.tuned;
                    lines.extend(tuned.confirmed.iter().map(|found| of(found, self.ruled_out(found))));
                } else {
                    lines.push("no other value meets the constraints".to_owned());
                }
                if self.tuned.stands {
                    lines.push("the search found the current value as good as the best".to_owned());
                }
            }
            Advice::NothingFeasible | Advice::Inert => return lines,
        }
        lines.extend(self.as_good());
        lines.extend(self.too_few());
        lines
    }

    /// The name of an arm without its keys: `4000`, `4000 / 3`.
    pub fn label(&self, arm: &Arm) -> String {
        let is_varied = |key: &str| self.axes.iter().any(|axis| axis.key == key);
        let sets = arm.sets.iter().filter_map(|set| set.split_once('='));
        let values: Vec<&str> = sets.filter(|(key, _)| is_varied(key)).map(|(_, value)| value).collect();
        if values.len() == self.axes.len() && !values.is_empty() { values.join(" / ") } else { arm.name.clone() }
    }

    /// Whether an arm is what there is.
    fn is_own(&self, arm: &Arm) -> bool {
        let sets = || arm.sets.iter().filter_map(|set| set.split_once('='));
        self.effective.iter().all(|scenario| {
            sets().all(|(key, value)| {
                let own = current::text(scenario, key);
                let number = |text: &str| text.parse::<f64>().ok();
                own.is_some_and(|own| own == value || (number(&own).is_some() && number(&own) == number(value)))
            })
        })
    }

    /// The value of a key as it stands; of several scenarios that differ, all.
    fn own(&self, key: &str) -> String {
        let mut all: Vec<String> = self
            .effective
            .iter()
            .map(|scenario| current::text(scenario, key).map_or_else(|| "not set".to_owned(), |own| plain(&own)))
            .collect();
        all.dedup();
        all.join(" or ")
    }

    /// `sticky_escape_ttft_ms 15000 -> 4000, lb_top_k 7 -> 3`; keys that stay are left out.
    fn moves(&self) -> String {
        let one = |(key, own, value)| format!("{key} {own} -> {value}");
        self.changes().into_iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Each key that changes, with its value as it stands and the new one.
    fn changes(&self) -> Vec<(&str, String, &str)> {
        let sets = self.challenger().into_iter().flat_map(|arm| &arm.sets).filter_map(|set| set.split_once('='));
        let all = sets.map(|(key, value)| (key, self.own(key), value));
        all.filter(|(_, own, value)| *own != plain(value)).collect()
    }

    fn own_values(&self) -> String {
        let one = |axis: &Axis| format!("{}={}", axis.key, self.own(&axis.key));
        self.axes.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// What must be said beside a change: why, where it is for a constraint's sake; which is not shown to be met.
    fn reservations(&self) -> String {
        let of = |wanted: &dyn Fn(&Constraint) -> bool| -> Vec<&str> {
            let all = self.tuned.confirmed.iter();
            all.filter(|found| found.constraints.iter().any(wanted)).map(|found| found.scenario.as_str()).collect()
        };
        let (why, open) = (of(&Constraint::is_why), of(&|found| found.best.evidence == Evidence::Open));
        let mut text = String::new();
        let is_mode = |axis: &&Axis| axis.key == "mode";
        let is_setting = |axis: &Axis| matches!(full_key(&axis.key).split('.').next(), Some("gateway" | "rate_limit"));
        let is_none = |axis: &&Axis| !is_setting(axis) && !is_mode(axis);
        if self.moves().split(", ").any(|one| one.starts_with("mode ")) {
            text += " (the mode is set by two switches of the gateway's admin page: docs/guide/modes.md)";
        }
        let others: Vec<&str> = self.axes.iter().filter(is_none).map(|axis| axis.key.as_str()).collect();
        if !others.is_empty() {
            text += &format!(" (what if: {} is not a setting of the gateway)", others.join(", "));
        }
        if !why.is_empty() {
            text += &format!("; as it stands a constraint is broken in {}", why.join(", "));
        }
        if !open.is_empty() {
            text += &format!("; a constraint is not shown to be met in {}", open.join(", "));
        }
        text
    }

    /// What fresh luck says of the best of the others where what there is is kept.
    fn ruled_out(&self, found: &Confirmed) -> String {
        let gain = &found.gain;
        let unit = self.objective.meta.unit;
        let difference = found.rows.first().and_then(|row| row.default.as_ref()).map(|paired| paired.difference);
        let title = self.objective.meta.title;
        let smallest = percent(self.smallest);
        let Some(share) = gain.share else { return format!("no replication has {title}: it says nothing") };
        let n = found.replications;
        let text = match difference.filter(|difference| no_token::is_score(difference.mean)) {
            None => format!("with it, {title} changes by {} on {n} fresh replications", signed(difference, unit)),
            Some(_) => format!("{title} is \"no token\" in some of {n} fresh replications"),
        };
        let largest = share.hi.map_or_else(String::new, |hi| format!(" (more than {} is)", percent(hi.max(0.0))));
        match gain.finding {
            Finding::RuledOut => format!("{text}: a gain of {smallest} is ruled out"),
            Finding::Worse => format!("{text}: worse"),
            Finding::Better if self.tuned.stands => format!("{text}: better"),
            Finding::Better => format!("{text}: better, but it is not ruled out that another scenario loses as much"),
            Finding::Open => {
                let needed = gain.needed.map_or_else(String::new, |needed| {
                    format!("; about {needed} replications would decide (--max-replications)")
                });
                format!("{text}: nothing shown, and a gain of {smallest} is not ruled out{largest}{needed}")
            }
        }
    }

    /// The values that are as good as the chosen one, cheap ones first.
    fn as_good(&self) -> Vec<String> {
        let chosen = if self.tuned.advice == Advice::Change { self.challenger().map(|arm| &arm.name) } else { None };
        let mut all: Vec<&Arm> = self
            .tuned
            .arms
            .iter()
            .filter(|arm| matches!(arm.place, Some(Place::Best | Place::AsGood)) && Some(&arm.name) != chosen)
            .filter(|arm| !self.is_own(arm) && !arm.sets.is_empty())
            .collect();
        let by = |arm: &Arm| arm.dearer_by.unwrap_or(0.0);
        all.sort_by(|x, y| by(x).total_cmp(&by(y)));
        let (dearer, same): (Vec<&Arm>, Vec<&Arm>) = all.into_iter().partition(|arm| arm.dearer);
        let mut lines = Vec::new();
        if !same.is_empty() {
            lines.push(format!("as good, and as cheap: {}", self.named(&same, &|arm| self.label(arm))));
        }
        if !dearer.is_empty() {
            let with = |arm: &Arm| format!("{} ({})", self.label(arm), self.bill(by(arm)));
            lines.push(format!("as good, but dearer: {}", self.named(&dearer, &with)));
        }
        lines
    }

    /// The values that were measured too little to be compared with the best, and those of them that are not far off.
    fn too_few(&self) -> Option<String> {
        let few: Vec<&Arm> = self
            .tuned
            .arms
            .iter()
            .filter(|arm| arm.place == Some(Place::TooFew) && !self.is_own(arm) && !arm.sets.is_empty())
            .filter(|arm| Some(arm.name.as_str()) != self.challenger().map(|arm| arm.name.as_str()))
            .collect();
        (!few.is_empty()).then(|| format!("too few runs to say: {}", self.named(&few, &|arm| self.label(arm))))
    }

    fn named(&self, arms: &[&Arm], name: &dyn Fn(&Arm) -> String) -> String {
        let names: Vec<String> = arms.iter().take(NAMED).map(|arm| name(arm)).collect();
        let more = arms.len().saturating_sub(NAMED);
        let joint = if self.axes.len() > 1 { "; " } else { ", " };
        names.join(joint) + &if more > 0 { format!("{joint}and {more} more") } else { String::new() }
    }

    fn bill(&self, by: f64) -> String {
        match self.tuned.bill {
            Bill::Price => format!("price {:+.0} %", by * 100.0),
            Bill::ColdTurns => format!("cold turns {:+.1} pp", by * 100.0),
        }
    }
}

/// Whole numbers without their point: scenarios write 20.0 for 20.
fn plain(text: &str) -> String {
    text.strip_suffix(".0").unwrap_or(text).to_owned()
}

/// At most one decimal, where it says something.
fn percent(share: f64) -> String {
    format!("{} %", trimmed(&format!("{:.1}", share * 100.0)))
}

fn from_to(row: &ConfirmedRow, paired: &Paired) -> String {
    let bare = |of: Interval| amount(Some(Interval { lo: None, hi: None, ..of }), row.figure.meta.unit);
    format!("{} {} -> {}", row.figure.meta.title, bare(paired.a), bare(paired.b))
}

fn is_bill(row: &ConfirmedRow) -> bool {
    row.figure.path.starts_with("cost.")
}

/// The figures that are shown to be better, those of cost last.
fn buys(found: &Confirmed) -> Option<String> {
    let better = |row: &&ConfirmedRow| row.verdict == Verdict::Better;
    let rows = found.rows.iter().filter(better).filter(|row| !is_bill(row));
    let all: Vec<String> = rows
        .chain(found.rows.iter().filter(better).filter(|row| is_bill(row)))
        .filter_map(|row| Some(from_to(row, row.default.as_ref()?)))
        .collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The figures that are shown to be worse; where there are none, what was seen of the bill.
fn costs(found: &Confirmed) -> String {
    let worse: Vec<String> = found
        .rows
        .iter()
        .filter(|row| row.verdict == Verdict::Worse)
        .filter_map(|row| Some(from_to(row, row.default.as_ref()?)))
        .collect();
    if !worse.is_empty() {
        return worse.join("; ");
    }
    let seen: Vec<String> = found
        .rows
        .iter()
        .filter(|row| is_bill(row) && row.verdict != Verdict::Better)
        .filter(|row| row.figure.direction() == Direction::LowerIsBetter)
        .filter_map(|row| {
            let paired = row.default.as_ref()?;
            let change = paired.change.filter(|_| row.figure.meta.unit == Unit::Money);
            let half =
                |change: Interval| change.half_width().map_or_else(String::new, |h| format!(" ±{:.1}", h * 100.0));
            Some(match change {
                Some(change) => format!("price {:+.1}{} %", change.mean * 100.0, half(change)),
                None => from_to(row, paired),
            })
        })
        .collect();
    if seen.is_empty() { "nothing shown".to_owned() } else { format!("nothing shown ({})", seen.join(", ")) }
}
