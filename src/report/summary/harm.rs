//! Which accounts were harmed, and how much.

use crate::measure::Settings;
use crate::measure::series::Sample;
use crate::report::document::{Estimate, NamedFigures, ResultDocument};

/// How far an account is from the limits of the escape gate: 1 is at one of them.
pub(super) fn severity(sample: &Sample, settings: &Settings) -> f64 {
    let share = |value: f64, limit: f64| if limit > 0.0 { value / limit } else { 0.0 };
    let slow = share(sample.ewma_ttft_ms.unwrap_or(0.0), settings.gate.ttft_ms as f64);
    slow.max(share(sample.ewma_error_rate, settings.gate.error_rate))
}

/// The indices of the accounts to show: all in their order if they are few, otherwise the most affected ones first.
pub(super) fn by_harm(document: &ResultDocument, most: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..document.accounts.len()).collect();
    if places.len() <= most {
        return places;
    }
    let settings = &document.about.settings;
    let over = |place: usize| {
        let series = document.series.as_ref()?;
        let sick =
            |all: &[Sample]| all.get(place).is_some_and(|s| s.blocked || !s.listed || severity(s, settings) >= 1.0);
        Some(series.points().filter(|(_, all)| sick(all)).count())
    };
    let value = |named: &NamedFigures, path: &str| named.get(path).map_or(0.0, Estimate::mean);
    let harm = |place: usize| {
        let named = &document.accounts[place];
        (over(place).unwrap_or(0) as f64, value(named, "escapes_from"), value(named, "ttft_ms.p99"))
    };
    let harms: Vec<(f64, f64, f64)> = places.iter().map(|&place| harm(place)).collect();
    places.sort_by(|&a, &b| {
        let (a, b) = (harms[a], harms[b]);
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(b.2.total_cmp(&a.2))
    });
    places.truncate(most);
    places
}
