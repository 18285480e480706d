//! What the points of a sweep are worth by latency and cost together: which one to take, what else is as good and as
//! cheap, what costs more, and of what too few replications can say anything. Answers and charts go by it.

use crate::experiment::choice::Bill;
use crate::experiment::current::is_own;
use crate::experiment::stats::best::Place;
use crate::report::SweepReport;

/// What a point is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is the one to take.
    Take,
    /// It is as good as the best, and as cheap as the one to take.
    AsGood,
    /// It is as good as the best, and costs more.
    Dearer,
    /// It is shown to be worse.
    Worse,
    /// It was measured too little to say.
    TooFew,
}

impl SweepReport {
    /// The point to take; `None` without a decision, over several environments, and where no value changed anything.
    pub fn taken(&self) -> Option<usize> {
        let decision = self.decision.as_ref().filter(|_| !self.has_environments() && !self.is_wholly_inert())?;
        decision.worst_case.filter(|_| self.layout.grid().size() > 1)
    }

    /// What a point is worth; `None` where there is none to take.
    pub fn worth(&self, point: usize) -> Option<Worth> {
        let taken = self.taken()?;
        if point == taken {
            return Some(Worth::Take);
        }
        Some(match self.decision.as_ref()?.places.get(point)? {
            Place::Best | Place::AsGood if self.dearer(point, taken) => Worth::Dearer,
            Place::Best | Place::AsGood => Worth::AsGood,
            Place::Worse => Worth::Worse,
            Place::TooFew => Worth::TooFew,
        })
    }

    /// Whether a point costs more than another by more than counts.
    fn dearer(&self, point: usize, than: usize) -> bool {
        let mean = |point: usize, bill: Bill| self.mean(point, bill.path()).map(|mean| mean.mean);
        let priced = mean(than, Bill::Price).filter(|price| *price > 0.0);
        let bill = if priced.is_some() { Bill::Price } else { Bill::ColdTurns };
        let (Some(own), Some(other)) = (mean(point, bill), mean(than, bill)) else { return false };
        own - other > bill.tolerance() * priced.unwrap_or(1.0)
    }

    /// Whether no value of any key changed a decision.
    pub(in crate::report) fn is_wholly_inert(&self) -> bool {
        let axes = self.layout.grid().axes();
        self.is_inert() && self.inert.iter().zip(axes).all(|(inert, axis)| inert.wholly || axis.points.len() < 2)
    }

    /// The values of a point, as one sets them.
    pub(in crate::report) fn name(&self, point: usize) -> String {
        self.layout.places().get(point).map_or_else(String::new, |place| self.layout.sets(place).join(" "))
    }

    /// What to do with the value to take: keep it, where the scenario has it.
    pub(in crate::report) fn verb(&self) -> &'static str {
        if self.taken().is_some_and(|taken| self.stands(taken)) { "keep" } else { "take" }
    }

    /// Whether a point is the scenario as it stands.
    fn stands(&self, point: usize) -> bool {
        let Some(place) = self.layout.places().get(point).filter(|place| !place.off) else { return false };
        let axes = self.layout.grid().axes().iter();
        axes.zip(&place.values).all(|(axis, at)| at.is_some_and(|at| is_own(&self.scenario, axis, &axis.points[at])))
    }
}
