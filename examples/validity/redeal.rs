//! How often `compare` calls two settings different that only deal anew: another `group_id` changes every draw of the
//! scheduler and no law.

use anyhow::Result;
use stickysim::experiment::stats::{Direction, Level, Verdict, paired_of};

use crate::model::{FIGURES, Model, Row, column};

/// Replications of each side.
pub const REPLICATIONS: u64 = 20;

/// The override that deals anew.
pub const OTHER_DEAL: &str = "group_id=12345";

/// How often each figure was called different.
pub struct Redeal {
    pub model: String,
    pub experiments: u64,
    /// Of each figure: comparisons with an interval, and how many of them claim a difference.
    pub figures: Vec<(usize, usize)>,
}

/// Holds the first replications of each experiment against a re-deal of them.
pub fn measure(model: &Model<'_>, runs: &[Vec<Row>]) -> Result<Redeal> {
    let experiments = runs.len() as u64;
    let a: Vec<&[Row]> = runs.iter().map(|rows| &rows[..rows.len().min(REPLICATIONS as usize)]).collect();
    let b = model.with(OTHER_DEAL)?.runs(experiments, REPLICATIONS)?;
    let of_figure = |figure: usize| {
        let verdicts = a.iter().zip(&b).filter_map(|(a, b)| {
            let paired = paired_of(&column(a, figure), &column(b, figure), Level::PERCENT_95);
            let verdict = Verdict::of(paired.as_ref(), Direction::LowerIsBetter);
            (verdict != Verdict::NotDecidable).then(|| verdict.claims())
        });
        let verdicts: Vec<bool> = verdicts.collect();
        (verdicts.len(), verdicts.iter().filter(|&&claims| claims).count())
    };
    Ok(Redeal { model: model.name.clone(), experiments, figures: (0..FIGURES.len()).map(of_figure).collect() })
}

impl Redeal {
    /// Whether each figure is called different at most 7 times in 100, to the accuracy that so many experiments have.
    pub fn holds(&self) -> bool {
        let slack = if self.experiments < 400 { 2.0 * (0.05 * 0.95 / self.experiments as f64).sqrt() } else { 0.0 };
        self.figures.iter().all(|&(all, claims)| claims as f64 <= (0.07 + slack) * all.max(1) as f64)
    }
}
