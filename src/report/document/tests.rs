use serde_json::json;

use super::*;
use crate::ids::AccountIx;
use crate::measure::escapes::Move;
use crate::measure::figures::registry::{ACCOUNT, CONDITION, RUN};
use crate::measure::figures::{Figures, Unit};
use crate::report::Style;
use crate::units::{Span, Time};

/// A fabricated result: a plausible value for every figure, the same ones each time but for what `scale` does to them.
fn results(scale: f64) -> Results {
    let value = |meta: &Meta, place: usize| match meta.unit {
        Unit::Ms => 250.0 * (1.0 + place as f64) * scale,
        Unit::Seconds => 12.5 * (1.0 + place as f64 % 7.0) * scale,
        Unit::Ratio => 0.013 * (1.0 + place as f64 % 9.0) * scale,
        Unit::PerSecond => 4.2 * scale,
        Unit::Count | Unit::Tokens => ((40 + 13 * place) as f64 * scale).round(),
        Unit::Money => 17.5 * scale,
        Unit::Plain => 3.25 * scale,
    };
    let row = |metas: &'static [Meta]| {
        let mut row = Row::new(metas);
        for (place, meta) in metas.iter().enumerate() {
            row.put(meta.path, value(meta, place));
        }
        row
    };
    let mut figures = Figures { run: row(RUN), ..Figures::new() };
    figures.run.put("escapes.wasted_ratio", None);
    for name in ["1", "2"] {
        figures.accounts.push(Named { name: name.into(), row: row(ACCOUNT) });
    }
    figures.accounts[1].row.put("ewma_ttft_ms", None);
    figures.conditions.push(Named { name: "slow".into(), row: row(CONDITION) });
    let moves = vec![
        Move { from: AccountIx(0), to: AccountIx(1), moves: 7, returns: 2 },
        Move { from: AccountIx(1), to: AccountIx(0), moves: 30, returns: 0 },
    ];
    let notes = vec![
        Note::measured(
            "sessions.worst_ttft_ms.p99",
            "p99 from {} sessions: close to the maximum",
            &[(87.0 * scale).round()],
        ),
        Note::new("detection", "a remark on detection"),
    ];
    Results { figures, moves, series: None, notes, violations: Vec::new(), violation_count: 0 }
}

fn about() -> About {
    let settings = Settings {
        start: Time::from_unix_nanos(0),
        warmup_end: Time::ZERO + Span::from_secs(600),
        ..Settings::default()
    };
    About {
        name: "slow-account".into(),
        scenario: json!({ "accounts": [{ "id": 1 }], "gateway": { "max_account_switches": 10 } }),
        seed: 7,
        settings,
        baseline_ms: Some(1_300.0),
        account_names: vec!["1".into(), "spare".into()],
        notes: vec![Note::new("workload", "sessions are assumed")],
        wall_s: 0.25,
        threads: 1,
    }
}

fn single() -> ResultDocument {
    ResultDocument::new(about(), &[results(1.0)])
}

fn several() -> ResultDocument {
    ResultDocument::new(about(), &[results(0.95), results(1.0), results(1.1)])
}

fn parsed(document: &ResultDocument) -> Value {
    serde_json::from_str(&document.to_json()).unwrap_or(Value::Null)
}

#[test]
fn the_paths_that_others_rely_on_are_there() {
    let document = parsed(&single());
    for path in [
        "/schema_version",
        "/stickysim_version",
        "/scheduler_revision",
        "/seed",
        "/scenario/gateway/max_account_switches",
        "/requests/total",
        "/requests/ok",
        "/felt_ttft_ms/p50",
        "/felt_ttft_ms/p95",
        "/felt_ttft_ms/p99",
        "/upstream_ttft_ms/p50",
        "/upstream_ttft_ms/p95",
        "/upstream_ttft_ms/p99",
        "/sessions/total",
        "/sessions/worst_ttft_ms/p50",
        "/sessions/worst_ttft_ms/p95",
        "/sessions/worst_ttft_ms/p99",
        "/sessions/stuck",
        "/escapes/total",
        "/escapes/by_reason/ttft",
        "/escapes/by_reason/error_rate",
        "/escapes/by_reason/concurrency_full",
        "/scheduler/sticky_hit_ratio",
        "/cost/cold_turn_ratio",
        "/statuses/ok",
        "/accounts/0/requests",
        "/accounts/1/id",
        "/engine/events",
        "/engine/wall_s",
    ] {
        assert!(
            document.pointer(path).is_some_and(Value::is_number)
                || path == "/stickysim_version"
                || path == "/scheduler_revision",
            "{path}"
        );
    }
    assert_eq!(document.pointer("/escapes/wasted_ratio"), Some(&Value::Null));
    assert!(document.pointer("/requests/total").is_some_and(Value::is_u64), "what is counted is whole");
}

#[test]
fn a_figure_of_several_replications_has_mean_and_interval() {
    let document = parsed(&several());
    let p50 = &document["felt_ttft_ms"]["p50"];
    let [mean, lo, hi] = ["mean", "lo", "hi"].map(|part| p50[part].as_f64().unwrap_or(f64::NAN));
    let place = RUN.iter().position(|meta| meta.path == "felt_ttft_ms.p50").unwrap_or(0);
    let base = 250.0 * (1.0 + place as f64);
    // mean of 0.95, 1 and 1.1, and t(2) = 4.302653 standard errors around it
    assert!((mean / base - 3.05 / 3.0).abs() < 1e-9);
    let half = 4.302_652_73 * (0.005_833_333_f64 / 3.0).sqrt();
    assert!(((hi - lo) / 2.0 / base - half).abs() < 1e-6, "{} {half}", (hi - lo) / 2.0 / base);
    assert_eq!(
        document["escapes"]["by_accounts"][0],
        json!({
            "from": 2, "to": 1,
            "moves": { "mean": 30.0, "lo": null, "hi": null }, "returns": { "mean": 0.0, "lo": null, "hi": null },
        })
    );
}

#[test]
fn remarks_of_several_replications_are_said_once() {
    let document = several();
    let said: Vec<_> = document.remarks.iter().map(|remark| remark.text(3, "replications")).collect();
    let few = "p99 from 88.7 sessions: close to the maximum (mean of 3 replications)";
    assert_eq!(said, ["sessions are assumed", few, "a remark on detection"]);
}

#[test]
fn csv_has_a_row_for_every_leaf_of_the_json() {
    let text = single().to_csv();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<(String, String)> = reader.deserialize().collect::<Result<_, _>>().unwrap_or_default();
    let value = |path: &str| rows.iter().find(|row| row.0 == path).map(|row| row.1.as_str());
    assert_eq!(value("seed"), Some("7"));
    assert_eq!(value("scenario.gateway.max_account_switches"), Some("10"));
    assert_eq!(value("escapes.wasted_ratio"), Some(""));
    assert_eq!(value("accounts.2.requests"), Some("53"));
    assert_eq!(value("conditions.slow.onsets"), Some("40"));
    assert!(
        RUN.iter()
            .filter(|meta| meta.group != crate::measure::figures::Group::Engine)
            .all(|meta| value(meta.path).is_some())
    );
    assert!(several().to_csv().starts_with("path,mean,lo,hi\n"));
}

#[test]
fn the_document_keeps_to_its_schema() {
    for document in [single(), several()] {
        let schema = crate::report::schema::result_schema();
        conforms(&parsed(&document), &schema, "");
    }
}

/// The little of JSON Schema that ours uses: every property is known and none is missing.
fn conforms(value: &Value, schema: &Value, path: &str) {
    if schema["$ref"] == "#/$defs/figure" {
        let figure = value.is_number() || value.is_null() || value.get("mean").is_some_and(Value::is_number);
        assert!(figure, "{path}: {value}");
    } else if let (Value::Object(object), Value::Object(properties)) = (value, &schema["properties"]) {
        for (name, inner) in object {
            let known = properties.get(name);
            assert!(known.is_some(), "{path}.{name} is not in the schema");
            conforms(inner, known.unwrap_or(&Value::Null), &format!("{path}.{name}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap_or_default()), "{path} has no {name}");
        }
    } else if let Value::Array(items) = value {
        items.iter().for_each(|item| conforms(item, &schema["items"], path));
    }
}

#[test]
fn the_summary_of_one_run() {
    insta::assert_snapshot!(single().to_text(Style::default()));
}

#[test]
fn the_summary_of_several_replications() {
    insta::assert_snapshot!(several().to_text(Style::default()));
}

#[test]
fn the_markdown_page() {
    insta::assert_snapshot!(single().to_markdown());
}

#[test]
fn nothing_is_wider_than_the_terminal_and_colour_only_when_told() {
    for document in [single(), several()] {
        for width in [80, 120] {
            let plain = document.to_text(Style { width, ..Style::default() });
            for line in plain.lines() {
                assert!(line.chars().count() <= usize::from(width), "{line}");
            }
            assert!(!plain.contains('\u{1b}'));
        }
        assert!(document.to_text(Style { colour: true, ..Style::default() }).contains("\u{1b}[1m"));
    }
}
