//! The observer that makes all figures. It runs the groups that are switched on side by side.

use super::accounts::Accounts;
use super::check::Check;
use super::cost::Cost;
use super::detection::Detection;
use super::drift::Drift;
use super::escapes::{Escapes, Move};
use super::figures::Figures;
use super::latency::Latency;
use super::notes::{self, Note};
use super::outcomes::Outcomes;
use super::scheduling::Scheduling;
use super::series::Series;
use super::sessions::Sessions;
use super::{
    AccountInfo, BindingCause, ConditionInfo, Finished, Forwarded, Observer, Provenance, Reported, Selected, Settings,
    StateChange,
};
use crate::ids::{AccountIx, SessionRef};
use crate::units::Time;
use crate::upstream::HealthChange;
use crate::workload::Request;

/// All groups of figures that were asked for.
#[derive(Clone, Debug)]
pub struct Panel {
    settings: Settings,
    latency: Latency,
    outcomes: Outcomes,
    sessions: Option<Sessions>,
    scheduling: Option<Scheduling>,
    escapes: Option<Escapes>,
    detection: Option<Detection>,
    cost: Option<Cost>,
    accounts: Option<Accounts>,
    series: Option<Series>,
    provenance: Provenance,
    drift: Drift,
    check: Option<Box<Check>>,
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Results {
    /// Every figure by path.
    pub figures: Figures,
    /// Where escapes led, in order of accounts.
    pub moves: Vec<Move>,
    /// The accounts' state over time, if asked for.
    pub series: Option<Series>,
    /// Caveats on the figures.
    pub notes: Vec<Note>,
    /// The first few violations of the invariants; also empty if they were not checked.
    pub violations: Vec<String>,
    /// How many violations there were in all.
    pub violation_count: u64,
}

impl Panel {
    /// A panel for a run over these accounts (in the order of `AccountIx`) and conditions (in the order of
    /// `HealthChange::condition`).
    pub fn new(settings: &Settings, accounts: &[AccountInfo], conditions: &[ConditionInfo]) -> Self {
        let (on, n) = (settings.groups, accounts.len());
        Self {
            latency: Latency::new(settings),
            outcomes: Outcomes::new(settings),
            sessions: on.sessions.then(|| Sessions::new(settings)),
            scheduling: on.scheduler.then(|| Scheduling::new(settings, n)),
            escapes: on.escapes.then(|| Escapes::new(settings, n)),
            detection: on.detection.then(|| Detection::new(settings, n, conditions)),
            cost: on.cost.then(|| Cost::new(settings, accounts)),
            accounts: on.accounts.then(|| Accounts::new(settings, accounts)),
            series: on.series.then(|| Series::new(settings, n)),
            provenance: Provenance::new(settings, accounts),
            drift: Drift::new(settings),
            check: settings.check.then(|| Box::new(Check::new(settings, accounts))),
            settings: settings.clone(),
        }
    }

    /// The figures, once the run is over.
    pub fn into_results(mut self) -> Results {
        let mut figures = Figures::new();
        if let Some(accounts) = &mut self.accounts {
            accounts.put(&mut figures);
        }
        self.latency.put(&mut figures);
        if let Some(sessions) = &mut self.sessions {
            sessions.put(&mut figures);
        }
        if let Some(escapes) = &self.escapes {
            escapes.put(&mut figures);
        }
        if let Some(detection) = &mut self.detection {
            detection.put(&mut figures);
        }
        if let Some(cost) = &self.cost {
            cost.put(&mut figures);
        }
        self.outcomes.put(&mut figures);
        if let Some(scheduling) = &self.scheduling {
            scheduling.put(&mut figures);
        }
        let onsets_in_warmup = self.detection.as_ref().map_or(0, Detection::began_in_warmup);
        let some_unpriced = self.cost.as_ref().is_some_and(Cost::some_unpriced);
        let mut notes = notes::on(&figures, &self.settings, onsets_in_warmup, some_unpriced);
        notes.extend(self.provenance.note());
        notes.extend(self.drift.notes());
        let violation_count = self.check.as_ref().map_or(0, |check| check.count());
        Results {
            figures,
            moves: self.escapes.as_ref().map_or_else(Vec::new, Escapes::moves),
            series: self.series,
            notes,
            violations: self.check.map_or_else(Vec::new, |check| check.into_violations()),
            violation_count,
        }
    }
}

impl Panel {
    /// Whether a step of a request that arrived at that time belongs to the figures.
    #[inline]
    fn counts(&self, arrival: Time) -> bool {
        !self.settings.is_beyond(arrival)
    }
}

impl Observer for Panel {
    #[inline]
    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        if self.counts(now) {
            self.outcomes.arrived(now, number, request);
            self.sessions.arrived(now, number, request);
            self.provenance.arrived(now, number, request);
            self.drift.arrived(request);
        }
        self.check.arrived(now, number, request);
    }

    #[inline]
    fn selected(&mut self, step: &Selected<'_>) {
        if self.counts(step.request.at) {
            self.scheduling.selected(step);
            self.escapes.selected(step);
            self.detection.selected(step);
        }
        self.check.selected(step);
    }

    #[inline]
    fn bound(
        &mut self,
        now: Time,
        session: Option<SessionRef>,
        earlier: Option<AccountIx>,
        account: AccountIx,
        cause: BindingCause,
    ) {
        if self.counts(now) {
            self.escapes.bound(now, session, earlier, account, cause);
        }
        self.check.bound(now, session, earlier, account, cause);
    }

    #[inline]
    fn slots(&mut self, now: Time, account: AccountIx, held: u32) {
        self.accounts.slots(now, account, held);
        if self.counts(now) {
            self.series.slots(now, account, held);
        }
        self.check.slots(now, account, held);
    }

    #[inline]
    fn waiting(&mut self, now: Time, account: AccountIx, waiting: u32) {
        if self.counts(now) {
            self.series.waiting(now, account, waiting);
        }
        self.check.waiting(now, account, waiting);
    }

    #[inline]
    fn forwarded(&mut self, step: &Forwarded<'_>) {
        if self.counts(step.request.at) {
            self.detection.forwarded(step);
            self.cost.forwarded(step);
        }
        self.check.forwarded(step);
    }

    #[inline]
    fn attempt_ended(&mut self, now: Time, step: &Forwarded<'_>, client_there: bool) {
        if self.counts(step.request.at) {
            self.cost.attempt_ended(now, step, client_there);
            self.accounts.attempt_ended(now, step, client_there);
        }
        self.check.attempt_ended(now, step, client_there);
    }

    #[inline]
    fn reported(&mut self, report: &Reported) {
        if self.counts(report.now) {
            self.scheduling.reported(report);
            self.detection.reported(report);
            self.accounts.reported(report);
            self.series.reported(report);
        }
        self.check.reported(report);
    }

    fn state_changed(&mut self, change: &StateChange) {
        if self.counts(change.now) {
            self.accounts.state_changed(change);
            self.series.state_changed(change);
        }
        self.check.state_changed(change);
    }

    fn list_built(&mut self, now: Time, listed: &[bool]) {
        if self.counts(now) {
            self.accounts.list_built(now, listed);
            self.series.list_built(now, listed);
        }
        self.check.list_built(now, listed);
    }

    fn health_changed(&mut self, change: &HealthChange) {
        if self.counts(change.at) {
            self.detection.health_changed(change);
            self.series.health_changed(change);
            self.provenance.health_changed(change);
        }
        self.check.health_changed(change);
    }

    fn restarted(&mut self, now: Time, replica: u32) {
        if self.counts(now) {
            self.scheduling.restarted(now, replica);
        }
        self.check.restarted(now, replica);
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if self.counts(finished.request.at) {
            self.latency.finished(finished);
            self.outcomes.finished(finished);
            self.scheduling.finished(finished);
            self.escapes.finished(finished);
            self.accounts.finished(finished);
            self.provenance.finished(finished);
        }
        self.sessions.finished(finished);
        self.check.finished(finished);
    }

    #[inline]
    fn session_over(&mut self, now: Time, session: SessionRef) {
        self.sessions.session_over(now, session);
        self.escapes.session_over(now, session);
    }

    fn run_over(&mut self, now: Time) {
        // a run in which nothing happened ends where it began
        let now = now.max(self.settings.start);
        self.outcomes.run_over(now);
        self.sessions.run_over(now);
        self.detection.run_over(now);
        self.accounts.run_over(now);
        self.series.run_over(now);
        self.check.run_over(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::registry;
    use crate::measure::testing::{Turn, at, escape, forward, health, select, sticky};
    use crate::measure::{CacheRules, Groups, Price};
    use crate::scheduler::{EscapeReason, Health};
    use crate::units::Span;

    fn settings() -> Settings {
        Settings { check: true, ..Settings::default() }
    }

    fn infos() -> ([AccountInfo; 2], [ConditionInfo; 1]) {
        let price = Some(Price { input: 1.0, cached_input: 0.1, output: 5.0 });
        let cache = Some(CacheRules { ttl: Span::from_secs(300), min_tokens: 1_024 });
        let accounts = [1, 2].map(|id| AccountInfo { cache, price, ..AccountInfo::new(id, 4) });
        let condition = ConditionInfo { name: "slow".into(), accounts: vec![AccountIx(0)], models: Vec::new() };
        (accounts, [condition])
    }

    /// A run in which everything happens at least once.
    fn eventful(observer: &mut impl Observer) {
        let s = Some((0, 1));
        health(observer, 500, 0, 0, true);
        for ms in [1_000, 2_000, 3_000] {
            Turn::at(ms).of(0, 1).arrives(observer);
            let decision = if ms == 3_000 { escape(0, EscapeReason::Ttft, Some(1)) } else { sticky(0) };
            select(observer, ms, s, &decision);
            observer.slots(at(ms), AccountIx(0), 1);
            forward(observer, ms, s, 0, 4_000, if ms == 1_000 { 0 } else { 3_968 }, true);
            observer.slots(at(ms + 1_000), AccountIx(0), 0);
            Turn::at(ms).of(0, 1).tell(observer);
        }
        observer.reported(&Reported {
            now: at(4_000),
            replica: 0,
            account: AccountIx(0),
            success: true,
            first_token_ms: Some(500),
            health: Health { ttft_ms: Some(500.0), ..Health::default() },
        });
        health(observer, 5_000, 0, 0, false);
        select(observer, 6_000, s, &sticky(0));
        observer.run_over(at(10_000));
    }

    #[test]
    fn every_figure_of_an_eventful_run_has_a_value() {
        let (accounts, conditions) = infos();
        let mut panel = Panel::new(&settings(), &accounts, &conditions);
        eventful(&mut panel);
        let mut results = panel.into_results();
        results.figures.put_events(12);
        let missing: Vec<_> = results
            .figures
            .iter()
            .filter(|(path, _, value)| value.is_none() && !path.starts_with("accounts.2."))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!((results.figures.accounts.len(), results.figures.conditions.len()), (2, 1));
        assert!(results.violation_count > 0, "the escape had no reason in the stats");
    }

    #[test]
    fn a_group_that_is_off_has_no_values_and_changes_no_others() {
        let (accounts, conditions) = infos();
        let results = |groups| {
            let mut panel = Panel::new(&Settings { groups, ..settings() }, &accounts, &conditions);
            eventful(&mut panel);
            panel.into_results().figures
        };
        let all = results(Groups::ALL);
        let off = Groups {
            sessions: false,
            scheduler: false,
            escapes: false,
            detection: false,
            cost: false,
            accounts: false,
            series: false,
        };
        let few = results(off);
        assert!(few.accounts.is_empty() && few.conditions.is_empty());
        for (meta, value) in few.run.iter() {
            let of_groups = ["sessions.", "scheduler.", "escapes.", "detection.", "cost."];
            if of_groups.iter().any(|group| meta.path.starts_with(group)) {
                assert_eq!(value, None, "{}", meta.path);
            } else {
                assert_eq!(Some(value), all.run.get(meta.path), "{}", meta.path);
            }
        }
    }

    #[test]
    fn a_run_without_requests_has_figures_without_values_and_says_so() {
        let (accounts, conditions) = infos();
        let mut panel = Panel::new(&settings(), &accounts, &conditions);
        panel.run_over(at(1_000));
        let results = panel.into_results();
        assert_eq!(results.figures.run.values().len(), registry::RUN.len());
        assert_eq!(results.figures.run.get("felt_ttft_ms.p99"), Some(None));
        assert!(results.notes.iter().any(|note| note.figure == "requests"), "{:?}", results.notes);
        assert_eq!(results.violation_count, 0);
    }

    #[test]
    fn a_run_in_which_nothing_happened_violates_nothing() {
        let settings = Settings { start: Time::from_unix_nanos(1_767_225_600_000_000_000), check: true, ..settings() };
        let mut panel = Panel::new(&settings, &[AccountInfo::new(1, 4)], &[]);
        panel.run_over(Time::ZERO);
        assert_eq!(panel.into_results().violations, [""; 0]);
    }
}
