//! What a search found over the values of one key: the figure in each scenario, and the regret that decides.

use super::estimate::Estimate;
use super::figure::{Axis, Dash, Figure, Provenance, Shape};
use super::format::Format;
use super::keyed::{Curve, KeyMarks, KeyPanel, rows};
use super::theme::Ink;

/// The figure over the values in one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// The scenario.
    pub scenario: String,
    /// One for each value of the key.
    pub values: Vec<Estimate>,
    /// With escape switched off; NaN: not known.
    pub off: f64,
}

/// A search over one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySearch {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The axis of the key.
    pub key: Axis,
    /// The values, in any order.
    pub at: Vec<f64>,
    /// The figure that was searched by, with its unit.
    pub figure: String,
    /// How its values read.
    pub format: Format,
    /// A panel for each scenario.
    pub scenarios: Vec<Searched>,
    /// The worst regret over the scenarios, as a share, for each value.
    pub regret: Vec<f64>,
    /// The same with escape off; NaN: not known.
    pub regret_off: f64,
    /// What is marked on the axis.
    pub marks: KeyMarks,
    /// Remarks under the chart.
    pub notes: Vec<String>,
}

/// The chart of a search over one key.
pub fn key_search(search: &KeySearch) -> Figure {
    let mut notes = search.notes.clone();
    let height = if search.scenarios.len() > 2 { 120.0 } else { 170.0 };
    let curve = |name, ink, shape, values: Vec<Estimate>, off| {
        let some = values.iter().any(|value| value.value.is_finite());
        let curve = Curve { name, ink, shape, dash: Dash::Solid, values, off };
        some.then_some(curve).into_iter().collect::<Vec<_>>()
    };
    let mut panels: Vec<KeyPanel> = search
        .scenarios
        .iter()
        .map(|found| KeyPanel {
            title: found.scenario.clone(),
            label: search.figure.clone(),
            format: search.format,
            height,
            by_factors: search.format == Format::Seconds,
            curves: curve("mean in the scenario", Ink::P95, Shape::Disc, found.values.clone(), found.off),
            nothing: "nothing to show: no run has this figure".to_owned(),
        })
        .collect();
    let regret = search.regret.iter().map(|&regret| Estimate::bare(regret)).collect();
    panels.push(KeyPanel {
        title: "Worst regret".to_owned(),
        label: "distance to the best of the scenario where it is largest, share of the figure as it stands".to_owned(),
        format: Format::Percent,
        height: 96.0,
        by_factors: false,
        curves: curve("worst regret", Ink::B, Shape::Diamond, regret, search.regret_off),
        nothing: "nothing to show: no run has this figure".to_owned(),
    });
    let rows = rows(&search.key, &search.at, &search.marks, panels, &mut notes);
    Figure {
        title: format!("Search: {}", search.provenance.scenario),
        subtitle:
            "Each value on the same luck; runs went where they decide, so values that left the search early have wide \
                   bands (95 % confidence). Dotted: escape off."
                .to_owned(),
        rows,
        legend: Vec::new(),
        notes,
        provenance: search.provenance.clone(),
    }
}
