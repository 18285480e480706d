//! docs/fidelity.md.

use std::fmt::Write as _;

use crate::exact::Exact;
use crate::judge::Figure;

/// What was found of one case.
pub struct Verdict {
    pub name: String,
    /// Revision and mode.
    pub manner: String,
    pub requests: usize,
    pub figures: Vec<Figure>,
    pub exact: Option<Exact>,
}

/// The page.
pub fn render(verdicts: &[Verdict], repetitions: u64, notes: &str) -> String {
    let figures = || verdicts.iter().flat_map(|verdict| &verdict.figures);
    let inside = figures().filter(|figure| figure.inside()).count();
    let worst = figures().filter(|figure| figure.percentile).map(Figure::off).fold(0.0, f64::max);
    let mut page = String::new();
    let _ = writeln!(
        page,
        "# How well the running gateway is reproduced\n\n\
         Written by `make fidelity`. Each recording of the running gateway (`tests/real-runs/`) was played \
         {repetitions} times on the simulator with the unknown delays, the phase of the polls, the waiting jitter \
         and, where the case has it, the upstreams' luck drawn at random. A figure is *inside* when the recorded \
         value lies within the range of the repetitions; of a case that was recorded several times, when the ranges \
         of the recordings and of the repetitions overlap.\n\n\
         **{inside} of {} figures inside; no felt percentile is further than {:.1} % from the nearer end of its \
         range.**\n",
        figures().count(),
        worst * 100.0
    );
    page.push_str(&by_manner(verdicts));
    for exact in verdicts.iter().filter_map(|v| v.exact.as_ref().map(|exact| (&v.name, exact))) {
        let _ =
            writeln!(page, "- `{}`: {} ({}).", exact.0, exact.1.text, if exact.1.passed { "passed" } else { "FAILED" });
    }
    let _ = writeln!(page, "\n{notes}");
    for verdict in verdicts {
        let inside = verdict.figures.iter().filter(|figure| figure.inside()).count();
        let (name, requests, all) = (&verdict.name, verdict.requests, verdict.figures.len());
        let _ =
            writeln!(page, "## {name}\n\n{}: {requests} requests, {inside} of {all} figures inside.\n", verdict.manner);
        let _ = writeln!(page, "| figure | recorded | median | range | |\n| --- | ---: | ---: | ---: | --- |");
        for figure in &verdict.figures {
            let digits = if figure.name.starts_with("share") { 4 } else { usize::from(figure.percentile) };
            let show = |value: f64| format!("{value:.digits$}");
            let verdict =
                if figure.inside() { "inside".to_owned() } else { format!("**off by {:.1} %**", figure.off() * 100.0) };
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} to {} | {verdict} |",
                figure.name,
                recorded(figure, digits),
                show(figure.median),
                show(figure.range.0),
                show(figure.range.1),
            );
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// How many figures are inside, by revision and mode.
fn by_manner(verdicts: &[Verdict]) -> String {
    let mut manners: Vec<&str> = verdicts.iter().map(|verdict| verdict.manner.as_str()).collect();
    manners.sort_unstable();
    manners.dedup();
    let mut table = "| gateway | recordings | figures | inside | worst felt percentile |\n".to_owned();
    table.push_str("| --- | ---: | ---: | ---: | ---: |\n");
    for manner in manners {
        let own = || verdicts.iter().filter(|verdict| verdict.manner == manner);
        let figures = || own().flat_map(|verdict| &verdict.figures);
        let (all, inside) = (figures().count(), figures().filter(|figure| figure.inside()).count());
        let worst = figures().filter(|figure| figure.percentile).map(Figure::off).fold(0.0, f64::max);
        let share = 100.0 * inside as f64 / all.max(1) as f64;
        let _ = writeln!(
            table,
            "| {manner} | {} | {all} | {inside} ({share:.1} %) | {:.1} % off |",
            own().count(),
            100.0 * worst
        );
    }
    table.push('\n');
    table
}

/// What was recorded, with the range of the other recordings of the same case where there are any.
pub fn recorded(figure: &Figure, digits: usize) -> String {
    let (low, high) = figure.plays;
    if low == high {
        format!("{:.digits$}", figure.recorded)
    } else {
        format!("{:.digits$} ({low:.digits$} to {high:.digits$})", figure.recorded)
    }
}
