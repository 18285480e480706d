//! Neighbours inform each other: replications of the values of one numeric key, smoothed along the key.
//!
//! The effect of a threshold changes gradually, so neighbouring values carry information about it. Each replication is
//! smoothed by itself, by one and the same linear smoother: a natural cubic smoothing spline over the positions
//! (Reinsch 1967; Green and Silverman 1994, ch. 2), in which arms that scatter more weigh less. Since the smoother is
//! linear, means over replications are those of a smoothed curve, and since the replications stay independent of each
//! other, paired differences of smoothed values have honest t intervals whatever the luck that arms share. Only its
//! bias has to be watched. Hence how much is smoothed is the amount with the least estimated risk: squared bias (that
//! of the residuals less what their scatter explains) and variance, both read off the replications (Mallows 1973; Stein
//! 1981). A curve with a cliff is hardly smoothed. [`Smoothed::gain`] says how much was gained.

use super::interval::Moments;

/// Columns after smoothing, and the gain.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed {
    /// For each arm its value in each replication; those of arms that are on no curve are as they were.
    pub columns: Vec<Vec<Option<f64>>>,
    /// How many times the replications would be needed for raw means of the same risk, in the largest block; `None` if
    /// nothing was smoothed.
    pub gain: Option<f64>,
}

/// With fewer positions, nothing is smoothed.
const FEWEST: usize = 5;
/// With more positions, nothing is smoothed, because the time grows with the cube of their number.
const MOST: usize = 200;
/// With fewer replications, the risk cannot be estimated.
const REPLICATIONS: usize = 3;
/// A curve with a minimum has at least this many degrees of freedom.
const LEAST_FREEDOM: f64 = 3.0;

/// Smooths the arms that have a position, each replication along them. Arms may lack replications: every replication is
/// smoothed over those that it has.
pub fn smoothed(columns: &[Vec<Option<f64>>], at: &[Option<f64>]) -> Smoothed {
    let mut order: Positions = at.iter().enumerate().filter_map(|(arm, &at)| Some((arm, at?))).collect();
    order.retain(|&(arm, at)| at.is_finite() && columns.get(arm).is_some_and(|column| !column.is_empty()));
    order.sort_by(|x, y| x.1.total_cmp(&y.1).then(x.0.cmp(&y.0)));
    order.dedup_by(|x, y| x.1 == y.1);
    let mut out = Smoothed { columns: columns.to_vec(), gain: None };
    let replications = order.iter().map(|&(arm, _)| columns[arm].len()).max().unwrap_or(0);
    let value = |arm: usize, replication: usize| columns[arm].get(replication).copied().flatten();
    let here = |replication: usize| -> Positions {
        order.iter().copied().filter(|&(arm, _)| value(arm, replication).is_some_and(f64::is_finite)).collect()
    };
    let mut blocks: Vec<(Positions, Vec<usize>)> = Vec::new();
    for replication in 0..replications {
        let arms = here(replication);
        match blocks.iter_mut().find(|(known, _)| *known == arms) {
            Some((_, block)) => block.push(replication),
            None => blocks.push((arms, vec![replication])),
        }
    }
    let mut largest = 0;
    for (arms, block) in &blocks {
        if !(FEWEST..=MOST).contains(&arms.len()) {
            continue;
        }
        // all replications that have these arms are used to choose the amount, also those that have further arms
        let row = |replication: usize| -> Option<Vec<f64>> {
            arms.iter().map(|&(arm, _)| value(arm, replication).filter(|value| value.is_finite())).collect()
        };
        let rows: Vec<Vec<f64>> = (0..replications).filter_map(row).collect();
        let positions: Vec<f64> = arms.iter().map(|&(_, at)| at).collect();
        let Some((smoother, gain)) = least_risk(&positions, &rows) else { continue };
        if block.len() * arms.len() > largest {
            (largest, out.gain) = (block.len() * arms.len(), Some(gain));
        }
        for &replication in block {
            let Some(raw) = row(replication) else { continue };
            for (&(arm, _), weights) in arms.iter().zip(&smoother) {
                let smooth = weights.iter().zip(&raw).map(|(w, v)| w * v).sum();
                out.columns[arm][replication] = Some(smooth);
            }
        }
    }
    out
}

type Matrix = Vec<Vec<f64>>;
/// Arms with their places on the curve, ascending.
type Positions = Vec<(usize, f64)>;

/// The smoother with the least estimated risk, and how many times the risk without one that is less.
fn least_risk(positions: &[f64], rows: &[Vec<f64>]) -> Option<(Matrix, f64)> {
    let n = rows.len();
    if n < REPLICATIONS {
        return None;
    }
    let weights = weights(rows)?;
    let roughness = roughness(positions)?;
    let identity: Matrix = (0..positions.len()).map(|i| unit(positions.len(), i)).collect();
    let raw = risk(&identity, rows, &weights);
    let mut best = (raw, identity);
    // from next to nothing to a straight line; positions span 1, so roughness has a scale of its own
    for step in 0..28 {
        let amount = 1e-9 * libm::exp2(f64::from(step) * 1.25);
        let smoother = solve(&weights, &roughness, amount)?;
        if (0..positions.len()).map(|i| smoother[i][i]).sum::<f64>() < LEAST_FREEDOM {
            break;
        }
        let risk = risk(&smoother, rows, &weights);
        if risk < best.0 {
            best = (risk, smoother);
        }
    }
    (best.0 > 0.0 && best.0 < raw).then(|| (best.1, raw / best.0))
}

/// Arms that scatter more weigh less, their variances drawn towards the common one; the mean weight is 1.
fn weights(rows: &[Vec<f64>]) -> Option<Vec<f64>> {
    let (n, arms) = (rows.len(), rows.first()?.len());
    let own: Vec<f64> = (0..arms)
        .map(|arm| Moments::of(&rows.iter().map(|row| row[arm]).collect::<Vec<_>>())?.variance())
        .collect::<Option<_>>()?;
    let common = own.iter().sum::<f64>() / arms as f64;
    if common <= 0.0 {
        return None;
    }
    const PRIOR: f64 = 4.0;
    let free = (n - 1) as f64;
    let drawn = |own: f64| (free + PRIOR) / (free * own + PRIOR * common);
    let weights: Vec<f64> = own.iter().map(|&own| drawn(own)).collect();
    let mean = weights.iter().sum::<f64>() / arms as f64;
    Some(weights.iter().map(|w| w / mean).collect())
}

/// The estimated risk of smoothed means, luck that all arms share left out.
fn risk(smoother: &Matrix, rows: &[Vec<f64>], weights: &[f64]) -> f64 {
    let n = rows.len() as f64;
    let whole: f64 = weights.iter().sum();
    let centred = |mut values: Vec<f64>| {
        let mean = values.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / whole;
        values.iter_mut().for_each(|value| *value -= mean);
        values
    };
    let smooth: Vec<Vec<f64>> = rows.iter().map(|row| centred(product(smoother, row))).collect();
    let rest: Vec<Vec<f64>> = rows
        .iter()
        .zip(rows.iter().map(|row| product(smoother, row)))
        .map(|(row, smooth)| centred(row.iter().zip(smooth).map(|(raw, smooth)| smooth - raw).collect()))
        .collect();
    let moments = |of: &[Vec<f64>], arm: usize| {
        let values: Vec<f64> = of.iter().map(|row| row[arm]).collect();
        Moments::of(&values).map_or((0.0, 0.0), |m| (m.mean, m.variance().unwrap_or(0.0) / n))
    };
    let (mut variance, mut bias) = (0.0, 0.0);
    for (arm, weight) in weights.iter().enumerate() {
        let ((_, scatter), (rest, noise)) = (moments(&smooth, arm), moments(&rest, arm));
        variance += weight * scatter;
        bias += weight * (rest * rest - noise);
    }
    // less bias than none is luck
    variance + bias.max(0.0)
}

fn product(matrix: &Matrix, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
}

fn unit(size: usize, at: usize) -> Vec<f64> {
    (0..size).map(|i| f64::from(u8::from(i == at))).collect()
}

/// The matrix K of the integral of the squared second derivative of the natural cubic spline through values g at these
/// positions, brought to a span of 1: gᵀ K g (Green and Silverman 1994, section 2.1).
fn roughness(positions: &[f64]) -> Option<Matrix> {
    let k = positions.len();
    let span = positions.last()? - positions.first()?;
    let gaps: Vec<f64> = positions.windows(2).map(|pair| (pair[1] - pair[0]) / span).collect();
    if gaps.iter().any(|&gap| gap.is_nan() || gap <= 0.0) {
        return None;
    }
    let inner = k.checked_sub(2)?;
    let mut q = vec![vec![0.0; inner]; k];
    let mut r = vec![vec![0.0; inner]; inner];
    for j in 0..inner {
        q[j][j] = 1.0 / gaps[j];
        q[j + 1][j] = -1.0 / gaps[j] - 1.0 / gaps[j + 1];
        q[j + 2][j] = 1.0 / gaps[j + 1];
        r[j][j] = (gaps[j] + gaps[j + 1]) / 3.0;
        if j + 1 < inner {
            r[j][j + 1] = gaps[j + 1] / 6.0;
            r[j + 1][j] = gaps[j + 1] / 6.0;
        }
    }
    // K = Q R⁻¹ Qᵀ, a column of Qᵀ at a time
    let transposed: Matrix = (0..inner).map(|j| q.iter().map(|row| row[j]).collect()).collect();
    let solved = eliminate(r, transposed)?;
    Some(q.iter().map(|row| (0..k).map(|c| (0..inner).map(|j| row[j] * solved[j][c]).sum()).collect()).collect())
}

/// (W + amount K)⁻¹ W.
fn solve(weights: &[f64], roughness: &Matrix, amount: f64) -> Option<Matrix> {
    let k = weights.len();
    let mut left: Matrix = roughness.iter().map(|row| row.iter().map(|value| value * amount).collect()).collect();
    let mut right: Matrix = vec![vec![0.0; k]; k];
    for i in 0..k {
        left[i][i] += weights[i];
        right[i][i] = weights[i];
    }
    eliminate(left, right)
}

/// Solves left X = right for a positive definite `left` (Gauss; such a matrix needs no pivoting).
fn eliminate(mut left: Matrix, mut right: Matrix) -> Option<Matrix> {
    let k = left.len();
    for pivot in 0..k {
        let at = left[pivot][pivot];
        if at.is_nan() || at <= 0.0 {
            return None;
        }
        let (of_left, of_right) = (left[pivot].clone(), right[pivot].clone());
        for row in pivot + 1..k {
            let factor = left[row][pivot] / at;
            if factor != 0.0 {
                left[row].iter_mut().zip(&of_left).for_each(|(a, b)| *a -= factor * b);
                right[row].iter_mut().zip(&of_right).for_each(|(a, b)| *a -= factor * b);
            }
        }
    }
    for row in (0..k).rev() {
        for below in row + 1..k {
            let (factor, of_below) = (left[row][below], right[below].clone());
            right[row].iter_mut().zip(&of_below).for_each(|(a, b)| *a -= factor * b);
        }
        let at = left[row][row];
        right[row].iter_mut().for_each(|value| *value /= at);
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    /// Arms with these means, `n` replications, luck shared by all and as much of their own.
    fn columns(trial: u64, means: &[f64], n: u64) -> Vec<Vec<Option<f64>>> {
        let draw = |a, b| normal_quantile(Luck::new(31).stream(8, a, b).open01());
        let own = |arm: usize, i: u64| draw(trial, 1_000 * (arm as u64 + 1) + i);
        means
            .iter()
            .enumerate()
            .map(|(arm, mean)| (0..n).map(|i| Some(mean + draw(trial, i) + own(arm, i))).collect())
            .collect()
    }

    fn positions(n: usize) -> Vec<Option<f64>> {
        (0..n).map(|i| Some(i as f64 * 0.3)).collect()
    }

    fn mean(column: &[Option<f64>]) -> f64 {
        column.iter().flatten().sum::<f64>() / column.len() as f64
    }

    fn squared(value: f64) -> f64 {
        value * value
    }

    /// The mean squared error of differences to arm 0, raw and smoothed.
    fn errors(means: &[f64], trials: u64) -> (f64, f64) {
        let (mut raw, mut smooth) = (0.0, 0.0);
        for trial in 0..trials {
            let columns = columns(trial, means, 12);
            let smoothed = smoothed(&columns, &positions(means.len())).columns;
            for arm in 1..means.len() {
                let truth = means[arm] - means[0];
                raw += squared(mean(&columns[arm]) - mean(&columns[0]) - truth);
                smooth += squared(mean(&smoothed[arm]) - mean(&smoothed[0]) - truth);
            }
        }
        (raw, smooth)
    }

    #[test]
    fn a_gentle_curve_is_known_better_by_half_and_a_cliff_not_worse() {
        let gentle: Vec<f64> = (0..12).map(|i| 0.03 * squared(f64::from(i) - 5.0)).collect();
        let (raw, smooth) = errors(&gentle, 200);
        assert!(smooth < 0.67 * raw, "{smooth} of {raw}");
        let cliff: Vec<f64> = (0..12).map(|i| if i < 6 { 0.0 } else { 8.0 }).collect();
        let (raw, smooth) = errors(&cliff, 200);
        assert!(smooth < 1.1 * raw, "{smooth} of {raw}");
    }

    #[test]
    fn the_gain_is_said_and_there_is_none_without_a_curve() {
        let gentle: Vec<f64> = (0..12).map(|i| 0.03 * squared(f64::from(i) - 5.0)).collect();
        let columns = columns(1, &gentle, 20);
        let gain = smoothed(&columns, &positions(12)).gain.unwrap();
        assert!((1.2..8.0).contains(&gain), "{gain}");
        let few = smoothed(&columns[..4], &positions(4));
        assert_eq!((few.gain, few.columns), (None, columns[..4].to_vec()));
        let nowhere = smoothed(&columns, &[None; 12]);
        assert_eq!((nowhere.gain, nowhere.columns), (None, columns.clone()));
    }

    #[test]
    fn a_straight_line_stays_what_it_is_and_its_order_does_not_matter() {
        let line: Vec<f64> = (0..8).map(|i| 3.0 * f64::from(i)).collect();
        let noisy = columns(3, &line, 10);
        let smooth = smoothed(&noisy, &positions(8)).columns;
        let slope = mean(&smooth[7]) - mean(&smooth[0]);
        assert!((slope - 21.0).abs() < 2.0, "{slope}");
        let backwards: Vec<_> = noisy.iter().rev().cloned().collect();
        let places: Vec<_> = positions(8).into_iter().rev().collect();
        let again: Vec<_> = smoothed(&backwards, &places).columns.into_iter().rev().collect();
        assert_eq!(again, smooth);
    }

    #[test]
    fn replications_that_some_arms_lack_are_smoothed_over_the_others() {
        let mut columns = columns(5, &[0.0; 9], 12);
        for column in &mut columns[6..] {
            column.truncate(4);
        }
        columns[2][1] = None;
        let smooth = smoothed(&columns, &positions(9)).columns;
        for (before, after) in columns.iter().zip(&smooth) {
            let there = |column: &[Option<f64>]| column.iter().map(Option::is_some).collect::<Vec<_>>();
            assert_eq!(there(before), there(after));
        }
        assert_ne!(columns[0], smooth[0]);
    }
}
