//! The page and the charts of a calibration.

use super::*;
use stickysim::report::calibration::{charts, page};
use stickysim::report::html;

#[test]
fn the_page_shows_the_record_against_the_simulations_and_every_figure() {
    let out = folder("page");
    let calibrated = run(&recording("slow-on-newer", true, &out));
    let drawn: Vec<(String, String)> =
        charts(&calibrated).into_iter().map(|chart| (chart.name, chart.figure.title)).collect();
    let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["calibration-tail", "calibration-accounts", "calibration-escapes"]);
    assert!(drawn[0].1.starts_with("1 % of the answers took 3."), "{drawn:?}");
    assert!(drawn[2].1.contains("escapes in the record"), "{drawn:?}");
    let page = page(&calibrated, "stickysim calibrate log.jsonl --html page.html");
    assert!(page.answer.sentence.contains("do what really happened"), "{}", page.answer.sentence);
    let text = html::page(&page).unwrap();
    for figure in &calibrated.back_test.figures {
        assert!(text.contains(&figure.name), "{}", figure.name);
    }
    assert!(text.contains("0.1.179 in the mode advanced") && text.contains("account 6"));
    std::fs::remove_dir_all(out).unwrap();
}
