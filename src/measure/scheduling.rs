//! The gateway's own metrics, with its names and its arithmetic (spec scheduler.md, Metrics), over the requests that
//! arrived after the warm-up.

use super::figures::{Figures, ratio};
use super::{Finished, Observer, Reported, Selected, Settings};
use crate::scheduler::Layer;
use crate::units::Time;

/// Counts selects as the gateway's metrics do.
#[derive(Clone, Debug)]
pub struct Scheduling {
    warmup_end: Time,
    /// Whether the mode counts anything.
    counts: bool,
    selects: u64,
    previous_hits: u64,
    session_hits: u64,
    load_balanced: u64,
    switches: u64,
    skew_milli: u64,
    accounts: usize,
    /// For each replica and account, whether it has runtime stats.
    reported: Vec<bool>,
}

impl Scheduling {
    /// Counts of a run over this many accounts that has not begun.
    pub fn new(settings: &Settings, accounts: usize) -> Self {
        Self {
            warmup_end: settings.warmup_end,
            counts: settings.mode.learns(),
            selects: 0,
            previous_hits: 0,
            session_hits: 0,
            load_balanced: 0,
            switches: 0,
            skew_milli: 0,
            accounts,
            reported: vec![false; accounts * settings.replicas.max(1) as usize],
        }
    }

    /// Puts the figures of group `scheduler`. There are none in the mode `legacy`, which counts nothing.
    pub fn put(&self, figures: &mut Figures) {
        if !self.counts {
            return;
        }
        let run = &mut figures.run;
        run.count("scheduler.select_total", self.selects);
        run.count("scheduler.sticky_previous_hit_total", self.previous_hits);
        run.count("scheduler.sticky_session_hit_total", self.session_hits);
        run.count("scheduler.load_balance_select_total", self.load_balanced);
        run.count("scheduler.account_switch_total", self.switches);
        run.ratio("scheduler.sticky_hit_ratio", self.previous_hits + self.session_hits, self.selects);
        run.ratio("scheduler.account_switch_rate", self.switches, self.selects);
        let skew = (self.selects > 0).then(|| self.skew_milli as f64 / 1_000.0 / self.selects as f64);
        run.put("scheduler.load_skew_avg", skew);
        let with_stats = (0..self.accounts)
            .filter(|&account| self.reported.iter().skip(account).step_by(self.accounts).any(|&known| known))
            .count();
        run.count("scheduler.runtime_stats_account_count", with_stats as u64);
    }

    /// The sticky hit ratio so far.
    pub fn sticky_hit_ratio(&self) -> Option<f64> {
        ratio(self.previous_hits + self.session_hits, self.selects).filter(|_| self.counts)
    }
}

impl Observer for Scheduling {
    #[inline]
    fn selected(&mut self, step: &Selected<'_>) {
        if step.request.at < self.warmup_end {
            return;
        }
        let decision = step.decision;
        self.selects += 1;
        self.previous_hits += u64::from(decision.sticky_previous_hit);
        self.session_hits += u64::from(decision.sticky_session_hit);
        self.load_balanced += u64::from(decision.layer == Layer::LoadBalance);
        if decision.load_skew > 0.0 {
            // `round` goes half away from zero, as the gateway's does
            self.skew_milli += (decision.load_skew * 1_000.0).round() as u64;
        }
    }

    #[inline]
    fn reported(&mut self, report: &Reported) {
        let place = report.replica as usize * self.accounts + report.account.at();
        if let Some(known) = self.reported.get_mut(place) {
            *known = true;
        }
    }

    fn restarted(&mut self, _now: Time, replica: u32) {
        let first = replica as usize * self.accounts;
        self.reported.iter_mut().skip(first).take(self.accounts).for_each(|known| *known = false);
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.request.at >= self.warmup_end {
            self.switches += u64::from(finished.switches);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountIx;
    use crate::measure::testing::{Turn, at, by_load_balance, select, sticky};
    use crate::scheduler::{Decision, Health};

    #[test]
    fn metrics_are_counted_by_the_gateways_arithmetic() {
        let mut seen = Scheduling::new(&Settings { warmup_end: at(10), replicas: 2, ..Settings::default() }, 3);
        select(&mut seen, 5, None, &sticky(0));
        select(&mut seen, 10, None, &sticky(0));
        select(&mut seen, 11, None, &Decision { load_skew: 1.2345, ..by_load_balance(Some(1)) });
        select(&mut seen, 12, None, &Decision { load_skew: 0.0004, ..by_load_balance(None) });
        let previous = Decision {
            layer: Layer::PreviousResponse,
            sticky_previous_hit: true,
            sticky_session_hit: false,
            ..sticky(2)
        };
        select(&mut seen, 13, None, &previous);
        Turn::at(14).ttft(900).failed(2, 700).tell(&mut seen);
        for (replica, account) in [(0, 0), (1, 0), (1, 2)] {
            seen.reported(&Reported {
                now: at(15),
                replica,
                account: AccountIx(account),
                success: true,
                first_token_ms: Some(1),
                health: Health { ttft_ms: Some(1.0), ..Health::default() },
            });
        }
        let value = |seen: &Scheduling, path: &str| {
            let mut figures = Figures::new();
            seen.put(&mut figures);
            figures.run.get(&format!("scheduler.{path}")).flatten()
        };
        for (path, expected) in [
            ("select_total", 4.0),
            ("sticky_previous_hit_total", 1.0),
            ("sticky_session_hit_total", 1.0),
            ("load_balance_select_total", 2.0),
            ("account_switch_total", 2.0),
            ("sticky_hit_ratio", 0.5),
            ("account_switch_rate", 0.5),
            ("load_skew_avg", 1.235 / 4.0),
            ("runtime_stats_account_count", 2.0),
        ] {
            assert_eq!(value(&seen, path), Some(expected), "{path}");
        }
        seen.restarted(at(20), 1);
        assert_eq!(value(&seen, "runtime_stats_account_count"), Some(1.0));
    }
}
