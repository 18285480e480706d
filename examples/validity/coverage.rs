//! How often a 95 % interval over replications holds the truth, for experiments of several sizes.
//!
//! The truth is the mean over all runs of all experiments. The runs are made once: an experiment of 5 replications is the
//! beginning of that of 50.

use stickysim::experiment::stats::{Level, mean_interval_of};

use crate::model::{FIGURES, Row, column};

/// How many replications an experiment has.
pub const SIZES: [usize; 4] = [5, 10, 20, 50];

/// Coverage of each figure's interval.
pub struct Coverage {
    pub model: String,
    pub experiments: u64,
    /// The sizes that were looked at.
    pub sizes: Vec<usize>,
    /// Of each figure: the truth, and at each size how many experiments have an interval and how many of these hold it.
    pub figures: Vec<(f64, Vec<(usize, usize)>)>,
}

/// What the experiments of a model, each with its replications, say of its figures.
pub fn measure(model: &str, runs: &[Vec<Row>]) -> Coverage {
    let most = runs.first().map_or(0, Vec::len);
    let sizes: Vec<usize> = SIZES.into_iter().filter(|&size| size <= most).collect();
    let of_figure = |figure: usize| {
        let all: Vec<f64> = runs.iter().flatten().filter_map(|row| row[figure]).collect();
        let truth = all.iter().sum::<f64>() / all.len().max(1) as f64;
        let at = |&size: &usize| {
            let held = |rows: &Vec<Row>| {
                mean_interval_of(&column(&rows[..size], figure), Level::PERCENT_95)
                    .and_then(|found| found.contains(truth))
            };
            let answers: Vec<bool> = runs.iter().filter_map(held).collect();
            (answers.len(), answers.iter().filter(|&&held| held).count())
        };
        (truth, sizes.iter().map(at).collect())
    };
    Coverage {
        model: model.to_owned(),
        experiments: runs.len() as u64,
        figures: (0..FIGURES.len()).map(of_figure).collect(),
        sizes: sizes.clone(),
    }
}

impl Coverage {
    /// Whether the intervals of 20 and 50 replications hold the truth 92 to 98 times in 100, to the accuracy that so many
    /// experiments have (two standard errors beyond the 400 for which that is asked).
    pub fn holds(&self) -> bool {
        let slack = if self.experiments < 400 { 2.0 * (0.05 * 0.95 / self.experiments as f64).sqrt() } else { 0.0 };
        self.figures.iter().all(|(_, at)| {
            self.sizes.iter().zip(at).filter(|(size, _)| **size >= 20).all(|(_, &(all, held))| {
                let share = held as f64 / all.max(1) as f64;
                all == 0 || (0.92 - slack..=0.98 + slack).contains(&share)
            })
        })
    }
}
