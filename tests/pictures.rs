//! Pictures and answers of the same figures say the same: numbers of titles, who is named where, what never came.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Four accounts for an hour, of which the first ten minutes are not counted. Account 2 is slow from the second minute
/// on, so sessions escape from it before anything is counted; account 4 is slow later.
const HOUR: &str = "
duration: 1h
warmup: 10m
account_defaults: {concurrency: 32, ttft: {lognormal: {p50: 1.3s, p90: 3s}}}
accounts: [{count: 3}, {name: small}]
conditions:
  - {name: early, accounts: [2], when: {scheduled: {at: 2m, for: 15m}}, effect: {ttft_factor: 40}}
  - {name: late, accounts: [4], when: {scheduled: {at: 40m, for: 10m}}, effect: {ttft_factor: 40}}
workload: {synth: {preset: agentic, sessions_per_hour: 300}}
";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, scenario: &str) -> Self {
        let path = std::env::temp_dir().join(format!("stickysim-pictures-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("hour.yaml"), scenario).unwrap();
        Self(path)
    }

    /// What the program prints, run in the folder.
    fn run(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(env!("CARGO_BIN_EXE_stickysim")).args(arguments).current_dir(&self.0).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.stdout.is_empty(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    /// A chart as text.
    fn chart(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join("charts").join(format!("{name}.svg"))).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The title that machines read of a chart.
fn title(chart: &str) -> &str {
    let from = chart.find("<title").unwrap();
    let rest = &chart[from..];
    &rest[rest.find('>').unwrap() + 1..rest.find("</title>").unwrap()]
}

/// Whether a chart has a line of exactly this text.
fn says(chart: &str, text: &str) -> bool {
    chart.lines().any(|line| line.trim() == text)
}

#[test]
fn the_timeline_counts_what_the_result_counts_and_names_the_account() {
    let folder = Folder::new("timeline", HOUR);
    let result = folder.json(&["run", "hour.yaml", "--plot", "charts"]);
    let all = result["escapes"]["total"].as_u64().unwrap();
    let of = |account: usize| result["accounts"][account]["escapes_from"].as_u64().unwrap();
    assert!(of(1) > 0 && of(3) > of(1) && all < 2_000, "some count and some are of the warm-up: {all}");
    let timeline = folder.chart("timeline");
    let number = |n: u64| if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) };
    let expected = format!("{} of {} escapes are from account 4 (small)", number(of(3)), number(all));
    assert!(title(&timeline).ends_with(&expected), "{} is not {expected}", title(&timeline));
    let answered = format!(", {} escapes", of(1));
    assert!(timeline.lines().any(|line| line.contains(" answered") && line.ends_with(&answered)), "{answered}");
}

#[test]
fn each_of_two_incidents_has_its_own_words() {
    let folder = Folder::new("incidents", HOUR);
    folder.run(&["run", "hour.yaml", "--plot", "charts", "--html", "page.html"]);
    let incident = folder.chart("incident");
    for words in ["account 2 was 40x slower from 0:02 to 0:17", "account 4 (small) was 40x slower from 0:40 to 0:50"] {
        assert!(says(&incident, words), "{words}");
    }
    // the title and the end of the story speak of the same run without escape
    let (_, off) = title(&incident).split_once("got stuck (").unwrap();
    let off: u64 = off.split(' ').next().unwrap().parse().unwrap();
    let page = std::fs::read_to_string(folder.0.join("page.html")).unwrap();
    assert!(page.contains(&format!("With escape off, {off} sessions got stuck on the same luck")), "{off}");
}

#[test]
fn sessions_without_a_first_token_are_the_tail_of_the_distribution() {
    let folder = Folder::new("tail", HOUR);
    let off = "gateway.openai_scheduler.sticky_escape_enabled=false";
    let result = folder.json(&["run", "hour.yaml", "--set", off, "--plot", "charts"]);
    let figure = |name: &str| result["sessions"][name].as_f64().unwrap();
    assert!(figure("with_turn_without_token") > 0.01 * figure("total"), "{}", result["sessions"]);
    let chart = folder.chart("distribution");
    assert!(title(&chart).ends_with("1 % of sessions had a turn without a first token"), "{}", title(&chart));
    assert!(chart.contains("The curves end above these."));
}

#[test]
fn a_comparison_of_what_never_came_does_not_let_it_fall() {
    let folder = Folder::new("never", HOUR);
    let result = folder.json(&["compare", "hour.yaml", "--replications", "12"]);
    let sentence = result["answer"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("got no first token with sticky escape off"), "{sentence}");
    assert!(!sentence.contains("from no token"), "{sentence}");
    let points = result["answer"]["points"].as_array().unwrap();
    let said = |part: &str| points.iter().any(|point| point["text"].as_str().unwrap().contains(part));
    assert!(!said("by rank") && !said("not clear among"), "{points:#?}");
    assert!(said("Better: stuck sessions: "), "{points:#?}");
}

#[test]
fn a_comparison_of_too_few_replications_says_so_where_the_tail_never_came() {
    let folder = Folder::new("few", HOUR);
    let result = folder.json(&["compare", "hour.yaml", "--replications", "2"]);
    let sentence = result["answer"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("got no first token with sticky escape off; their worst turn took "), "{sentence}");
    assert!(sentence.contains("with sticky escape on, but 2 replications are too few to judge that; "), "{sentence}");
}

#[test]
fn a_bill_that_nobody_would_notice_is_not_bad_news() {
    let healthy = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/healthy.yaml");
    let folder = Folder::new("trifle", HOUR);
    let result = folder.json(&["compare", healthy, "--replications", "5"]);
    let answer = &result["answer"];
    let points: Vec<&str> =
        answer["points"].as_array().unwrap().iter().map(|point| point["text"].as_str().unwrap()).collect();
    assert!(points.iter().any(|text| text.starts_with("Worse: price: ")), "what got worse is said: {points:#?}");
    assert_eq!(answer["tone"], "neutral", "{points:#?}");
    assert!(points.last().unwrap().starts_with("Sticky escape has next to nothing to do here"), "{points:#?}");
}

#[test]
fn of_many_conditions_each_has_a_point_and_the_bracket_counts_them() {
    let more = "  - {name: third, accounts: [1], when: {scheduled: {at: 25m, for: 5m}}, effect: {ttft_factor: 40}}\n";
    let folder = Folder::new("many", &HOUR.replace("workload:", &format!("{more}workload:")));
    let result = folder.json(&["run", "hour.yaml", "--plot", "charts"]);
    let points = result["answer"]["points"].as_array().unwrap();
    for text in ["Account 4 (small) was 40x slower from 0:40 to 0:50.", "Account 1 was 40x slower from 0:25 to 0:30."] {
        assert!(points.iter().any(|point| point["text"] == text), "{text}: {points:#?}");
    }
    let incident = folder.chart("incident");
    assert!(says(&incident, "3 conditions (3 times)"), "{}", title(&incident));
}

#[test]
fn a_name_of_joined_emoji_stays_one() {
    let name = "\u{1f469}\u{200d}\u{1f4bb}";
    let folder = Folder::new("emoji", &HOUR.replace("name: small", &format!("name: {name}")));
    folder.run(&["run", "hour.yaml", "--plot", "charts"]);
    let incident = folder.chart("incident");
    assert!(incident.contains(name) && !incident.contains('\u{fffd}'), "{}", title(&incident));
}

#[test]
fn a_comparison_without_conditions_names_the_account_that_gave_trouble() {
    let before = HOUR.split("conditions:").next().unwrap().replace("name: small", "name: small, concurrency: 2");
    let after = HOUR.split("ttft_factor: 40}}\n").last().unwrap();
    let folder = Folder::new("trouble", &format!("{before}{after}"));
    let compare = ["compare", "hour.yaml", "--replications", "2"];
    let sentence = folder.json(&compare)["answer"]["sentence"].as_str().unwrap().to_owned();
    let run = folder.json(&["run", "hour.yaml"])["answer"]["sentence"].as_str().unwrap().to_owned();
    for said in [sentence, run] {
        assert!(said.contains("ccount 4 (small) had no free slot "), "{said}");
    }
}

#[test]
fn a_comparison_without_requests_says_so() {
    let folder = Folder::new("none", &HOUR.replace("sessions_per_hour: 300", "sessions_per_hour: 0.001"));
    let result = folder.json(&["compare", "hour.yaml", "--replications", "2", "--plot", "charts"]);
    let answer = &result["answer"];
    assert_eq!(title(&folder.chart("who-suffered")), "No session escaped");
    assert_eq!(answer["sentence"], "No request was counted in any of 2 replications: there is nothing to compare.");
    assert_eq!(answer["tone"], "undecided");
}

#[test]
fn a_sweep_marks_the_value_that_there_is_as_one_to_keep() {
    let folder = Folder::new("keep", HOUR);
    let values = "sticky_escape_ttft_ms=15000,900000";
    let arguments = ["sweep", "hour.yaml", "--vary", values, "--replications", "6", "--plot", "charts"];
    let text = folder.run(&arguments);
    assert!(text.starts_with("Keep sticky_escape_ttft_ms=15000: "), "{text}");
    let chart = folder.chart("sweep");
    assert!(says(&chart, "keep 15 s") && !says(&chart, "take 15 s"), "{chart}");
}

#[test]
fn a_search_says_its_answer_first_and_its_chart_has_what_there_is() {
    let folder = Folder::new("search", HOUR);
    let arguments = ["tune", "hour.yaml", "--vary", "sticky_escape_ttft_ms=4000,40000", "--budget", "16"];
    let arguments = [&arguments[..], &["--replications", "2", "--max-replications", "2"]].concat();
    let text = folder.run(&[&arguments[..], &["--plot", "charts"]].concat());
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("KEEP sticky_escape_ttft_ms=15000; ")
            || first.starts_with("SET sticky_escape_ttft_ms 15000 -> "),
        "{text}"
    );
    let chart = folder.chart("search");
    let same = format!("hour: {first}");
    assert!(title(&chart).starts_with(same.trim_end_matches('.')), "{} is not {same}", title(&chart));
    assert!(says(&chart, "keep 15 s") || says(&chart, "take 4 s") || says(&chart, "take 40 s"));
    assert_eq!(chart.matches("<circle").count(), 4, "the legend's, and a point for each value and for what there is");
    let confirmation = folder.chart("confirmation");
    assert!(confirmation.contains("stuck sessions") && !confirmation.contains("sessions.stuck"));
}
