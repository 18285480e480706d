//! Verdicts on differences, and what sixty of them together are worth.
//!
//! A table of sixty figures has three with a 95 % interval clear of zero though nothing differs. So every verdict is
//! checked for whether it would stand among all others: Holm's step-down procedure (1979) keeps the probability of even
//! one false "better" or "worse" in the whole table below 5 %, whatever the dependence between figures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::Level;
use super::paired::Paired;

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Latency, errors, cost.
    LowerIsBetter,
    /// Hit ratios, goodput.
    HigherIsBetter,
    /// A count that is neither good nor bad by itself, such as the number of escapes.
    Neither,
}

impl Direction {
    /// The value as a loss: the smaller, the better. A figure that is neither good nor bad is treated as one to keep
    /// low.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Self::LowerIsBetter | Self::Neither => value,
            Self::HigherIsBetter => -value,
        }
    }
}

/// What the evidence says of B compared with A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same in every replication, bit for bit.
    Identical,
    /// The interval of the difference is clear of zero on the good side.
    Better,
    /// The interval of the difference is clear of zero on the bad side.
    Worse,
    /// The interval is clear of zero upwards, for a figure that is neither good nor bad.
    Higher,
    /// The interval is clear of zero downwards, for a figure that is neither good nor bad.
    Lower,
    /// The interval of the difference holds zero. Not "no difference": the interval says how large one may be.
    NoDifferenceShown,
    /// The difference has no interval (because there is one replication, or few differ at all), or no replication has
    /// the figure on both sides. Nothing can be concluded.
    NotDecidable,
}

impl Verdict {
    /// The verdict on a figure; `None` for `paired` is a figure that no replication has under both.
    pub fn of(paired: Option<&Paired>, direction: Direction) -> Self {
        let Some(paired) = paired else { return Self::NotDecidable };
        if paired.identical {
            return Self::Identical;
        }
        let (Some(lo), Some(hi)) = (paired.difference.lo, paired.difference.hi) else { return Self::NotDecidable };
        match (direction, lo > 0.0, hi < 0.0) {
            (_, false, false) => Self::NoDifferenceShown,
            (Direction::LowerIsBetter, up, _) => [Self::Better, Self::Worse][usize::from(up)],
            (Direction::HigherIsBetter, up, _) => [Self::Worse, Self::Better][usize::from(up)],
            (Direction::Neither, up, _) => [Self::Lower, Self::Higher][usize::from(up)],
        }
    }

    /// The verdict as a table says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::NoDifferenceShown => "no difference shown",
            Self::NotDecidable => "not decidable",
        }
    }

    /// Whether a difference is claimed.
    pub const fn claims(self) -> bool {
        matches!(self, Self::Better | Self::Worse | Self::Higher | Self::Lower)
    }
}

/// Holm's adjusted p-values, in the order given: the smallest significance at which each would be called a difference
/// among all of them. Figures without a p-value, and identical ones (they ask no question), should be left out.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]).then(i.cmp(&j)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut floor: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        floor = floor.max((p_values.len() - rank) as f64 * p_values[i]).min(1.0);
        adjusted[i] = floor;
    }
    adjusted
}

/// For each figure of a table, whether its difference stands among all of them (Holm). Identical figures and those
/// without a p-value ask no question, count for nothing and get no answer.
pub fn stands_in_company(figures: &[Option<Paired>], level: Level) -> Vec<Option<bool>> {
    let p_of = |figure: &Option<Paired>| figure.as_ref().filter(|paired| !paired.identical).and_then(|paired| paired.p);
    let mut adjusted = holm(&figures.iter().filter_map(p_of).collect::<Vec<_>>()).into_iter();
    figures.iter().map(|f| p_of(f).and_then(|_| adjusted.next()).map(|p| p < level.error())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;
    use crate::experiment::stats::paired;

    const L95: Level = Level::PERCENT_95;

    fn verdict(a: &[f64], b: &[f64], direction: Direction) -> Verdict {
        Verdict::of(paired(a, b, L95).as_ref(), direction)
    }

    #[test]
    fn the_side_of_the_interval_and_the_direction_of_the_figure_make_the_verdict() {
        let (a, up, down, mixed) = ([5.0, 6.0, 7.0], [6.0, 7.1, 8.2], [4.0, 4.9, 5.8], [4.0, 7.0, 7.1]);
        for (b, lower, higher, neither) in [
            (up, Verdict::Worse, Verdict::Better, Verdict::Higher),
            (down, Verdict::Better, Verdict::Worse, Verdict::Lower),
            (mixed, Verdict::NoDifferenceShown, Verdict::NoDifferenceShown, Verdict::NoDifferenceShown),
            (a, Verdict::Identical, Verdict::Identical, Verdict::Identical),
        ] {
            assert_eq!(verdict(&a, &b, Direction::LowerIsBetter), lower);
            assert_eq!(verdict(&a, &b, Direction::HigherIsBetter), higher);
            assert_eq!(verdict(&a, &b, Direction::Neither), neither);
        }
    }

    #[test]
    fn one_replication_decides_nothing_unless_it_is_identical() {
        assert_eq!(verdict(&[5.0], &[6.0], Direction::LowerIsBetter), Verdict::NotDecidable);
        assert_eq!(verdict(&[5.0], &[5.0], Direction::LowerIsBetter), Verdict::Identical);
        assert_eq!(Verdict::of(None, Direction::LowerIsBetter), Verdict::NotDecidable);
    }

    #[test]
    fn holm_by_hand() {
        // sorted .01 .013 .03 .04: times 4, 3, 2, 1 = .04 .039 .06 .04, made monotone: .04 .04 .06 .06
        let got = holm(&[0.03, 0.01, 0.04, 0.013]);
        for (got, want) in got.iter().zip([0.06, 0.04, 0.06, 0.04]) {
            assert!((got - want).abs() < 1e-15);
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn among_sixty_figures_without_a_difference_some_look_better_and_few_tables_keep_one() {
        let tables = 500;
        let (mut naive, mut kept) = (0, 0);
        for table in 0..tables {
            let figures: Vec<Option<Paired>> = (0..60)
                .map(|figure| {
                    let mut stream = Luck::new(3).stream(4, table, figure);
                    let mut draws = || (0..10).map(|_| normal_quantile(stream.open01())).collect::<Vec<_>>();
                    paired(&draws(), &draws(), L95)
                })
                .collect();
            naive += figures.iter().filter(|f| Verdict::of(f.as_ref(), Direction::LowerIsBetter).claims()).count();
            kept += usize::from(stands_in_company(&figures, L95).contains(&Some(true)));
        }
        let per_table = naive as f64 / tables as f64;
        assert!((2.7..3.3).contains(&per_table), "about 3 of 60 by chance alone: {per_table}");
        // at most 5 % of tables; the standard error of the share is 0.0097
        assert!((kept as f64) < 0.08 * tables as f64, "{kept} of {tables}");
    }

    #[test]
    fn identical_figures_do_not_dilute_the_others() {
        let real = paired(&[1.0, 2.0, 3.0, 4.0], &[2.0, 3.1, 4.0, 5.1], L95);
        let same = paired(&[1.0, 2.0], &[1.0, 2.0], L95);
        let mut figures = vec![same; 200];
        figures.push(real);
        figures.push(None);
        let stands = stands_in_company(&figures, L95);
        assert!(stands[200] == Some(true) && stands.iter().flatten().count() == 1);
    }
}
