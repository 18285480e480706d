//! How often the verdict is wrong: logs of the true model that are called off, and wrong models that are not.

use super::measured::{POOLS, fitted, measure};
use super::*;

/// The log of a pool in a folder, as an operator would hand it over.
pub(crate) fn handed_over(text: &str, folder: &Path) -> Options {
    let document = Document::parse(text, Path::new("pool.yaml"), Path::new(".")).unwrap();
    let scenario = document.resolve(&[]).unwrap_or_else(|error| panic!("{error}")).scenario;
    Handed::over(&scenario, folder).unwrap_or_else(|error| panic!("{error}")).options(&folder.join("out"))
}

/// The figures that lie furthest off, as shares of what the envelope allows.
fn furthest(calibrated: &Calibrated) -> String {
    let share = |figure: &Compared| {
        let (ratio, low, high) = figure.ratio?;
        let allowed = if ratio > 1.0 { libm::log(ratio / low) } else { libm::log(high / ratio) };
        let off = libm::log(ratio).abs() / allowed;
        Some((off, format!("{} {ratio:.2} ({off:.2} of what is allowed)", figure.name)))
    };
    let mut shares: Vec<(f64, String)> = calibrated.back_test.figures.iter().filter_map(share).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    shares.into_iter().take(4).map(|(_, words)| words).collect::<Vec<_>>().join("; ")
}

#[test]
fn logs_of_the_true_model_agree() {
    let pool = threads(0).unwrap();
    let off: Vec<String> = (1..4)
        .map(|seed| fitted(seed, &pool).unwrap())
        .filter(|calibrated| calibrated.verdict == Agreement::Off)
        .map(|calibrated| furthest(&calibrated))
        .collect();
    assert!(off.len() <= 1, "{off:?}");
}

#[test]
fn wrong_depths_of_slow_spans_are_called_off_and_the_true_ones_are_not() {
    let [pool, _] = POOLS;
    let off = pool.called_off_of(1, 4, &threads(0).unwrap()).unwrap();
    let missed: Vec<&str> =
        pool.models().iter().zip(&off).skip(1).filter(|(_, off)| !**off).map(|((name, _), _)| *name).collect();
    assert!(!off[0], "the truth is called off");
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
#[ignore = "simulates a lot"]
fn true_models_of_forty_pools_are_hardly_called_off_and_wrong_ones_nearly_always() {
    let verdicts = measure(40, &threads(0).unwrap()).unwrap();
    println!("{}", verdicts.chapter());
    assert!(verdicts.hold(), "{}", verdicts.chapter());
}
