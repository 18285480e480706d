//! Every chart, usual and odd: nothing overlaps, nothing is cut off, nothing is empty without saying so, text stays
//! text.

#[path = "common/charts.rs"]
mod charts;

use charts::gallery;
use stickysim::report::chart::*;

/// Wide for files and pages, narrow for telephones.
const WIDTHS: [f64; 3] = [960.0, 420.0, 320.0];

#[test]
fn no_text_overlaps_another_or_leaves_the_paper() {
    let mut wrong = Vec::new();
    for (name, figure) in gallery() {
        for width in WIDTHS {
            let scene = layout(&figure, width).unwrap();
            let texts = scene.texts().unwrap();
            for (i, a) in texts.iter().enumerate() {
                if a.left < 0.0 || a.right > scene.width || a.top < 0.0 || a.bottom > scene.height {
                    wrong.push(format!("{name} at {width}: cut off: {a:?}"));
                }
                for b in &texts[i + 1..] {
                    if a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
                        wrong.push(format!("{name} at {width}: {a:?} on {b:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} texts are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn a_plot_that_draws_nothing_says_so() {
    for (name, figure) in gallery() {
        let scene = layout(&figure, 960.0).unwrap();
        for (empty, things) in scene.drawn() {
            assert!(empty || things > 0, "{name}");
        }
        let says = scene.texts().unwrap().iter().any(|text| text.text.starts_with("nothing to show"));
        assert_eq!(says, scene.drawn().iter().any(|plot| plot.0), "{name}");
    }
}

#[test]
fn svg_is_the_same_bytes_for_the_same_input() {
    for (name, figure) in gallery() {
        assert_eq!(svg(&figure, Theme::Light).unwrap(), svg(&figure.clone(), Theme::Light).unwrap(), "{name}");
        assert_eq!(
            inline_svg(&figure, 960.0, "a").unwrap(),
            inline_svg(&figure.clone(), 960.0, "a").unwrap(),
            "{name}"
        );
    }
}

#[test]
fn every_svg_is_well_formed_and_holds_no_foreign_elements() {
    let allowed = [
        "svg", "use", "title", "desc", "rect", "text", "line", "polyline", "polygon", "circle", "g", "path", "clipPath",
    ];
    for (name, figure) in gallery() {
        for text in [
            svg(&figure, Theme::Light).unwrap(),
            svg(&figure, Theme::Dark).unwrap(),
            inline_svg(&figure, 960.0, "a").unwrap(),
        ] {
            let elements = elements(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(elements.iter().all(|element| allowed.contains(&element.as_str())), "{name}: {elements:?}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{name}");
        }
    }
}

/// The names of all elements; an error where tags do not match.
fn elements(text: &str) -> Result<Vec<String>, String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let before = &rest[..start];
        if before.contains('>') {
            return Err(format!("a stray > before {:?}", &rest[start..rest.len().min(start + 40)]));
        }
        let end = rest[start..].find('>').ok_or("a tag without an end")? + start;
        let tag = &rest[start + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else {
            let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !tag.matches('"').count().is_multiple_of(2) {
                return Err(format!("quotes of <{tag}>"));
            }
            seen.push(name.clone());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        rest = &rest[end + 1..];
    }
    if open.is_empty() { Ok(seen) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn a_sentence_of_the_legend_is_wrapped_and_not_cut() {
    let befell =
        "shaded: account 3 was 12x slower for 3 min after every 5 min, from 2:00 to 4:00, and nobody knows why";
    let line = Line { dots: vec![Dot { at_s: 60.0, level: Level::Bad, tip: String::new() }] };
    let half = |name: &str| Half { name: name.to_owned(), lines: vec![line.clone()], stuck: 1 };
    let figure = suffered(&Suffered {
        halves: vec![half("escape off"), half("escape on")],
        degraded: vec![Span { from: 0.0, to: 100.0 }],
        befell: befell.to_owned(),
        window: (0.0, 200.0),
        ..Suffered::default()
    });
    for width in WIDTHS {
        let texts = layout(&figure, width).unwrap().texts().unwrap();
        let said: Vec<String> = texts.into_iter().map(|text| text.text).collect();
        assert!(said.join(" ").contains(befell), "{width}: {said:?}");
    }
}

#[test]
fn missed_onsets_and_false_alarms_have_marks() {
    let of = charts::detection_of(4, false);
    let names = |figure: &Figure| -> Vec<String> {
        layout(figure, 960.0).unwrap().texts().unwrap().into_iter().map(|text| text.text).collect()
    };
    let said = names(&detection(&of));
    for expected in
        ["never seen while it lasted", "12 missed", "false alarm: it had recovered: 61", "false alarm: it was well: 12"]
    {
        assert!(said.iter().any(|text| text == expected), "{expected}: {said:?}");
    }
    assert!(said.iter().any(|text| text.contains("3.63 % of its escapes were false alarms")), "{said:?}");
    let seen = of.conditions.iter().map(|c| ConditionDetection { detected: c.onsets, ..c.clone() }).collect();
    let none = vec![Alarms { due: 100.0, ..Alarms::default() }];
    let said = names(&detection(&Detection { conditions: seen, alarms: none, ..of })).join(" ");
    assert!(!said.contains("never seen") && !said.contains("missed") && !said.contains("false alarm"), "{said}");
}

#[test]
fn a_png_has_two_dots_a_px() {
    for (name, figure) in gallery().into_iter().filter(|(name, _)| !name.contains('-')) {
        let scene = layout(&figure, 960.0).unwrap();
        let bytes = png(&figure, Theme::Light).unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (1_920, 2 * scene.height as u32), "{name}");
    }
}

#[test]
fn a_hundred_thousand_requests_make_a_small_picture() {
    let figure = timeline(&charts::timeline_of(4, 100_000, true));
    let svg = svg(&figure, Theme::Light).unwrap();
    assert!(svg.len() < 3_000_000, "{}", svg.len());
    let inline = inline_svg(&figure, 960.0, "t").unwrap();
    assert!(inline.len() < 800_000, "{}", inline.len());
}

macro_rules! structure {
    ($($test:ident: $figure:expr;)*) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(stringify!($test), outline(&layout(&$figure, 960.0).unwrap()));
        }
    )*};
}

structure! {
    structure_of_a_threshold_sweep: key_sweep(&charts::sweep("slow-account"));
    structure_of_a_sweep_over_words: key_sweep(&charts::words(3, "preset"));
    structure_of_a_search: key_search(&charts::search(2, "slow-account"));
    structure_of_a_heat_map: heat_map(&charts::heat(5, 3));
    structure_of_distributions: distribution(&charts::distribution_of(2_000));
    structure_of_a_comparison: compare(&charts::comparison(10));
    structure_of_detection: detection(&charts::detection_of(4, true));
    structure_of_a_journey: journey(&charts::journey_of(30, 3));
    structure_of_a_timeline: timeline(&charts::timeline_of(3, 1_500, true));
    structure_of_a_timeline_of_strips: timeline(&charts::timeline_of(14, 1_500, true));
    structure_of_a_comparison_of_nothing: compare(&charts::comparison(0));
}
