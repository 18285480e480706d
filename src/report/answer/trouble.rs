//! Who gave trouble where no condition says it: accounts that were blocked, out of slots, or slow all the time.

use super::incident::Accounts;
use crate::report::format;
use crate::units::Span;

/// So many escapes for want of a slot are worth the first sentence.
const FULL: f64 = 20.0;

/// The accounts of an experiment, and what it says of them.
pub(super) struct Pool<'a> {
    /// What they are called.
    pub accounts: Accounts,
    /// Their ids in order.
    pub ids: Vec<String>,
    /// A figure of the account of this id, by its path below the account; 0 where there is none.
    pub figure: &'a dyn Fn(&str, &str) -> f64,
    /// How many turns escaped, and how many of these for want of a slot.
    pub escapes: [f64; 2],
    /// The service level objective of the TTFT.
    pub slo: Option<Span>,
}

impl Pool<'_> {
    /// The accounts that gave trouble, and which, as a clause; `None` where none did.
    pub fn trouble(&self) -> Option<String> {
        self.blocked().or_else(|| self.full()).or_else(|| self.always_slow())
    }

    fn blocked(&self) -> Option<String> {
        let of = |id: &String| (self.figure)(id, "blocked_s");
        let ids: Vec<String> = self.ids.iter().filter(|id| of(id) > 0.0).cloned().collect();
        let longest = format::time(ids.iter().map(of).fold(0.0, f64::max), None);
        let who = self.accounts.words(&ids);
        match ids.len() {
            0 => None,
            1 => Some(format!("{who} was blocked for {longest} by its limits or errors")),
            _ => Some(format!("{who} were blocked by their limits or errors, for up to {longest}")),
        }
    }

    fn full(&self) -> Option<String> {
        let [all, full] = self.escapes;
        let of = |id: &&String| (self.figure)(id, "escapes_from");
        // of equal ones the first
        let most = self.ids.iter().rev().max_by(|a, b| of(a).total_cmp(&of(b)))?;
        (full >= FULL && full > 0.5 * all).then(|| {
            let who = self.accounts.words(std::slice::from_ref(most));
            format!("{who} had no free slot {} times when a session wanted one", format::count(of(&most), None))
        })
    }

    /// Accounts that were over the SLO with half of their first tokens while others were not.
    fn always_slow(&self) -> Option<String> {
        let slo = self.slo?;
        let slow = |id: &&String| {
            let p50 = (self.figure)(id, "ttft_ms.p50");
            p50.is_finite() && p50 > slo.millis()
        };
        let ids: Vec<String> = self.ids.iter().filter(slow).cloned().collect();
        let their = if ids.len() == 1 { "its" } else { "their" };
        (!ids.is_empty() && ids.len() < self.ids.len()).then(|| {
            let (who, slo) = (self.accounts.words(&ids), format::setting(slo));
            format!("{who} took over {slo} for half of {their} first tokens")
        })
    }
}
