//! Who is asked next in the mode `legacy` (spec scheduler-modes.md): by priority, load and last use, equals shuffled.

use std::ops::RangeInclusive;

use super::loads::Batch;
use super::seed::Generator;
use crate::ids::AccountIx;
use crate::units::Span;

/// Accounts with this load rate or more, in percent, are not tried.
const FULL: i64 = 100;

/// One candidate in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InLine {
    priority: i64,
    load_rate: i64,
    /// In nanoseconds + 1; 0: never.
    last_used: u64,
    pub(super) account: AccountIx,
}

/// Candidates in order of priority, load and last use, with ties shuffled: a run of equals at a time, as far as
/// somebody asks. Two uses in the same second tie.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Those in the runs that were shuffled, then the others, if they were lined up.
    line: Vec<InLine>,
    by_load: bool,
    /// Whether only the first run stands here yet.
    only_first_run: bool,
    next: usize,
    first_run: usize,
    run_end: usize,
}

impl Line {
    /// Nobody stands in line.
    pub(super) fn leave(&mut self) {
        self.line.clear();
        self.only_first_run = false;
        (self.next, self.first_run, self.run_end) = (0, 0, 0);
    }

    /// Whether nobody ever stood in line.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Those who stand in the order in which they are asked, as far as it was drawn.
    pub(super) fn in_order(&self) -> &[InLine] {
        &self.line[..self.run_end]
    }

    /// How many stand in the first run.
    pub(super) const fn first_run(&self) -> usize {
        self.first_run
    }

    /// Lines up the first run among the members of a batch. With loads, members at 100 % or more stay away.
    pub(super) fn begin(&mut self, batch: &Batch, last_used: &[u64], by_load: bool, shuffles: &mut Generator) {
        self.leave();
        self.by_load = by_load;
        // a pass for each part of the key: the best priority, among those the least load, among those the first use
        let columns = || batch.priorities.iter().zip(&batch.load_rates);
        let fits = |load: i64| !by_load || load < FULL;
        let best = columns().filter(|(_, load)| fits(**load)).map(|(priority, _)| *priority).min();
        let Some(best) = best else { return };
        let least = if by_load {
            columns().filter(|(priority, _)| **priority == best).map(|(_, load)| *load).min().unwrap_or(0)
        } else {
            0
        };
        let first_used = |(priority, load): (&i64, &i64)| *priority == best && (!by_load || *load == least);
        let equals = || columns().zip(&batch.members).filter(|(column, _)| first_used(*column));
        let Some(earliest) = equals().map(|(_, account)| last_used[account.at()]).min() else { return };
        let ties = ties(earliest);
        for (_, &account) in equals() {
            let used = last_used[account.at()];
            if ties.contains(&used) {
                self.line.push(InLine { priority: best, load_rate: least, last_used: used, account });
            }
        }
        self.line.sort_unstable();
        (self.first_run, self.run_end) = (self.line.len(), self.line.len());
        self.only_first_run = true;
        shuffle(&mut self.line, shuffles);
    }

    /// Whether the first run is over and the others do not stand in line yet.
    pub(super) const fn needs_the_others(&self) -> bool {
        self.only_first_run && self.next == self.run_end
    }

    /// Lines up those behind the first run of the same batch.
    pub(super) fn add_the_others(&mut self, batch: &Batch, last_used: &[u64]) {
        self.only_first_run = false;
        let Some(first) = self.line.first().copied() else { return };
        let ties = ties(first.last_used);
        let others = (0..batch.members.len()).map(|place| {
            let account = batch.members[place];
            let load_rate = if self.by_load { batch.load_rates[place] } else { 0 };
            InLine { priority: batch.priorities[place], load_rate, last_used: last_used[account.at()], account }
        });
        self.line.extend(others.filter(|other| other.load_rate < FULL && !other.ties_with(&first, &ties)));
        self.line[self.run_end..].sort_unstable();
    }

    /// The next one in line.
    pub(super) fn next(&mut self, shuffles: &mut Generator) -> Option<AccountIx> {
        if self.next == self.run_end {
            let first = *self.line.get(self.next)?;
            let ties = ties(first.last_used);
            let run = self.line[self.next..].iter().take_while(|member| member.ties_with(&first, &ties)).count();
            self.run_end += run;
            shuffle(&mut self.line[self.next..self.run_end], shuffles);
        }
        let member = self.line.get(self.next)?;
        self.next += 1;
        Some(member.account)
    }
}

impl InLine {
    fn ties_with(&self, other: &Self, ties: &RangeInclusive<u64>) -> bool {
        (self.priority, self.load_rate) == (other.priority, other.load_rate) && ties.contains(&self.last_used)
    }
}

/// The last uses that tie with this one: those in the same second, or none.
fn ties(last_used: u64) -> RangeInclusive<u64> {
    let second = Span::SECOND.nanos();
    match last_used.checked_sub(1) {
        None => 0..=0,
        Some(nanos) => {
            let start = nanos - nanos % second + 1;
            start..=start.saturating_add(second - 1)
        }
    }
}

/// Fisher and Yates, from the last item down.
fn shuffle(items: &mut [InLine], generator: &mut Generator) {
    for i in (1..items.len()).rev() {
        let j = (generator.next_f64() * (i + 1) as f64) as usize;
        items.swap(i, j);
    }
}
