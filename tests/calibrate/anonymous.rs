//! Traces that can be shared.

use super::*;
use stickysim::calibrate::anonymise::{Anonymise, anonymise};
use stickysim::engine::Luck;
use stickysim::workload::ReadConfig;
use stickysim::workload::replay::TraceReader;
use stickysim::workload::write::TraceWriter;

fn open(read: &ReadConfig) -> TraceReader {
    TraceReader::open(read, Luck::new(1)).unwrap()
}

fn anonymous(from: &Path, to: &Path, salt: &str) -> String {
    let how = Anonymise { salt: salt.to_owned(), ..Anonymise::default() };
    let read = ReadConfig { path: from.to_path_buf(), ..ReadConfig::default() };
    anonymise(open(&read), &how, TraceWriter::create(to, None).unwrap()).unwrap();
    std::fs::read_to_string(to).unwrap()
}

#[test]
fn an_anonymous_trace_keeps_the_numbers_and_loses_the_names() {
    let folder = folder("anonymous");
    let (from, to) = (folder.join("secret.jsonl"), folder.join("open.jsonl"));
    let rows = [
        r#"{"at_s":100.5,"session":"customer-4711","user":"alice@example.com","model":"in-house","input_tokens":50,"output_tokens":7,"recorded":{"account":90210,"ttft_ms":120,"duration_ms":300,"status":200}}"#,
        r#"{"at_s":101.5,"session":"customer-4711","user":"alice@example.com","model":"gpt-5","input_tokens":60,"output_tokens":8}"#,
    ];
    std::fs::write(&from, rows.join("\n")).unwrap();
    let how = Anonymise { salt: "pepper".to_owned(), rename_models: true, ..Anonymise::default() };
    let read = ReadConfig { path: from, ..ReadConfig::default() };
    let written = anonymise(open(&read), &how, TraceWriter::create(&to, None).unwrap()).unwrap();
    let text = std::fs::read_to_string(&to).unwrap();
    assert_eq!(written.rows, 2);
    for secret in ["customer", "alice", "90210", "in-house", "gpt-5", "100.5"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let log = stickysim::calibrate::records::Log::of_trace(&ReadConfig { path: to.clone(), ..ReadConfig::default() })
        .unwrap();
    assert_eq!(log.records[0].session, log.records[1].session);
    assert_eq!(log.kinds, ["model-1", "model-2"]);
    assert_eq!((log.records[0].at_s, log.records[1].at_s, log.records[1].input_tokens), (0.0, 1.0, Some(60)));
    let no_salt = anonymise(open(&read), &Anonymise::default(), TraceWriter::create(&to, None).unwrap());
    assert!(no_salt.unwrap_err().to_string().contains("salt"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_same_salt_gives_the_same_names_and_another_one_others() {
    let folder = folder("salts");
    let (from, to) = (folder.join("secret.jsonl"), folder.join("open.jsonl"));
    let rows: String = (0..40)
        .map(|i| {
            format!(
                "{{\"at_s\":{i},\"session\":\"customer-{}\",\"user\":\"u{}\",\"model\":\"gpt-5\",\"input_tokens\":5,\"output_tokens\":7,\
                 \"response_id\":\"resp-{i}\",\"previous_response_id\":\"resp-{}\",\"attempts\":[{{\"kind\":\"status\",\"status\":500,\
                 \"end_us\":4000}},{{\"kind\":\"ok\",\"ttft_us\":9000,\"end_us\":12000}}]}}\n",
                i % 7,
                i % 3,
                i - 1
            )
        })
        .collect();
    std::fs::write(&from, rows).unwrap();
    let first = anonymous(&from, &to, "pepper");
    assert_eq!(first, anonymous(&from, &to, "pepper"));
    let other = anonymous(&from, &to, "salt");
    let fields = |text: &str, name: &str| -> Vec<serde_json::Value> {
        text.lines()
            .skip(1)
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()[name].clone())
            .collect()
    };
    for name in ["session", "user", "response_id", "previous_response_id"] {
        let (a, b) = (fields(&first, name), fields(&other, name));
        assert!(a.iter().zip(&b).all(|(a, b)| a.is_string() && a != b), "{name}: {a:?} {b:?}");
        assert!(!format!("{a:?}").contains("customer") && !format!("{a:?}").contains("resp-"), "{name}: {a:?}");
    }
    // who continues whom, who belongs to whom, and how attempts went stay as they were
    let (responses, previous) = (fields(&first, "response_id"), fields(&first, "previous_response_id"));
    assert!((1..40).all(|i| previous[i] == responses[i - 1]));
    let sessions = fields(&first, "session");
    assert!((7..40).all(|i| sessions[i] == sessions[i - 7] && sessions[i] != sessions[i - 1]));
    assert_eq!(fields(&first, "attempts")[3].as_array().unwrap().len(), 2);
    assert_eq!(fields(&first, "attempts")[3][0]["status"], 500);
    assert_eq!(fields(&first, "model")[0], "gpt-5");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_anonymous_trace_says_and_replays_the_same() {
    use stickysim::units::Span;
    use stickysim::workload::stats::stats;
    let folder = folder("replays");
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-runs/slow-on-newer/export.jsonl.gz");
    let to = folder.join("open.jsonl");
    anonymous(&recording, &to, "pepper");
    let told = |path: &Path| {
        let read = ReadConfig { path: path.to_path_buf(), ..ReadConfig::default() };
        let mut told = serde_json::to_value(stats(&read, Span::from_secs(7_200), Luck::new(1)).unwrap()).unwrap();
        // what a file is called, and what was remarked on reading it
        for key in ["format", "recognised_by", "notes", "start", "first_at", "file"] {
            told.as_object_mut().unwrap().remove(key);
        }
        told
    };
    assert_eq!(told(&recording), told(&to));
    // one account leaves the draw no choice: then names, which seed it, are all that differs
    let replayed = |path: &Path| {
        let text = format!(
            "seed: 3\naccounts: [{{id: 1, concurrency: 0, ttft: {{lognormal: {{p50: 1s, sigma: 0.4}}}}}}]\nworkload: {{replay: {{file: {}}}}}\n",
            serde_json::Value::from(path.to_str().unwrap())
        );
        let document = Document::parse(&text, Path::new("replay.yaml"), Path::new(".")).unwrap();
        let lowered = lower(&document.resolve(&[]).unwrap().scenario).unwrap();
        let run = stickysim::simulation::simulate(&lowered, 3).unwrap();
        run.results
            .figures
            .run
            .iter()
            .map(|(meta, value)| (meta.path, value))
            .filter(|(path, _)| !path.starts_with("engine"))
            .collect::<Vec<_>>()
    };
    assert_eq!(replayed(&recording), replayed(&to));
    std::fs::remove_dir_all(folder).unwrap();
}
