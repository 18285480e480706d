//! How slow the slowest are: felt TTFT as the share that is slower, on log-log axes, where the tail has room.

use super::figure::{Axis, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape};
use super::format::Format;
use super::theme::Ink;

/// A complementary distribution: the share of values over each value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ccdf {
    /// (value in ms, share of all that is slower), rising in the value.
    pub points: Vec<(f64, f64)>,
    /// How many values there were, those that are infinite included.
    pub samples: u64,
}

impl Ccdf {
    /// From values in ms, in any order; NaN is no value, infinite is never (it counts among the slower).
    /// At most about 400 points are kept, dense in the tail.
    pub fn of(values_ms: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values_ms.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let mut points = Vec::new();
        let mut at = 0;
        while at < n {
            let value = sorted[at];
            // All of the same value are one step.
            let over = n - sorted.partition_point(|other| *other <= value);
            if value.is_finite() {
                points.push((value, over as f64 / n as f64));
            }
            // The next one a hundredth part of those left further on: even steps on the log axis of shares.
            at = (n - over).max(at + (n - at) / 60);
        }
        Self { points, samples: n as u64 }
    }
}

/// One of the things compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Felt TTFT of requests.
    pub requests: Ccdf,
    /// Worst turn of sessions.
    pub sessions: Ccdf,
}

/// One or two runs or sets of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Where it comes from.
    pub provenance: Provenance,
    /// A, and B if there is one.
    pub sides: Vec<Side>,
    /// The SLO in ms.
    pub slo_ms: Option<f64>,
}

/// The chart of distributions.
pub fn distribution(distribution: &Distribution) -> Figure {
    let requests = panel(distribution, "Per request", "share of requests slower", |side| &side.requests);
    let sessions = panel(distribution, "Per session, worst turn", "share of sessions slower", |side| &side.sessions);
    let names: Vec<&str> = distribution.sides.iter().map(|side| side.name.as_str()).collect();
    let compared = if names.len() > 1 { format!(", {}", names.join(" against ")) } else { String::new() };
    Figure {
        title: title(distribution, &compared),
        subtitle:
            "The share that waited longer than each TTFT; further left and lower is better. Both axes logarithmic."
                .to_owned(),
        rows: vec![Row { height: 300.0, panels: vec![requests, sessions] }],
        legend: Vec::new(),
        notes: distribution.sides.iter().filter_map(|side| never(side, names.len() > 1)).collect(),
        provenance: distribution.provenance.clone(),
    }
}

/// The finding: what the slowest 1 % of sessions, or of requests, felt on each side.
fn title(distribution: &Distribution, compared: &str) -> String {
    let scenario = &distribution.provenance.scenario;
    let sessions = distribution.sides.iter().any(|side| side.sessions.samples > 0);
    let slowest = |side: &Side| {
        let ccdf = if sessions { &side.sessions } else { &side.requests };
        let within = ccdf.points.iter().find(|(_, share)| *share <= 0.01);
        match within.map(|(ms, _)| Format::Seconds.value(ms / 1e3)) {
            Some(value) => Some(format!("of {value} or more")),
            None => (ccdf.samples > 0).then(|| "without a first token".to_owned()),
        }
    };
    let values: Option<Vec<String>> = distribution.sides.iter().map(slowest).collect();
    let what = if sessions { "sessions had a turn" } else { "requests had a wait" };
    match values.as_deref() {
        Some([one]) => format!("{scenario}: 1 % of {what} {one}"),
        Some([a, b]) => {
            let [first, second] = [&distribution.sides[0].name, &distribution.sides[1].name];
            format!("{scenario}: 1 % of {what} {a} ({first}), {b} ({second})")
        }
        None => format!("{scenario}: no request to have a tail{compared}"),
        _ => format!("Felt TTFT: {scenario}{compared}"),
    }
}

/// What of a side never came, over which its curve ends; `None` where all came.
fn never(side: &Side, named: bool) -> Option<String> {
    let share = |ccdf: &Ccdf| ccdf.points.last().map_or(1.0, |last| last.1);
    let requests = share(&side.requests);
    if side.requests.samples == 0 || requests <= 0.0 {
        return None;
    }
    let of = if named { format!("{}: ", side.name) } else { String::new() };
    let sessions = match side.sessions.samples {
        0 => String::new(),
        _ => format!(", and {} of the sessions had such a turn", Format::Percent.value(share(&side.sessions))),
    };
    let requests = Format::Percent.value(requests);
    Some(format!("{of}{requests} of the requests never got a first token{sessions}. The curves end above these."))
}

const SIDES: [(Ink, Dash); 4] =
    [(Ink::A, Dash::Solid), (Ink::B, Dash::Solid), (Ink::Good, Dash::Dashed), (Ink::ErrorRate, Dash::DashDot)];

/// The style of side i of so many.
fn style(i: usize, of: usize) -> (Ink, Dash) {
    const DASHES: [Dash; 4] = [Dash::Solid, Dash::Dashed, Dash::DashDot, Dash::Dotted];
    match SIDES.get(i) {
        Some(style) if of <= SIDES.len() => *style,
        _ => (Ink::Category(i), DASHES[i / 8 % DASHES.len()]),
    }
}

fn panel(distribution: &Distribution, title: &str, label: &str, of: impl Fn(&Side) -> &Ccdf) -> Panel {
    let all = || distribution.sides.iter().map(&of);
    let drawn = |ccdf: &Ccdf| -> Vec<(f64, f64)> {
        let points = ccdf.points.iter().filter(|(value, share)| *value > 0.0 && *share > 0.0);
        let mut points: Vec<(f64, f64)> = points.map(|&(value, share)| (value / 1e3, share)).collect();
        // The curve begins at the fastest, over which all lie, and ends at the slowest.
        if let Some(&(first, _)) = ccdf.points.iter().find(|(value, _)| *value > 0.0) {
            points.insert(0, (first / 1e3, 1.0));
        }
        if let (Some(&(last, 0.0)), true) = (ccdf.points.last(), ccdf.points.len() > 1)
            && let Some(&(_, share)) = points.last()
        {
            points.push((last / 1e3, share));
        }
        points
    };
    let least = all().flat_map(drawn).map(|(_, share)| share).fold(1.0, f64::min);
    let mut y = Axis::log(label, Format::Percent);
    y.range = Some(((least * 0.7).min(0.09), 1.15));
    let mut panel = Panel::new(title, Axis::log("TTFT (s, log scale)", Format::Seconds), y);
    panel.nothing = "nothing to show: no first token".to_owned();
    if all().any(|ccdf| !ccdf.points.is_empty()) {
        panel.nothing = "nothing to show: every TTFT is 0".to_owned();
    }
    let samples: Vec<String> = all().map(|ccdf| super::format::number(ccdf.samples as f64)).collect();
    if all().any(|ccdf| ccdf.samples > 0) {
        panel.remark = format!("n = {}", samples.join(" and "));
    }
    for (share, name) in [(0.5, "p50"), (0.1, "p90"), (0.01, "p99"), (0.001, "p99.9"), (0.0001, "p99.99")] {
        if share > least * 0.7 {
            let rule = Mark::RuleY { at: share, label: name.to_owned(), dash: Dash::Dotted };
            panel.series.push(Series::new("", Ink::Muted, rule));
        }
    }
    for (i, side) in distribution.sides.iter().enumerate() {
        let (ink, dash) = style(i, distribution.sides.len());
        let points = drawn(of(side));
        let tips = points
            .iter()
            .map(|&(value, share)| {
                format!("{}\n{} slower than {}", side.name, Format::Percent.value(share), Format::Seconds.value(value))
            })
            .collect();
        // Where all values are one, a curve would be a dot that nobody sees.
        let one = points.first().filter(|first| points.iter().all(|point| point.0 == first.0)).copied();
        let mark = match one {
            Some(point) => Mark::Dots { points: vec![point], shape: Shape::Disc, size: 8.0, opacity: 1.0 },
            None => Mark::Step { points, dash },
        };
        panel.series.push(Series::new(side.name.clone(), ink, mark).tips(tips));
    }
    if let Some(slo) = distribution.slo_ms.filter(|slo| *slo > 0.0) {
        panel.x.include.push(slo / 1e3);
        let label = format!("SLO {}", Format::Seconds.value(slo / 1e3));
        panel.series.push(Series::new("", Ink::Bad, Mark::RuleX { at: slo / 1e3, label, dash: Dash::Dashed }));
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_over_each_value_is_exact() {
        let ccdf = Ccdf::of(&[3.0, 1.0, f64::NAN, 2.0, 2.0]);
        assert_eq!(ccdf.points, [(1.0, 0.75), (2.0, 0.25), (3.0, 0.0)]);
        assert_eq!(ccdf.samples, 4);
        assert_eq!(Ccdf::of(&[]), Ccdf::default());
    }

    #[test]
    fn a_million_values_are_few_points_with_the_tail_complete() {
        let values: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let ccdf = Ccdf::of(&values);
        assert!(ccdf.points.len() < 1_000, "{}", ccdf.points.len());
        assert!(ccdf.points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1));
        assert_eq!(ccdf.points.last(), Some(&(999_999.0, 0.0)));
        let over = |share: f64| ccdf.points.iter().find(|point| point.1 <= share).unwrap().0 / 1e6;
        assert!((over(0.5) - 0.5).abs() < 0.02 && (over(0.01) - 0.99).abs() < 0.001);
    }

    #[test]
    fn what_never_came_is_slower_than_all() {
        let ccdf = Ccdf::of(&[1.0, f64::INFINITY]);
        assert_eq!(ccdf.points, [(1.0, 0.5)]);
    }

    #[test]
    fn a_tail_that_never_came_is_in_the_title_and_below_the_chart() {
        let side = |name: &str, worst: &[f64]| Side {
            name: name.to_owned(),
            requests: Ccdf::of(worst),
            sessions: Ccdf::of(worst),
        };
        let of = |sides: Vec<Side>| {
            let provenance = Provenance { scenario: "pool".to_owned(), ..Provenance::default() };
            let figure = distribution(&Distribution { provenance, sides, slo_ms: None });
            (figure.title, figure.notes)
        };
        let lost = side("off", &[1_000.0, f64::INFINITY]);
        let note = "50 % of the requests never got a first token, and 50 % of the sessions had such a turn. The curves \
                    end above these.";
        assert_eq!(
            of(vec![lost.clone()]),
            ("pool: 1 % of sessions had a turn without a first token".into(), vec![note.into()])
        );
        let (title, notes) = of(vec![lost, side("on", &[1_000.0, 2_000.0])]);
        assert_eq!(title, "pool: 1 % of sessions had a turn without a first token (off), of 2 s or more (on)");
        assert_eq!(notes, [format!("off: {note}")]);
        let nothing = of(vec![side("run", &[f64::INFINITY])]);
        assert_eq!(nothing.0, "pool: 1 % of sessions had a turn without a first token");
    }
}
