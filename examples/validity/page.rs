//! docs/validity.md.

use std::fmt::Write as _;

use crate::coverage::Coverage;
use crate::model::FIGURES;
use crate::redeal::{OTHER_DEAL, REPLICATIONS, Redeal};
use crate::search::Search;

/// The page of these parts.
pub fn render(parts: &[String]) -> String {
    let mut page = String::from(
        "# How often the answers hold\n\n\
         What a statistical statement is worth is the share of times that it is true. A simulator can find that out about \
         itself: it runs the same experiment on hundreds of seeds and counts. The model is a small pool \
         (`tests/validity/pool.yaml`: five accounts of six slots, 260 sessions an hour, one account fifteen times slower \
         for twenty minutes of two hours), since luck is largest in small pools. `make validity` writes this page.\n\n",
    );
    parts.iter().for_each(|part| page.push_str(part));
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn percent(part: usize, all: usize) -> String {
    if all == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / all as f64) }
}

/// The table of one model's intervals.
pub fn coverage(found: &Coverage) -> String {
    let mut text = String::new();
    let error = 100.0 * (0.05 * 0.95 / found.experiments as f64).sqrt();
    let _ = writeln!(
        text,
        "## Intervals: {}\n\n\
         The share of {} experiments whose 95 % interval holds the truth, which is the mean over all their runs (over \
         seeds and over the scheduler's own draws). A share is known to ±{error:.1} % (one standard error). An experiment \
         in which too few runs differ has no interval. It makes no statement and is not counted. Where all runs have the \
         same value, the interval is that value alone: it says what so many runs had, and not that a rare event never \
         happens. A figure that is 0 in nearly all runs shows this. One of the experiments: \
         `stickysim run {} --replications 20 --seed 1`.\n",
        found.model,
        found.experiments,
        command(&found.model)
    );
    let _ = write!(text, "| figure | truth |");
    found.sizes.iter().for_each(|size| {
        let _ = write!(text, " {size} replications |");
    });
    let _ = writeln!(text, "\n| --- | ---: |{}", " ---: |".repeat(found.sizes.len()));
    for (path, (truth, at)) in FIGURES.iter().zip(&found.figures) {
        let truth = if truth.abs() < 1.0 { format!("{truth:.4}") } else { format!("{truth:.1}") };
        let _ = write!(text, "| `{path}` | {truth} |");
        for &(all, held) in at {
            let few = if (all as u64) < found.experiments { format!(" of {all}") } else { String::new() };
            let _ = write!(text, " {}{few} |", percent(held, all));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// The file and the overrides of a model as arguments.
fn command(model: &str) -> String {
    match model.split_once(" with ") {
        None => model.to_owned(),
        Some((file, sets)) => {
            let sets: Vec<String> = sets.split(", ").map(|set| format!(" --set {set}")).collect();
            format!("{file}{}", sets.concat())
        }
    }
}

/// The table of re-deals.
pub fn redeal(found: &Redeal) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "## Comparisons: a mere re-deal\n\n\
         Another `group_id` changes every draw of the scheduler and nothing else, so A and B obey one law. The share of {} \
         comparisons of {REPLICATIONS} replications that call a figure different by itself (nominal: 5 %; fewer stand \
         among all figures): `stickysim compare {} --a group_id=3 --b {OTHER_DEAL} --seed 1`.\n\n\
         | figure | called different |\n| --- | ---: |",
        found.experiments, found.model
    );
    for (path, &(all, claims)) in FIGURES.iter().zip(&found.figures) {
        let few = if (all as u64) < found.experiments { format!(" of {all}") } else { String::new() };
        let _ = writeln!(text, "| `{path}` | {}{few} |", percent(claims, all));
    }
    text.push('\n');
    text
}

/// The table of searches; nothing where none were made.
pub fn searches(found: &[Search]) -> String {
    let Some(first) = found.first() else { return String::new() };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "## Searches\n\n\
         `stickysim tune tests/validity/pool.yaml --vary sticky_escape_ttft_ms=2000:40000:log:12 --minimise \
         sessions.worst_ttft_ms.p95 --seed N` for {} seeds. The truth is a brute-force grid of the twelve values with 200 \
         replications each. *Left with* is how much worse than the best of the grid the recommended or kept value is, in \
         the mean.\n\n\
         | pool | best of the grid | what there is | recommends a change | of these within 3 % of the best | left with |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |",
        first.searches
    );
    for search in found {
        let _ = writeln!(
            text,
            "| {} | {} ms | +{:.1} % | {} of {} | {} of {} | +{:.1} % |",
            search.name,
            search.best_ms,
            100.0 * search.own_worse_by,
            search.changes,
            search.searches,
            search.near,
            search.changes,
            100.0 * search.left_with,
        );
    }
    text.push('\n');
    text
}
