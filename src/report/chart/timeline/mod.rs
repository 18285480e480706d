//! What operators cannot see today: each account's upstream TTFT, the EWMA that the gate looks at, its threshold, the
//! truth about its health, and when sessions left.

mod density;
mod strips;
mod track;

use self::density::{density, weighed};
use self::strips::strip_rows;
pub use self::track::{AccountTrack, Counted, Escapes, Share, Timeline};
use self::track::{STRIPS, time_axis};
use super::figure::{Axis, Dash, Figure, Mark, Panel, Row, Series, Shape, Span, SpanKind, Texture};
use super::format::{Format, number};
use super::journey::{REASONS, reason_style};
use super::theme::Ink;
use crate::units;

/// Up to this many accounts have a panel each; more are a strip each.
const PANELS: usize = 12;

/// A panel with more dots than this shows their density.
const DOTS: usize = 3_000;

/// The order of the legend.
const LEGEND: [&str; 3] = ["upstream TTFT", "TTFT EWMA", "TTFT EWMA, from 0 to the threshold and beyond"];
const LEGEND_REST: [&str; 9] = [
    "degraded (truth)",
    "blocked",
    "off the list of candidates",
    "escape: ttft",
    "escape: error_rate",
    "escape: concurrency_full",
    "sticky",
    "load-balanced",
    "escaped",
];

/// The chart of a run over time.
pub fn timeline(timeline: &Timeline) -> Figure {
    let strips = timeline.accounts.len() > PANELS;
    let mut rows = if strips { strip_rows(timeline) } else { panel_rows(timeline) };
    let mut shares = shares(timeline);
    shares.x = time_axis(timeline);
    rows.push(Row { height: 84.0, panels: vec![shares] });
    let mut notes = Vec::new();
    if timeline.warmup_s > 0.0 && timeline.warmup_s < timeline.end_s {
        notes.push("The warm-up before is folded away.".to_owned());
    }
    let idle = timeline.accounts.iter().filter(|account| account.is_idle()).count();
    let busy = timeline.accounts.len() - idle;
    if strips && idle > 0 && busy > 0 {
        notes.push(format!("{} had nothing to do and {} not shown.", count(idle, "account"), are(idle)));
    }
    let hidden = (if busy > 0 { busy } else { idle }).saturating_sub(STRIPS);
    if strips && hidden > 0 {
        notes.push(format!(
            "{hidden} more accounts had fewer escapes and shorter degraded spans than these; they have no strip."
        ));
    }
    let threshold = timeline.threshold_ms.map(threshold_name);
    let subtitle = if strips {
        "Each strip is an account: the stronger the colour, the nearer its highest TTFT EWMA was to the threshold or beyond it."
    } else {
        "Dots or shade: upstream TTFT of attempts. Line: the TTFT EWMA that the escape gate looks at. TTFT on a log scale."
    };
    Figure {
        title: title(timeline),
        subtitle: subtitle.to_owned(),
        rows,
        legend: LEGEND.into_iter().map(str::to_owned).chain(threshold).chain(LEGEND_REST.map(str::to_owned)).collect(),
        notes,
        provenance: timeline.provenance.clone(),
    }
}

/// The finding: which account sessions left most often.
fn title(timeline: &Timeline) -> String {
    let scenario = &timeline.provenance.scenario;
    let all: u64 = timeline.accounts.iter().map(|account| account.escaped).sum();
    let most = timeline.accounts.iter().max_by_key(|account| account.escaped).filter(|_| all > 0);
    match most {
        None => format!("{scenario}: accounts over time, and no escape"),
        Some(most) if all == 1 => {
            format!("{scenario}: accounts over time; the one escape is from {}", spoken(&most.name))
        }
        Some(most) => {
            let (some, all) = (number(most.escaped as f64), number(all as f64));
            format!("{scenario}: accounts over time; {some} of {all} escapes are from {}", spoken(&most.name))
        }
    }
}

/// An account in a sentence: `account 8 (small)` for the label `8 small`.
fn spoken(label: &str) -> String {
    match label.split_once(' ') {
        Some((id, name)) if id.parse::<i64>().is_ok() => format!("account {id} ({name})"),
        _ => label.to_owned(),
    }
}

fn count(n: usize, what: &str) -> String {
    units::count(n as u64, what)
}

const fn are(n: usize) -> &'static str {
    units::agree(n as u64, "is", "are")
}

/// Spans of truth and of state, the same for panels and strips.
fn spans(account: &AccountTrack) -> Vec<Series> {
    let tips = |what: &str, spans: &[Span]| {
        let tip = |span: &Span| {
            let [from, to] = [span.from, span.to].map(|at| Format::Clock.value(at));
            format!("{}\n{what} from {from} to {to}", account.name)
        };
        spans.iter().map(tip).collect::<Vec<String>>()
    };
    [
        ("degraded (truth)", Ink::Degraded, &account.degraded, SpanKind::Shaded),
        ("blocked", Ink::Blocked, &account.blocked, SpanKind::Hatched(Texture::Rising)),
        ("off the list of candidates", Ink::Away, &account.away, SpanKind::Hatched(Texture::Falling)),
    ]
    .into_iter()
    .filter(|(_, _, spans, _)| !spans.is_empty())
    .map(|(name, ink, spans, kind)| Series::new(name, ink, Mark::Spans(spans.clone(), kind)).tips(tips(name, spans)))
    .collect()
}

fn panel_rows(timeline: &Timeline) -> Vec<Row> {
    let values = timeline.accounts.iter().flat_map(|account| {
        let single = account.ttft_ms.iter().chain(&account.ewma_ms).map(|&(_, ms)| ms);
        single.chain(account.counted.iter().flat_map(|counted| [counted.ttft_ms.0, counted.ttft_ms.1]))
    });
    let positive = values.map(|ms| ms / 1e3).filter(|s| *s > 0.0 && s.is_finite());
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), s| (low.min(s), high.max(s)));
    let high = timeline.threshold_ms.map_or(high, |ms| high.max(ms / 1e3));
    let height = match timeline.accounts.len() {
        0..=3 => 120.0,
        4..=6 => 92.0,
        _ => 68.0,
    };
    let reasons: Vec<&str> = REASONS.into_iter().filter(|reason| has(timeline, reason)).collect();
    let height = height + 10.0 * reasons.len() as f64;
    let mut rows = Vec::new();
    for account in &timeline.accounts {
        let mut y = Axis::log(if rows.is_empty() { "TTFT (s)" } else { "" }, Format::Seconds);
        if low.is_finite() {
            y.range = Some((low * 0.85, high * 1.2));
        }
        let mut panel = Panel::new(account.name.clone(), time_axis(timeline).hidden(), y);
        panel.zoom = true;
        panel.lanes = reasons.len() as u32;
        panel.nothing = "nothing to show: no attempt had a first token".to_owned();
        panel.remark = remark(account);
        panel.series = spans(account);
        let dots: Vec<(f64, f64)> = account.ttft_ms.iter().map(|&(at, ms)| (at, ms / 1e3)).collect();
        let mark = if !account.counted.is_empty() {
            Mark::Density { cells: weighed(&account.counted) }
        } else if dots.len() > DOTS {
            Mark::Density { cells: density(&dots, timeline.end_s, (low, high)) }
        } else {
            let size = if dots.len() > 600 { 2.5 } else { 3.5 };
            let opacity = if dots.len() > 600 { 0.55 } else { 0.8 };
            Mark::Dots { points: dots, shape: Shape::Disc, size, opacity }
        };
        panel.series.push(Series::new("upstream TTFT", Ink::Dots, mark));
        let ewma = account.ewma_ms.iter().map(|&(at, ms)| (at, ms / 1e3)).collect();
        let tips = ewma_tips(account);
        let band = account.ewma_band.iter().map(|&(at, low, high)| (at, low / 1e3, high / 1e3)).collect();
        panel.series.push(Series::new("TTFT EWMA", Ink::B, Mark::Band { points: band, opacity: 0.35 }));
        let line = match account.ewma_band.is_empty() {
            true => Mark::Step { points: ewma, dash: Dash::Solid },
            false => Mark::Line { points: ewma, dash: Dash::Solid, marker: None },
        };
        panel.series.push(Series::new("TTFT EWMA", Ink::B, line).tips(tips));
        if let Some(ms) = timeline.threshold_ms {
            let name = threshold_name(ms);
            let rule = Mark::RuleY { at: ms / 1e3, label: String::new(), dash: Dash::Dashed };
            panel.series.push(Series::new(name, Ink::Bad, rule));
        }
        panel.series.extend(escapes(account, &reasons));
        rows.push(Row { height, panels: vec![panel] });
    }
    if rows.is_empty() {
        let mut panel = Panel::new("", time_axis(timeline).hidden(), Axis::log("", Format::Seconds));
        panel.nothing = "nothing to show: the scenario has no accounts".to_owned();
        rows.push(Row { height, panels: vec![panel] });
    }
    rows
}

fn threshold_name(ms: f64) -> String {
    format!("threshold {}", Format::Seconds.value(ms / 1e3))
}

fn remark(account: &AccountTrack) -> String {
    let word = units::plural(account.escaped, "escape");
    format!("{} answered, {} {word}", number(account.attempts as f64), number(account.escaped as f64))
}

/// What the EWMA is, at some 150 of its points: a tooltip for each would be most of a page.
fn ewma_tips(account: &AccountTrack) -> Vec<String> {
    let every = account.ewma_ms.len() / 150 + 1;
    let tip = |(i, &(at, ms)): (usize, &(f64, f64))| {
        if i % every != 0 {
            return String::new();
        }
        format!("{}\nTTFT EWMA {}\nat {}", account.name, Format::Seconds.value(ms / 1e3), Format::Clock.value(at))
    };
    account.ewma_ms.iter().enumerate().map(tip).collect()
}

fn has(timeline: &Timeline, reason: &str) -> bool {
    timeline.accounts.iter().flat_map(|account| &account.escapes).any(|escapes| escapes.reason == reason)
}

/// Escapes as flags, a lane for each reason that the run has.
fn escapes(account: &AccountTrack, reasons: &[&str]) -> Vec<Series> {
    let mut out = Vec::new();
    for (lane, &reason) in reasons.iter().enumerate() {
        let (ink, shape) = reason_style(reason);
        let lane = lane as u32;
        let of: Vec<&Escapes> = account.escapes.iter().filter(|escapes| escapes.reason == reason).collect();
        let tip = |escapes: &&Escapes| {
            let at = Format::Clock.value(escapes.at_s);
            match escapes.count {
                1 => format!("{}\nescape: {reason}\nat {at}", account.name),
                n => format!("{}\n{n} escapes: {reason}\nabout {at}", account.name),
            }
        };
        let tips = of.iter().map(tip).collect();
        let at: Vec<f64> = of.iter().map(|escapes| escapes.at_s).collect();
        if !at.is_empty() {
            let counts = of.iter().map(|escapes| escapes.count).collect();
            let flags = Mark::Flags { at, shape, lane, counts };
            out.push(Series::new(format!("escape: {reason}"), ink, flags).tips(tips));
        }
    }
    out
}

fn shares(timeline: &Timeline) -> Panel {
    let mut panel = Panel::new(
        "Selects that escaped or were balanced",
        time_axis(timeline),
        Axis::linear("share", Format::Percent).with(0.0),
    );
    panel.zoom = true;
    panel.nothing = "nothing to show: no select".to_owned();
    type Part = fn(&Share) -> f64;
    // the sticky ones are nearly all, and no news
    let parts: [(&str, Ink, Part, Part); 2] = [
        ("escaped", Ink::Ttft, |_| 0.0, |share| share.escaped),
        ("load-balanced", Ink::Balanced, |share| share.escaped, |share| share.escaped + share.balanced),
    ];
    for (name, ink, low, high) in parts {
        let known: Vec<&Share> = timeline
            .shares
            .iter()
            .filter(|share| share.span.to > timeline.warmup_s || timeline.warmup_s >= timeline.end_s)
            .filter(|share| (share.sticky + share.balanced + share.escaped - 1.0).abs() < 1e-6)
            .collect();
        let bars: Vec<(f64, f64, f64, f64)> =
            known.iter().map(|share| (share.span.from, share.span.to, low(share), high(share))).collect();
        let tips = known
            .iter()
            .map(|share| {
                let [sticky, balanced, escaped] =
                    [share.sticky, share.balanced, share.escaped].map(|part| Format::Percent.value(part));
                let at = Format::Clock.value(share.span.from);
                format!("from {at}\nsticky {sticky}\nload-balanced {balanced}\nescaped {escaped}")
            })
            .collect();
        if !bars.is_empty() {
            panel.series.push(Series::new(name, ink, Mark::Bars { bars }).tips(tips));
        }
    }
    panel
}
