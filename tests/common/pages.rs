//! A page of results with everything that a page can hold.
#![allow(dead_code, reason = "each test uses a part")]

use stickysim::report::Answer;
use stickysim::report::chart::*;
use stickysim::report::html::{Cell, Column, Page, Piece, Section, Table, Tile, Tone};

use super::charts;

/// A page about a scenario of this name, whose run had so many requests.
pub fn page_of(name: &str, accounts: usize, requests: usize) -> Page {
    let tile = |name: &str, value: &str, remark: &str, tone| Tile {
        name: name.to_owned(),
        value: value.to_owned(),
        remark: remark.to_owned(),
        tone,
    };
    let section = |heading: &str, text: &str, pieces: Vec<Piece>| {
        let text = (!text.is_empty()).then(|| Piece::Line(text.to_owned()));
        Section { heading: heading.to_owned(), pieces: text.into_iter().chain(pieces).collect() }
    };
    let chart = |figure| Piece::Chart(Box::new(figure));
    let mut comparison = charts::comparison(10);
    comparison.provenance = charts::provenance(name);
    let mut timeline_data = charts::timeline_of(accounts, requests, true);
    timeline_data.provenance = charts::provenance(name);
    timeline_data.accounts[0].name = name.to_owned();
    let journeys = (0..6).map(|i| {
        let mut journey = charts::journey_of(20 + 9 * i, 3);
        journey.session = format!("{name} {i}");
        journey.accounts[1] = name.to_owned();
        (format!("{name} {i}: worst turn {} s", 60 - 7 * i), journey)
    });
    let row = |i: usize| {
        let p99 = 1_300.0 + 7_919.0 * (i * i % 7) as f64;
        vec![
            Cell::words(if i == 2 { name.to_owned() } else { format!("acct-{}", i + 1) }),
            Cell::number(Format::Number.value(1_169.0 - 97.0 * i as f64), 1_169.0 - 97.0 * i as f64),
            Cell::number(Format::Seconds.value(p99 / 1e3), p99).toned(if p99 > 2e4 {
                Tone::Bad
            } else {
                Tone::Neutral
            }),
            if i == 3 {
                Cell::number("–", f64::NAN)
            } else {
                Cell::number(format!("{}", i * 7 % 5), (i * 7 % 5) as f64)
            },
        ]
    };
    let column = |name: &str, number| Column { name: name.to_owned(), number };
    Page {
        title: format!("Escape threshold for {name}"),
        provenance: charts::provenance(name),
        answer: Answer::plain(
            "A threshold of 7.1 s instead of 15 s cuts the worst turn of the slowest 1 % of sessions from 66 s to \
             25.7 s; cold turns rise from 1.2 % to 1.69 %.",
            Tone::Good,
            [
                "Any value from 5.4 s to 9.3 s does as well: the plateau.".to_owned(),
                "Against escape off the 95 % interval of the difference is −67 % to −55 %.".to_owned(),
            ],
        ),
        notes: vec![
            "Sessions are assumed: the trace has none. Latencies of sessions stand and fall with that.".to_owned(),
        ],
        tiles: vec![
            tile("Session worst turn, p99", "25.7 s", "off: 66 s", Tone::Good),
            tile("Stuck sessions", "1.28 %", "off: 7.1 %", Tone::Good),
            tile("Cold turns", "1.69 %", "off: 1.2 %", Tone::Bad),
            tile("Escapes per 1,000 requests", "61.3", "wasted: 8 %", Tone::Neutral),
            tile("Detection delay, median", "42 s", "6 completions", Tone::Neutral),
        ],
        sections: vec![
            section("Threshold", "", vec![chart(key_sweep(&charts::sweep(name)))]),
            section(
                "Against escape off",
                "Twenty pairs of runs with the same luck.",
                vec![chart(compare(&comparison)), chart(distribution(&charts::distribution_of(20_000)))],
            ),
            section("Over time", "", vec![chart(timeline(&timeline_data))]),
            section("Sessions", "The six sessions with the slowest turns.", vec![Piece::Sessions(journeys.collect())]),
            section("Detection", "", vec![chart(detection(&charts::detection_of(4, true)))]),
            section("Two keys", "", vec![chart(heat_map(&charts::heat(12, 6)))]),
            section(
                "Accounts",
                "",
                vec![Piece::Table(Table {
                    caption: "Figures of each account".to_owned(),
                    columns: vec![
                        column("account", false),
                        column("requests", true),
                        column("upstream TTFT p99", true),
                        column("escapes from it", true),
                    ],
                    rows: (0..6).map(row).collect(),
                })],
            ),
        ],
        scenario: format!(
            "name: {name}\ngateway:\n  openai_scheduler:\n    sticky_escape_ttft_ms: 7100\n    ewma_alpha: 0.3\n"
        ),
        command: format!(
            "stickysim sweep scenarios/slow-account.yaml --vary sticky_escape_ttft_ms=1000:60000:log:25 --seed 42 # {name}"
        ),
        reproduce: vec![
            ("stickysim".to_owned(), "0.1.0".to_owned()),
            ("scheduler".to_owned(), "sub2api PR 2872".to_owned()),
            ("seed".to_owned(), "42".to_owned()),
        ],
    }
}
