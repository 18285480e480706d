//! docs/fidelity.md.

use std::fmt::Write as _;

use crate::exact::Exact;
use crate::judge::Figure;

/// What was found of one case.
pub struct Verdict {
    pub name: String,
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
         Written by `make fidelity`. Each recording of the running gateway (`tests/real-runs/`) was played {repetitions} times on \
         the simulator with the unknown delays, the phase of the polls, the waiting jitter and, where the case has it, \
         the upstreams' luck drawn at random. A figure is *inside* when the recorded value lies within the range of \
         the repetitions.\n\n\
         **{inside} of {} figures inside; no felt percentile is further than {:.1} % from the nearer end of its \
         range.**\n",
        figures().count(),
        worst * 100.0
    );
    for exact in verdicts.iter().filter_map(|v| v.exact.as_ref().map(|exact| (&v.name, exact))) {
        let _ =
            writeln!(page, "- `{}`: {} ({}).", exact.0, exact.1.text, if exact.1.passed { "passed" } else { "FAILED" });
    }
    let _ = writeln!(page, "\n{notes}");
    for verdict in verdicts {
        let inside = verdict.figures.iter().filter(|figure| figure.inside()).count();
        let (name, requests, all) = (&verdict.name, verdict.requests, verdict.figures.len());
        let _ = writeln!(page, "## {name}\n\n{requests} requests, {inside} of {all} figures inside.\n");
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
                show(figure.recorded),
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
