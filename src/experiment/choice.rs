//! Chooses which value to take. Sweep and tune both decide by this code, so that they give the same answer for the same
//! data.
//!
//! In every scenario (or environment), the *regret* of an arm is its distance to the best arm there, as a share of the
//! scenario's current figure. Over several scenarios, the worst regret counts (Savage 1951), or their weighted mean.
//! `stats::best` decides which arms are as good as the best. Among these the *cheapest* is taken: by the price of all
//! tokens if there are prices, and otherwise by the share of cold turns. Among equally cheap arms, the one nearest to
//! the current values is taken. An arm is dearer than another only if that is shown on the replications of both: a
//! difference of bills that luck alone can make is none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, Figure};
use super::stats::best::{Place, Question, Standing};
use super::stats::smooth::smoothed;
use super::stats::{Level, mean_interval_of};
use crate::measure::figures::no_token::{is_score, score, share_of};

/// What the arms did in one scenario or environment.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// For each arm its loss in each replication (the smaller, the better), [`capped`].
    losses: Vec<Vec<Option<f64>>>,
    /// For each arm whether the figure falls among requests without a first token in some replication.
    lost: Vec<bool>,
    /// For each arm its bill in each replication.
    bills: Vec<Vec<Option<f64>>>,
    /// What the scenario has as it stands, in the unit of losses: regrets are shares of its size.
    as_it_stands: Option<f64>,
    /// What its bill is as it stands.
    bill: Option<f64>,
}

impl Field {
    /// Of losses (the smaller, the better) and bills, for each arm in each replication. Regrets are shares of the mean
    /// loss of arm `standing`; `None`: of the least that an arm has.
    pub fn new(losses: Vec<Vec<Option<f64>>>, bills: Vec<Vec<Option<f64>>>, standing: Option<usize>) -> Self {
        let lost = losses.iter().map(|column| column.iter().flatten().any(|&loss| is_score(loss))).collect();
        let losses = capped(losses);
        let means = || losses.iter().filter_map(|column| mean(column));
        let as_it_stands = match standing {
            Some(arm) => losses.get(arm).and_then(|column| mean(column)),
            None => means().min_by(f64::total_cmp),
        };
        let bill = bills.get(standing.unwrap_or(0)).and_then(|column| mean(column));
        Self { losses, lost, bills, as_it_stands, bill }
    }
}

/// How regrets of several fields become one.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Over {
    /// The largest counts.
    #[default]
    Worst,
    /// Their mean with these weights, one a field.
    Mean(Vec<f64>),
}

/// Losses of all arms in all fields as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Regrets {
    /// For each arm its regret in each replication; differences of two arms mean something, and means do.
    pub columns: Vec<Vec<Option<f64>>>,
    /// For each field each arm's mean regret there; a worst-rank score (`measure::figures::no_token`), where the figure
    /// falls among requests without a first token in some replication.
    pub means: Vec<Vec<Option<f64>>>,
    /// What neighbours taught each other: see `stats::smooth`; the least of the fields.
    pub gain: Option<f64>,
}

/// What is to be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The arm with the least loss.
    pub best: usize,
    /// The cheapest of those that are as good, then the nearest to what there is.
    pub chosen: usize,
    /// Where each arm stands.
    pub standings: Vec<Standing>,
    /// For each arm its bill less that of the chosen one, as a share of the bill as it stands (of prices) or as it is
    /// (shares of cold turns).
    pub dearer_by: Vec<Option<f64>>,
    /// For each arm whether it is shown to be dearer than the chosen one, by more than the bill's tolerance.
    pub dearer: Vec<bool>,
}

/// The bill that decides among values that are as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bill {
    /// The price of all tokens.
    Price,
    /// The share of cold turns: there are no prices.
    ColdTurns,
}

impl Bill {
    /// The price where every one of these scenarios has one.
    pub fn of<'a>(as_it_stands: impl IntoIterator<Item = &'a [Cell]>) -> Self {
        let price = Figure::of_run(Self::Price.path());
        let has = |cells: &[Cell]| {
            price.as_ref().is_some_and(|price| cells.iter().any(|cell| price.of(cell).is_some_and(|p| p > 0.0)))
        };
        if as_it_stands.into_iter().all(has) { Self::Price } else { Self::ColdTurns }
    }

    /// The figure's path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Price => "cost.price",
            Self::ColdTurns => "cost.cold_turn_ratio",
        }
    }

    /// Bills that differ by less are the same.
    pub const fn tolerance(self) -> f64 {
        match self {
            Self::Price => 0.005,
            Self::ColdTurns => 0.001,
        }
    }
}

/// Losses where no first token, and so no time, ranks as worst: at least twice the largest loss of all that there are,
/// and the more, the more of the requests had none.
pub fn capped(mut losses: Vec<Vec<Option<f64>>>) -> Vec<Vec<Option<f64>>> {
    let times = losses.iter().flatten().flatten().copied().filter(|&loss| !is_score(loss));
    let largest = times.map(f64::abs).fold(0.0, f64::max);
    let worst = if largest > 0.0 { 2.0 * largest } else { 1.0 };
    for loss in losses.iter_mut().flatten().flatten().filter(|loss| is_score(**loss)) {
        *loss = worst * (1.0 + share_of(loss.abs()).clamp(0.0, 1.0)) * loss.signum();
    }
    losses
}

/// The losses of some cells by this figure.
pub fn losses<'a>(figure: &Figure, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Option<f64>> {
    let direction = figure.direction();
    cells.into_iter().map(|cell| figure.of(cell).map(|value| direction.loss(value))).collect()
}

/// The mean over the replications that have the figure.
pub fn mean(column: &[Option<f64>]) -> Option<f64> {
    mean_interval_of(column, Level::PERCENT_95).map(|mean| mean.mean)
}

/// The number of a field and for each arm its regret there in each replication.
type FieldRegrets = (usize, Vec<Vec<Option<f64>>>);

/// The regret of an arm over all fields: that of the field where its mean is worst, or the weighted mean in each
/// replication.
fn of_arm(known: &[FieldRegrets], over: &Over, arm: usize) -> Vec<Option<f64>> {
    match over {
        Over::Worst => {
            let of = |column: &[Option<f64>]| mean(column).unwrap_or(f64::INFINITY);
            let columns = known.iter().map(|(_, columns)| &columns[arm]);
            columns.max_by(|x, y| of(x).total_cmp(&of(y))).cloned().unwrap_or_default()
        }
        Over::Mean(weights) => {
            let n = known.iter().map(|(_, columns)| columns[arm].len()).min().unwrap_or(0);
            let whole: f64 = known.iter().filter_map(|(number, _)| weights.get(*number)).sum();
            let value = |i: usize| {
                let weight = |number: usize| weights.get(number).copied().unwrap_or(0.0);
                let parts = known.iter().map(|(number, columns)| Some(weight(*number) * columns[arm][i]?));
                parts.sum::<Option<f64>>().map(|sum| sum / whole)
            };
            (0..n).map(value).collect()
        }
    }
}

/// The regrets of the arms over these fields. `at` are the places of arms along a numeric key, where one alone is
/// varied. The best of a field is taken from the arms that `may_be_best`. `None` where no field has losses.
pub fn regrets(
    fields: &[Field],
    at: &[Option<f64>],
    over: &Over,
    may_be_best: &dyn Fn(usize) -> bool,
) -> Option<Regrets> {
    let mut gain: Option<f64> = None;
    let mut known: Vec<FieldRegrets> = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        let smooth = smoothed(&field.losses, at);
        let fullest = smooth.columns.iter().map(Vec::len).max().unwrap_or(0);
        let least = |wanted: &dyn Fn(usize) -> bool| {
            let columns = smooth.columns.iter().enumerate().filter(|(arm, c)| c.len() == fullest && wanted(*arm));
            columns.filter_map(|(_, column)| Some((mean(column)?, column))).min_by(|x, y| x.0.total_cmp(&y.0))
        };
        let Some((_, best)) = least(may_be_best).or_else(|| least(&|_| true)) else { continue };
        gain = match (gain, smooth.gain) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        let scale = field.as_it_stands.map_or(0.0, f64::abs);
        let scale = if scale > 0.0 && scale.is_finite() { scale } else { 1.0 };
        let regret = |column: &Vec<Option<f64>>| {
            column.iter().zip(best).map(|(own, best)| Some(((*own)? - (*best)?) / scale)).collect()
        };
        known.push((number, smooth.columns.iter().map(regret).collect()));
    }
    if known.is_empty() {
        return None;
    }
    let arms = known.first().map_or(0, |(_, columns)| columns.len());
    let of_field = |number: usize| -> Vec<Option<f64>> {
        match known.iter().find(|(known, _)| *known == number) {
            // a mean of times and of none is no time
            Some((_, columns)) => columns
                .iter()
                .zip(&fields[number].lost)
                .map(|(column, &lost)| mean(column).map(|mean| if lost { score(0.0) } else { mean }))
                .collect(),
            None => vec![None; arms],
        }
    };
    Some(Regrets {
        columns: (0..arms).map(|arm| of_arm(&known, over, arm)).collect(),
        means: (0..fields.len()).map(of_field).collect(),
        gain,
    })
}

/// The bills of all arms over some fields: shares of the bill as it stands for prices, as they are for cold turns.
pub fn bills(fields: &[Field], bill: Bill) -> Vec<Vec<Option<f64>>> {
    let scale = |field: &Field| match bill {
        Bill::Price => field.bill.filter(|&bill| bill > 0.0).unwrap_or(1.0),
        Bill::ColdTurns => 1.0,
    };
    let arms = fields.iter().map(|field| field.bills.len()).max().unwrap_or(0);
    let of_arm = |arm: usize| {
        let columns: Vec<(&[Option<f64>], f64)> =
            fields.iter().filter_map(|field| Some((field.bills.get(arm)?.as_slice(), scale(field)))).collect();
        let n = columns.iter().map(|(column, _)| column.len()).min().unwrap_or(0);
        let value = |i: usize| {
            let parts = columns.iter().map(|(column, scale)| Some(column[i]? / scale));
            parts.sum::<Option<f64>>().map(|sum| sum / columns.len() as f64)
        };
        (0..n).map(value).collect()
    };
    (0..arms).map(of_arm).collect()
}

/// The smallest difference that matters, as a share of what there is, where nobody said.
pub const SMALLEST: f64 = 0.05;

/// What is asked of the arms: as good as the best is what is less than half of the smallest difference away. One that
/// is cheaper may not lose all of what matters.
pub const fn question(smallest: f64, level: Level) -> Question {
    Question { smallest: 0.5 * smallest, level }
}

/// What is to be chosen among.
pub struct Candidates<'a> {
    /// Their regrets.
    pub regrets: &'a [Vec<Option<f64>>],
    /// Their bills, as [`bills`] makes them.
    pub bills: &'a [Vec<Option<f64>>],
    /// Which bill that is.
    pub bill: Bill,
    /// How far each is from what there is; 0: it is what there is.
    pub moves: &'a [f64],
}

impl Candidates<'_> {
    /// Chooses among the arms that `may_win`; `None` where none of those has a regret.
    pub fn choose(&self, question: Question, may_win: &dyn Fn(usize) -> bool) -> Option<Choice> {
        let found = question.ask(self.regrets, may_win)?;
        let good = |arm: &usize| matches!(found.arms[*arm].place, Place::Best | Place::AsGood);
        let all: Vec<usize> = (0..found.arms.len()).filter(good).collect();
        let excess = |arm: usize| found.arms[arm].excess.map_or(0.0, |excess| excess.mean);
        let chosen = *self.preferred(&all, &excess, question.level).first()?;
        let dearer_by = (0..found.arms.len()).map(|arm| self.dearer(arm, chosen)).collect();
        let dearer = (0..found.arms.len()).map(|arm| self.is_dearer(arm, chosen, question.level)).collect();
        Some(Choice { best: found.best, chosen, standings: found.arms, dearer_by, dearer })
    }

    /// These arms in the order in which they are to be taken, if all are as good: those first that are not shown to be
    /// dearer than the cheapest, the nearest to what there is first among them; then the others by their bills.
    /// `excess` decides between equals.
    pub fn preferred(&self, arms: &[usize], excess: &dyn Fn(usize) -> f64, level: Level) -> Vec<usize> {
        let Some(&first) = arms.first() else { return Vec::new() };
        let bill = |arm: usize| self.dearer(arm, first).unwrap_or(0.0);
        let moved = |arm: usize| self.moves.get(arm).copied().unwrap_or(f64::INFINITY);
        let mut by_bill = arms.to_vec();
        by_bill.sort_by(|&a, &b| bill(a).total_cmp(&bill(b)).then(a.cmp(&b)));
        let cheapest = by_bill[0];
        let (dearer, mut cheap): (Vec<usize>, Vec<usize>) =
            by_bill.into_iter().partition(|&arm| self.is_dearer(arm, cheapest, level));
        cheap.sort_by(|&a, &b| moved(a).total_cmp(&moved(b)).then(excess(a).total_cmp(&excess(b))).then(a.cmp(&b)));
        cheap.extend(dearer);
        cheap
    }

    /// By how much an arm is dearer than another, for each replication that both have: bills share nearly all their
    /// luck.
    fn differences(&self, arm: usize, than: usize) -> Vec<Option<f64>> {
        let (Some(own), Some(other)) = (self.bills.get(arm), self.bills.get(than)) else { return Vec::new() };
        own.iter().zip(other).map(|(own, other)| Some((*own)? - (*other)?)).collect()
    }

    fn dearer(&self, arm: usize, than: usize) -> Option<f64> {
        mean(&self.differences(arm, than))
    }

    /// Whether an arm is shown to be dearer than another, and by more than what is the same.
    fn is_dearer(&self, arm: usize, than: usize, level: Level) -> bool {
        arm != than
            && mean_interval_of(&self.differences(arm, than), level)
                .is_some_and(|found| found.mean > self.bill.tolerance() && found.lo.is_some_and(|lo| lo > 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(mean: f64) -> Vec<Option<f64>> {
        (0..12).map(|i| Some(mean + 0.001 * f64::from(i % 3))).collect()
    }

    fn choice(regrets: &[f64], bills: &[f64], moves: &[f64]) -> Choice {
        // a little luck of each arm's own
        let regrets: Vec<_> = regrets
            .iter()
            .enumerate()
            .map(|(arm, &mean)| {
                (0..12).map(|i| Some(mean + 0.002 * f64::from(u8::from(i % 5 == arm % 5)))).collect::<Vec<_>>()
            })
            .collect();
        let bills: Vec<_> = bills.iter().map(|&mean| column(mean)).collect();
        let question = Question { smallest: 0.05, level: Level::PERCENT_95 };
        Candidates { regrets: &regrets, bills: &bills, bill: Bill::Price, moves }.choose(question, &|_| true).unwrap()
    }

    #[test]
    fn of_those_that_are_as_good_the_cheapest_is_taken() {
        let got = choice(&[0.0, 0.0001, 0.4], &[1.24, 1.0, 0.5], &[1.0, 2.0, 0.0]);
        assert_eq!((got.best, got.chosen), (0, 1));
        assert!((got.dearer_by[0].unwrap() - 0.24).abs() < 1e-9);
    }

    #[test]
    fn of_those_that_are_as_cheap_the_nearest_to_what_there_is() {
        assert_eq!(choice(&[0.0, 0.0001, 0.0001], &[1.0, 1.004, 1.001], &[3.0, 1.0, 2.0]).chosen, 1);
        assert_eq!(choice(&[0.0, 0.0001, 0.0001], &[1.0, 1.010, 1.001], &[3.0, 1.0, 2.0]).chosen, 2);
    }

    #[test]
    fn a_bill_that_luck_alone_may_have_made_smaller_is_no_reason() {
        let luck = |arm: usize| (0..12).map(|i| Some(0.002 * f64::from(u8::from(i % 5 == arm)))).collect::<Vec<_>>();
        let regrets = [luck(0), luck(1)];
        // the mean difference is 1 % of the bill and its standard error 1.5 %
        let scattered =
            |sign: f64| (0..12).map(|i| Some(1.0 + 0.01 + sign * if i % 2 == 0 { 0.05 } else { -0.05 })).collect();
        let bills = vec![vec![Some(1.0); 12], scattered(1.0)];
        let question = Question { smallest: 0.05, level: Level::PERCENT_95 };
        let candidates = |moves| Candidates { regrets: &regrets, bills: &bills, bill: Bill::Price, moves };
        let got = candidates(&[3.0, 1.0]).choose(question, &|_| true).unwrap();
        assert_eq!((got.chosen, &got.dearer), (1, &vec![false; 2]));
        assert_eq!(candidates(&[1.0, 3.0]).choose(question, &|_| true).unwrap().chosen, 0);
    }

    #[test]
    fn arms_come_in_the_order_in_which_they_would_be_taken() {
        let bills: Vec<_> = [1.24, 1.0, 1.001, 1.1].map(column).into();
        let candidates = Candidates { regrets: &[], bills: &bills, bill: Bill::Price, moves: &[0.0, 2.0, 1.0, 0.5] };
        assert_eq!(candidates.preferred(&[0, 1, 2, 3], &|_| 0.0, Level::PERCENT_95), [2, 1, 3, 0]);
        assert_eq!(candidates.preferred(&[], &|_| 0.0, Level::PERCENT_95), [0; 0]);
    }

    #[test]
    fn no_first_token_ranks_as_worst_and_the_worse_the_more_were_lost() {
        let got = capped(vec![vec![Some(3.0), Some(score(0.0))], vec![Some(-8.0), Some(score(0.5)), None]]);
        assert_eq!(got, [vec![Some(3.0), Some(16.0)], vec![Some(-8.0), Some(24.0), None]]);
        assert_eq!(capped(vec![vec![Some(score(0.25))]]), [vec![Some(1.25)]]);
    }

    #[test]
    fn one_replication_without_a_token_does_not_make_all_others_alike() {
        let lost = |at: usize| (0..4).map(|i| Some(if i == at { score(0.1) } else { 10.0 })).collect::<Vec<_>>();
        let field = Field::new(vec![vec![Some(10.0); 4], vec![Some(15.0); 4], lost(2)], Vec::new(), Some(2));
        let found = regrets(&[field], &[None; 3], &Over::Worst, &|_| true).unwrap();
        let of = |arm: usize| mean(&found.columns[arm]).unwrap();
        assert!(of(0) == 0.0 && of(1) > 0.2 && of(2) > of(1), "{found:?}");
        assert!(found.means[0][1].unwrap() < 1.0 && is_score(found.means[0][2].unwrap()));
    }

    fn fields() -> Vec<Field> {
        let field = |means: [f64; 3], scale: f64| Field {
            as_it_stands: Some(scale),
            ..Field::new(means.map(|mean| vec![Some(mean); 4]).to_vec(), Vec::new(), None)
        };
        vec![field([10.0, 12.0, 11.0], 20.0), field([300.0, 200.0, 210.0], 100.0)]
    }

    #[test]
    fn regret_is_the_worst_over_fields_or_their_weighted_mean() {
        let means = |over: Over| {
            let found = regrets(&fields(), &[None; 3], &over, &|_| true).unwrap();
            found.columns.iter().map(|column| mean(column).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(means(Over::Worst), [1.0, 0.1, 0.1]);
        let weighted = means(Over::Mean(vec![3.0, 1.0]));
        assert!(weighted.iter().zip([0.25, 0.075, 0.0625]).all(|(a, b)| (a - b).abs() < 1e-12), "{weighted:?}");
    }

    #[test]
    fn a_field_without_the_figure_says_nothing() {
        let mut fields = fields();
        fields[1].losses = vec![vec![None; 4]; 3];
        let found = regrets(&fields, &[None; 3], &Over::Worst, &|_| true).unwrap();
        assert_eq!(found.columns[0], [Some(0.0); 4]);
        assert_eq!(found.means[1], [None; 3]);
        assert_eq!(regrets(&fields[1..], &[None; 3], &Over::Worst, &|_| true), None);
    }
}
