//! Which decision to take, environment by environment, for the worst case and for a weighted mean.
//!
//! Keys of the environment (`--over`: how slow the slow account is) are not decided by anybody; keys of the decision
//! (`--vary`) are. A decision's regret in an environment is its distance to the best decision there, as a share of
//! that. Where a key has its best in different places of different environments, a single line through the best point
//! of the whole grid shows nothing; the matrix of regrets does (Savage 1951).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::cell::{Cell, Figure};
use super::super::choice::{self, Bill, Candidates, Choice, Field, Over};
use super::super::current;
use super::super::grid::indices;
use super::super::stats::Level;
use super::super::stats::best::Place;
use super::Swept;
use crate::measure::figures::no_token;

/// What is to be decided, and how that turns out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Decision {
    /// Each environment, `conditions.slow.effect.ttft_factor=4`; empty, where there is one alone.
    pub environments: Vec<String>,
    /// Each decision, `sticky_escape_ttft_ms=8000`; the last may be `escape off`.
    pub decisions: Vec<String>,
    /// For each decision its regret in each environment, a share of the best there; `None`, too, where the figure falls
    /// among requests without a first token.
    pub regrets: Vec<Vec<Option<f64>>>,
    /// Where it does so, in some replication.
    #[serde(default)]
    pub no_token: Vec<Vec<bool>>,
    /// The decision to take in each environment: the cheapest of those that are as good as the best.
    pub best: Vec<Option<usize>>,
    /// The one to take for the worst case, where its regret counts where it is largest.
    pub worst_case: Option<usize>,
    /// The one to take for the mean over the environments.
    pub mean: Option<usize>,
    /// The weights of that mean, one an environment.
    pub weights: Vec<f64>,
    /// Where each decision stands for the worst case.
    pub places: Vec<Place>,
}

impl Decision {
    /// The regret of a decision in an environment; a worst-rank score (`measure::figures::no_token`) where its figure
    /// falls among requests without a first token.
    pub fn regret(&self, decision: usize, environment: usize) -> Option<f64> {
        let at = |rows: &[Vec<bool>]| rows.get(decision).and_then(|row| row.get(environment)).copied();
        if at(&self.no_token) == Some(true) {
            return Some(no_token::score(0.0));
        }
        self.regrets.get(decision)?.get(environment).copied().flatten()
    }

    fn known(&self, decision: usize) -> impl Iterator<Item = (f64, f64)> {
        let all = self.weights.iter().enumerate();
        all.filter_map(move |(environment, &weight)| Some((self.regret(decision, environment)?, weight)))
    }

    /// Its largest regret over the environments.
    pub fn worst(&self, decision: usize) -> Option<f64> {
        self.known(decision).map(|(regret, _)| regret).reduce(f64::max)
    }

    /// Its weighted mean regret.
    pub fn mean_of(&self, decision: usize) -> Option<f64> {
        let whole: f64 = self.known(decision).map(|(_, weight)| weight).sum();
        (whole > 0.0).then(|| self.known(decision).map(|(regret, weight)| regret * weight).sum::<f64>() / whole)
    }
}

/// Of each of `all` decisions something of its mean in each environment.
fn each<T>(means: &[Vec<Option<f64>>], all: usize, of: &dyn Fn(Option<f64>) -> T) -> Vec<Vec<T>> {
    (0..all).map(|decision| means.iter().map(|field| of(field[decision])).collect()).collect()
}

impl Swept {
    /// The decision by this figure; weights are equal where there are none. `None`: no cell has the figure.
    pub fn decision(&self, figure: &Figure, level: Level, weights: &[f64]) -> Option<Decision> {
        let layout = &self.layout;
        let size = |axes: &[super::super::vary::Axis]| axes.iter().map(|axis| axis.points.len()).product::<usize>();
        let (environments, decisions) = (size(layout.environment()), size(layout.decision()));
        // a reference with escape off in each environment is a decision, too
        let off = layout.places().len() == layout.grid().size() + environments;
        let all = decisions + usize::from(off);
        let point = |environment: usize, decision: usize| {
            if decision < decisions { environment * decisions + decision } else { layout.grid().size() + environment }
        };
        let as_first: Vec<&[Cell]> = (0..environments).map(|e| self.of_point(point(e, 0))).collect();
        let bill = Bill::of(as_first.iter().copied());
        let of_bill = Figure::of_run(bill.path());
        let field = |environment: usize| {
            let cells = |decision: usize| self.of_point(point(environment, decision));
            let losses: Vec<Vec<Option<f64>>> = (0..all).map(|d| choice::losses(figure, cells(d))).collect();
            let bills: Vec<Vec<Option<f64>>> =
                (0..all).map(|d| of_bill.as_ref().map_or_else(Vec::new, |bill| bill.column(cells(d)))).collect();
            Field::new(losses, bills, None)
        };
        let fields: Vec<Field> = (0..environments).map(field).collect();
        let moves: Vec<f64> = (0..all).map(|decision| self.moved(decision, decisions)).collect();
        let at = self.along(all);
        let choose = |fields: &[Field], over: &Over| -> Option<Choice> {
            let regrets = choice::regrets(fields, &at, over, &|_| true)?;
            let bills = choice::bills(fields, bill);
            Candidates { regrets: &regrets.columns, bills: &bills, bill, moves: &moves }
                .choose(choice::question(choice::SMALLEST, level), &|_| true)
        };
        let means = choice::regrets(&fields, &at, &Over::Worst, &|_| true)?.means;
        let weights: Vec<f64> = if weights.len() == environments { weights.to_vec() } else { vec![1.0; environments] };
        let worst = choose(&fields, &Over::Worst);
        let name = |sets: Vec<String>| sets.join(" ");
        let first = layout.environment().len();
        let set = |place: &super::Place, range: std::ops::Range<usize>| {
            let axes = layout.grid().axes().iter().enumerate().filter(|(at, _)| range.contains(at));
            axes.map(|(at, axis)| format!("{}={}", axis.key, layout.label(place, at))).collect::<Vec<_>>()
        };
        let places = layout.places();
        Some(Decision {
            environments: match environments {
                1 => vec![String::new()],
                _ => (0..environments).map(|e| name(set(&places[point(e, 0)], 0..first))).collect(),
            },
            decisions: (0..all)
                .map(
                    |d| if d < decisions { name(set(&places[point(0, d)], first..usize::MAX)) } else { OFF.to_owned() },
                )
                .collect(),
            regrets: each(&means, all, &|regret| regret.and_then(no_token::shown).map(|regret| regret.max(0.0))),
            no_token: each(&means, all, &|regret| regret.is_some_and(no_token::is_score)),
            best: fields.iter().map(|field| Some(choose(std::slice::from_ref(field), &Over::Worst)?.chosen)).collect(),
            mean: choose(&fields, &Over::Mean(weights.clone())).map(|choice| choice.chosen),
            places: worst.as_ref().map_or_else(Vec::new, |c| c.standings.iter().map(|s| s.place).collect()),
            worst_case: worst.map(|choice| choice.chosen),
            weights,
        })
    }

    /// How far a decision is from what there is.
    fn moved(&self, decision: usize, decisions: usize) -> f64 {
        if decision >= decisions {
            return 1.5;
        }
        let axes = self.layout.decision();
        let shape: Vec<usize> = axes.iter().map(|axis| axis.points.len()).collect();
        let chosen = axes.iter().zip(indices(&shape, decision)).map(|(axis, at)| (axis, &axis.points[at]));
        current::moves(&self.scenario, chosen)
    }

    /// Where decisions lie along the key, where one alone is decided on, over numbers.
    pub(super) fn along(&self, all: usize) -> Vec<Option<f64>> {
        let mut places = vec![None; all];
        let [axis] = self.layout.decision() else { return places };
        let numbers: Option<Vec<f64>> = axis.points.iter().map(|point| point.number).collect();
        let numbers = numbers.unwrap_or_default();
        let log = numbers.iter().all(|&number| number > 0.0);
        for (at, &number) in numbers.iter().enumerate() {
            places[at] = Some(if log { libm::log(number) } else { number });
        }
        places
    }
}

/// The name of the decision to switch escape off.
pub const OFF: &str = "escape off";
