//! Which of the gateway's keys matter here at all: a screening before a search, where no key is named.
//!
//! Each well-known key is moved by itself, over a few values, on the luck of the scenario as it stands (one factor at a
//! time). A key is worth a search where some value of it is shown to be better in some scenario; those with the largest
//! gains are searched together. What only two keys together do is not seen by this.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TuneError;
use crate::experiment::cell::{Cell, Figure};
use crate::experiment::choice;
use crate::experiment::current;
use crate::experiment::identity;
use crate::experiment::jobs::{Job, Progress, run_all};
use crate::experiment::stats::{Interval, Level, paired_of};
use crate::experiment::variant::{Base, Variant};
use crate::experiment::vary::Axis;
use crate::scenario::GatewayVersion;

/// A key to try, and the values that are searched where it matters; those marked by `TRIED` are tried first.
pub type Knob = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The gateway's well-known keys: the key, the values of the screening, those of the search. The modes are tried where
/// the scenario's revision of the gateway has several.
pub const KNOBS: &[Knob] = &[
    (MODE, &["legacy", "advanced", "weighted"], &["legacy", "advanced", "weighted"]),
    ("sticky_escape_enabled", &["true", "false"], &["true", "false"]),
    (
        "sticky_escape_ttft_ms",
        &["3000", "6000", "12000", "24000"],
        &["2000", "3000", "4000", "5000", "6000", "8000", "10000", "15000", "20000", "30000"],
    ),
    ("sticky_escape_error_rate", &["0.2", "0.8"], &["0.1", "0.2", "0.3", "0.5", "0.7", "0.9"]),
    ("lb_top_k", &["1", "2", "3", "12"], &["1", "2", "3", "5", "7", "12"]),
    ("scheduler_score_weights.ttft", &["0", "2", "6"], &["0.5", "1", "2", "4", "8"]),
    ("scheduler_score_weights.error_rate", &["0", "3"], &["0.4", "0.8", "1.6", "3"]),
    ("scheduler_score_weights.load", &["0.3", "3"], &["0.3", "1", "2", "4"]),
    ("scheduler_score_weights.queue", &["0.2", "3"], &["0.2", "0.7", "1.5", "3"]),
    ("sticky_session_ttl_seconds", &["300", "14400"], &["300", "900", "3600", "14400"]),
    ("sticky_session_max_waiting", &["1", "10"], &["1", "3", "6", "10"]),
    ("fallback_max_waiting", &["10", "300"], &["10", "30", "100", "300"]),
];

/// Which of its schedulers the gateway runs.
const MODE: &str = "mode";

/// Replications of each value of the screening.
pub const REPLICATIONS: u64 = 6;
/// So many keys are searched together at most.
const TOGETHER: usize = 2;

/// A key after the screening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Screened {
    /// The key of the gateway, in its short form.
    pub key: String,
    /// Its value as it stands; of several scenarios the first one's.
    pub own: String,
    /// The value with the largest gain.
    pub value: String,
    /// That gain, a share of the figure as it stands, in the scenario where it is largest, at a level that is shared
    /// among the key's values and the scenarios; `None`: no run has the figure.
    pub gain: Option<Interval>,
    /// In how many of all runs of its values a decision differed from what there is.
    pub differing: usize,
    /// How many runs of its values there were.
    pub runs: usize,
    /// Whether some value is shown to be better.
    pub matters: bool,
    /// Whether it is searched.
    pub searched: bool,
}

/// By how much the first cells are better than the second ones, as a share of the objective of the second.
fn gain(cells: [&Vec<Cell>; 2], objective: &Figure, level: Level) -> Option<Interval> {
    let both = choice::capped(cells.map(|cells| choice::losses(objective, cells)).to_vec());
    let paired = paired_of(&both[0], &both[1], level)?;
    let scale = if paired.b.mean == 0.0 { 1.0 } else { paired.b.mean.abs() };
    let share = |value: f64| value / scale;
    let difference = paired.difference;
    Some(Interval {
        mean: share(difference.mean),
        lo: difference.lo.map(share),
        hi: difference.hi.map(share),
        ..difference
    })
}

/// A gain that is shown to be one comes before any that is not; among alike ones the larger mean comes first.
fn rank(gain: &Interval) -> (bool, f64) {
    (gain.lo.is_some_and(|lo| lo > 0.0), gain.mean)
}

/// Whether a key may be moved in this scenario. Another mode makes another revision of one that has a single mode, and
/// that would be another question.
fn applies(scenario: &serde_json::Value, key: &str) -> bool {
    key != MODE || scenario.get("gateway_version").is_some_and(|version| version != GatewayVersion::V0_1_133.name())
}

/// Whether the scenario has this value of the axis as it stands.
fn is_own(scenario: &serde_json::Value, axis: &Axis, value: &str) -> bool {
    axis.points.iter().find(|point| point.text == value).is_some_and(|point| current::is_own(scenario, axis, point))
}

/// Screens the well-known keys; what matters comes first, by its gain.
///
/// # Errors
/// When a value makes no valid scenario, or a trace cannot be read.
pub fn screen(
    bases: &[Base],
    objective: &Figure,
    level: Level,
    threads: &rayon::ThreadPool,
    progress: &dyn Progress,
) -> Result<Vec<Screened>, TuneError> {
    let whole: Vec<Variant> = bases.iter().map(|base| base.variant("", &[])).collect::<Result<_, _>>()?;
    let effective: Vec<_> = whole.iter().map(identity::scenario).collect();
    let cells = |variant: &Variant, seed: u64| -> Result<Vec<Cell>, TuneError> {
        let jobs: Vec<Job<'_>> =
            (0..REPLICATIONS).map(|replication| Job { lowered: &variant.lowered, seed, replication }).collect();
        Ok(run_all(&jobs, threads, progress)?)
    };
    let seed = |at: usize| whole[at].lowered.seed;
    let standing: Vec<Vec<Cell>> =
        whole.iter().enumerate().map(|(at, variant)| cells(variant, seed(at))).collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for &(key, tried, _) in KNOBS {
        let axis = Axis::parse(&format!("{key}={}", tried.join(","))).ok();
        let may_try = |at: usize, value: &str| {
            let is_own = axis.as_ref().is_some_and(|axis| is_own(&effective[at], axis, value));
            applies(&effective[at], key) && !is_own
        };
        let shared = level.shared_by(tried.len() * bases.len());
        let (mut differing, mut runs) = (0, 0);
        let mut best: Option<(Interval, &str)> = None;
        for &value in tried {
            for (at, base) in bases.iter().enumerate().filter(|&(at, _)| may_try(at, value)) {
                let variant = base.variant_of("--vary", value, &[format!("{key}={value}")])?;
                let found = cells(&variant, seed(at))?;
                runs += found.len();
                differing += found.iter().zip(&standing[at]).filter(|(a, b)| a.decisions != b.decisions).count();
                let Some(gain) = gain([&found, &standing[at]], objective, shared) else { continue };
                if best.as_ref().is_none_or(|(than, _)| rank(&gain) > rank(than)) {
                    best = Some((gain, value));
                }
            }
        }
        let own = effective.first().and_then(|scenario| current::text(scenario, key)).unwrap_or_default();
        all.push(Screened {
            key: key.to_owned(),
            own,
            value: best.map_or_else(String::new, |(_, value)| value.to_owned()),
            gain: best.map(|(gain, _)| gain),
            differing,
            runs,
            matters: best.is_some_and(|(gain, _)| gain.lo.is_some_and(|lo| lo > 0.0)),
            searched: false,
        });
    }
    all.retain(|row| row.runs > 0);
    let gain = |row: &Screened| row.gain.map_or(f64::NEG_INFINITY, |gain| gain.mean);
    all.sort_by(|x, y| y.matters.cmp(&x.matters).then(gain(y).total_cmp(&gain(x))));
    let matter = all.iter().filter(|row| row.matters).count();
    // where none matters the most promising one is searched: that says how much is ruled out
    all.iter_mut().take(matter.clamp(1, TOGETHER)).for_each(|row| row.searched = true);
    Ok(all)
}

/// What to vary for the keys that are to be searched.
pub fn specs(screened: &[Screened]) -> Vec<String> {
    let values = |key: &str| KNOBS.iter().find(|(known, ..)| *known == key).map(|(_, _, values)| values.join(","));
    screened
        .iter()
        .filter(|row| row.searched)
        .filter_map(|row| Some(format!("{}={}", row.key, values(&row.key)?)))
        .collect()
}

/// How many runs a screening takes at most.
pub fn runs(scenarios: usize) -> usize {
    let values: usize = KNOBS.iter().map(|(_, tried, _)| tried.len()).sum();
    (values + 1) * scenarios * REPLICATIONS as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_one_of_a_scenario_and_its_values_make_axes() {
        let scenario = serde_json::to_value(crate::scenario::Scenario::default()).unwrap();
        for (key, tried, searched) in KNOBS {
            assert!(current::lookup(&scenario, key).is_some(), "{key}");
            for values in [tried, searched] {
                Axis::parse(&format!("{key}={}", values.join(","))).unwrap();
            }
        }
    }

    #[test]
    fn the_mode_is_moved_only_where_the_gateway_has_several() {
        let of = |version: &str| serde_json::json!({ "gateway_version": version, "mode": "advanced" });
        assert!(applies(&of("0.1.179"), "mode") && !applies(&of("0.1.133"), "mode"));
        assert!(applies(&of("0.1.133"), "lb_top_k"));
    }
}
