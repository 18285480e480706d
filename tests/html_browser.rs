//! Pages in a real browser: no console errors, no requests, every interaction by mouse and by keys, readable by
//! machines, screenshots at desktop and phone width, light and dark, and the print. Pages of real runs, made by the
//! program, and made-up ones with everything on them. Where there is no chromium it says so and passes.

#[path = "common/browser.rs"]
mod browser;
#[path = "common/charts.rs"]
mod charts;
#[path = "common/pages.rs"]
mod pages;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use pages::page_of;
use serde_json::json;
use stickysim::report::html::page;

/// Works the page like a reader, by events of its own, and says what went wrong.
const PROBE: &str = include_str!("common/page_probe.js");
/// Whether everything that takes the focus has a name and a role, and shows that it has the focus.
const FOCUS: &str = include_str!("common/page_focus.js");
const DESKTOP: (u32, u32) = (1_200, 900);
const PHONE: (u32, u32) = (390, 844);

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A made-up page with everything on it.
fn made_up(name: &str, scenario: &str) -> PathBuf {
    let file = folder().join(format!("{name}.html"));
    std::fs::write(&file, page(&page_of(scenario, 4, 3_000)).unwrap()).unwrap();
    file
}

/// The page that the program makes with these arguments.
fn made(name: &str, args: &[&str]) -> PathBuf {
    let file = folder().join(format!("{name}.html"));
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .args(args)
        .args(["--html", file.to_str().unwrap()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    file
}

/// The page of a calibration: of a recording that differs from its simulations, for which the status is 1.
fn calibrated(name: &str) -> PathBuf {
    let (file, out) = (folder().join(format!("{name}.html")), folder().join(format!("{name}-out")));
    let runs = Path::new("tests/real-runs/slow-off");
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .arg("calibrate")
        .arg(runs.join("export.jsonl.gz"))
        .arg("--accounts")
        .arg(runs.join("accounts.jsonl.gz"))
        .args(["--force", "--replications", "5", "--out", out.to_str().unwrap(), "--html", file.to_str().unwrap()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(file.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// A scenario and a trace in which every name that people choose looks like markup.
fn hostile(test: &str) -> PathBuf {
    let name = MARKUP;
    let (scenario, trace) = (folder().join(format!("{test}.yaml")), folder().join(format!("{test}.jsonl")));
    // A JSON string is a YAML string.
    let named = |prefix: &str| json!(format!("{prefix}{name}")).to_string();
    let text = format!(
        "name: {0}\ndescription: {0}\naccount_defaults: {{concurrency: 8, ttft: {{lognormal: {{p50: 1.3s, p90: 3s}}}}}}\n\
         accounts:\n  - name: {1}\n  - name: {2}\n  - name: {3}\nconditions:\n  - name: {4}\n    accounts: [1]\n    \
         when: {{scheduled: {{at: 15m, for: 30m}}}}\n    effect: {{ttft_factor: 20}}\n\
         workload:\n  synth:\n    preset: agentic\n    sessions_per_hour: 60\n",
        named(""),
        named("a"),
        named("b"),
        named("c"),
        named("slow"),
    );
    std::fs::write(&scenario, text).unwrap();
    let mut rows = "{\"stickysim_trace\":1}\n".to_owned();
    for i in 0..2_500 {
        let (session, model) = (format!("{name}{}", i % 40), format!("gpt{name}"));
        let row = json!({"at_s": f64::from(i) * 1.5, "session": session, "model": model,
            "input_tokens": 3_000 + i % 700, "output_tokens": 100});
        writeln!(rows, "{row}").unwrap();
    }
    std::fs::write(&trace, rows).unwrap();
    made(test, &["run", scenario.to_str().unwrap(), "--trace", trace.to_str().unwrap()])
}

/// A name that would do harm if it were not text.
const MARKUP: &str = "</script><img src=x onerror=alert(1)>\"'&amp;]]>";

/// A tenth of the sessions.
const FEW: &str = "workload.synth.sessions_per_hour=54";
const SWEEP: &[&str] = &["sweep", "scenarios/slow-account.yaml", "--replications", "2", "--set", FEW];

const TUNE: &[&str] = &[
    "tune",
    "scenarios/slow-account.yaml",
    "--vary",
    "sticky_escape_ttft_ms=4000,15000",
    "--set",
    FEW,
    "--budget",
    "16",
    "--replications",
    "2",
    "--max-replications",
    "2",
];

/// The four ways to look at a page.
const LOOKS: [(&str, (u32, u32), &str); 4] = [
    ("desktop-light", DESKTOP, "light"),
    ("desktop-dark", DESKTOP, "dark"),
    ("phone-light", PHONE, "light"),
    ("phone-dark", PHONE, "dark"),
];

/// axe-core as its npm package has it: where AXE_CORE says, else installed below target; `None` where it cannot be had.
fn axe_core() -> Option<String> {
    if let Some(file) = std::env::var_os("AXE_CORE") {
        return Some(std::fs::read_to_string(file).unwrap());
    }
    let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let file = prefix.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&prefix).unwrap();
        let install = ["install", "--silent", "--no-audit", "--no-fund", "axe-core@4"];
        let _ = Command::new("npm").args(install).current_dir(&prefix).output();
    }
    let found = std::fs::read_to_string(file).ok();
    if found.is_none() {
        println!("skipped: axe-core is not there and npm cannot fetch it; AXE_CORE names its axe.min.js");
    }
    found
}

#[test]
fn axe_finds_no_violation_on_any_kind_of_page() {
    let Some(mut browser) = Browser::start("axe") else { return };
    let Some(axe) = axe_core() else { return };
    for file in [
        made("axe-run", &["run", "scenarios/slow-account.yaml", "--set", FEW]),
        made("axe-compare", &["compare", "scenarios/slow-account.yaml", "--replications", "2", "--set", FEW]),
        made("axe-sweep", &[SWEEP, &["--vary", "sticky_escape_ttft_ms=2000,8000,30000"]].concat()),
        made("axe-heat", &[SWEEP, &["--vary", "sticky_escape_ttft_ms=2000,8000", "--vary", "lb_top_k=1,7"]].concat()),
        made("axe-tune", TUNE),
        calibrated("axe-calibrate"),
        made_up("axe-made-up", "slow-account"),
    ] {
        for (look, (width, height), scheme) in LOOKS {
            browser.window(width, height);
            browser.prefers(scheme);
            browser.open(&file);
            browser.eval(&axe);
            let found = browser.eval(
                "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => v.id + ': ' + \
                 v.nodes[0].html.slice(0, 200)))",
            );
            assert_eq!(found, json!([]), "{} {look}", file.display());
        }
    }
}

/// Opens a page in each way: it is quiet, fits the window and shows itself.
fn look_at(browser: &mut Browser, file: &Path) {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for (look, (width, height), scheme) in LOOKS {
        browser.window(width, height);
        browser.prefers(scheme);
        browser.open(file);
        assert!(browser.is("document.documentElement.dataset.ready === '1'"), "{name} {look}: the script did not run");
        assert!(
            browser.is("document.documentElement.scrollWidth <= innerWidth"),
            "{name} {look}: wider than the window"
        );
        assert!(browser.is("!document.querySelector('img, iframe, object, embed')"), "{name} {look}");
        assert_eq!(browser.trouble(), [""; 0], "{name} {look}");
        let shot = browser.screenshot(true);
        std::fs::write(folder().join(format!("{name}-{look}.png")), &shot).unwrap();
        assert!(shot.len() > 20_000, "{name} {look}: {} bytes", shot.len());
        assert!(!seen.contains(&shot), "{name} {look} looks like another way");
        seen.push(shot);
    }
    browser.window(DESKTOP.0, DESKTOP.1);
    browser.prefers("light");
}

#[test]
fn pages_are_quiet_fit_the_window_and_fetch_nothing() {
    let Some(mut browser) = Browser::start("looks") else { return };
    for file in [
        made_up("plain", "slow-account"),
        made_up("hostile", charts::HOSTILE),
        made("run", &["run", "scenarios/slow-account.yaml"]),
        made("compare", &["compare", "scenarios/slow-account.yaml", "--replications", "2", "--set", FEW]),
        made("sweep", &[SWEEP, &["--vary", "sticky_escape_ttft_ms=2000,8000,30000"]].concat()),
        made("heat-map", &[SWEEP, &["--vary", "sticky_escape_ttft_ms=2000,8000", "--vary", "lb_top_k=1,7"]].concat()),
        made("run-short", &["run", "scenarios/quota-429.yaml", "--set", "duration=30m", "--set", "warmup=0s"]),
        hostile("hostile-run"),
        calibrated("calibrate"),
    ] {
        look_at(&mut browser, &file);
    }
}

#[test]
#[ignore = "runs every shipped scenario; `make test-slow`"]
fn pages_of_every_shipped_scenario_are_quiet() {
    let Some(mut browser) = Browser::start("scenarios") else { return };
    for entry in std::fs::read_dir("scenarios").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let file = made(&format!("scenario-{name}"), &["run", path.to_str().unwrap()]);
        look_at(&mut browser, &file);
    }
}

#[test]
fn names_from_scenarios_and_traces_are_shown_as_text() {
    let Some(mut browser) = Browser::start("names") else { return };
    for file in [hostile("hostile-names"), made_up("names", charts::HOSTILE)] {
        browser.open(&file);
        for place in ["h1", "title", "#yaml", "figure svg desc, svg.chart text"] {
            let query =
                format!("[...document.querySelectorAll({place:?})].some((e) => e.textContent.includes('onerror'))");
            assert!(browser.is(&query), "{place}");
        }
        assert!(browser.is("document.title.includes('</script><img src=x onerror=alert(1)>')"));
        assert!(browser.is("document.querySelectorAll('script').length === 1 && !document.querySelector('img')"));
        // tooltips, too
        browser.eval("document.querySelector('svg.chart').focus()");
        for _ in 0..3 {
            browser.key("ArrowRight");
        }
        assert!(
            browser
                .is("!document.getElementById('tip').hidden && document.getElementById('tip').children.length === 0")
        );
        assert_eq!(browser.trouble(), [""; 0]);
    }
}

#[test]
fn a_reader_can_work_the_page() {
    let Some(mut browser) = Browser::start("probe") else { return };
    for file in [made_up("probe", "slow-account"), made_up("probe-hostile", charts::HOSTILE)] {
        for (width, height) in [DESKTOP, PHONE] {
            browser.window(width, height);
            browser.open(&file);
            assert_eq!(browser.eval(PROBE), json!("all well"), "{} {width}", file.display());
            assert_eq!(browser.trouble(), [""; 0]);
        }
    }
}

/// The labels of the timeline's ticks.
const TICKS: &str = "[...[...document.querySelectorAll('svg.chart')].find((s) => s.getClientRects().length && \
    s.querySelector('.plot[data-zoom]')).querySelectorAll('.ticks text')].map((t) => t.textContent).join(' ')";

/// Scrolls to the first chart that is seen, and gives of its strips: the left end, the height of account 3, the width.
/// Quiet strips have no tooltips.
const STRIPS: &str = "(() => { \
        const s = [...document.querySelectorAll('svg.chart')].find((s) => s.getClientRects().length); \
        s.scrollIntoView({block: 'start', behavior: 'instant'}); const r = s.getBoundingClientRect(), \
        k = r.width / s.viewBox.baseVal.width, a = s.querySelector('.plot[data-zoom]').dataset.area.split(' ').map(Number); \
        return [r.x + a[0] * k, r.y + (a[1] + a[3] * 0.3) * k, a[2] * k]; })()";

#[test]
fn the_mouse_works_the_page_of_a_run() {
    let Some(mut browser) = Browser::start("mouse") else { return };
    browser.open(&made("run-mouse", &["run", "scenarios/slow-account.yaml"]));
    let whole = browser.eval(TICKS);
    // A drag across the timeline zooms, a double click shows all again.

    let area = browser.eval(STRIPS);
    let [left, y, width] = [0, 1, 2].map(|i| area[i].as_f64().unwrap());
    let at = |part: f64| (left + part * width, y);
    browser.mouse("mouseMoved", at(0.6), 0);
    browser.mouse("mousePressed", at(0.6), 1);
    browser.mouse("mouseMoved", at(0.7), 1);
    assert!(browser.is("!!document.querySelector('.brush')"));
    browser.mouse("mouseMoved", at(0.75), 1);
    browser.mouse("mouseReleased", at(0.75), 1);
    let zoomed = browser.eval(TICKS);
    assert_ne!(zoomed, whole);
    assert!(browser.is("!document.querySelector('.brush')"));
    assert!(zoomed.as_str().unwrap().contains("3:40"), "{zoomed}");
    // The tooltip is of what is under the mouse, and inside the window.
    let tipped = (1..60).any(|step| {
        browser.mouse("mouseMoved", at(f64::from(step) / 60.0), 0);
        browser.is("!document.getElementById('tip').hidden")
    });
    assert!(tipped);
    assert!(browser.is("/\\d/.test(document.getElementById('tip').textContent)"));
    assert!(browser.is("(() => { const r = document.getElementById('tip').getBoundingClientRect(); \
        return r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight; })()"));
    for clicks in [1, 2] {
        browser.mouse("mousePressed", at(0.5), clicks);
        browser.mouse("mouseReleased", at(0.5), clicks);
    }
    assert_eq!(browser.eval(TICKS), whole);
    // Buttons.
    browser.click("button[data-act=in]");
    let closer = browser.eval(TICKS);
    assert_ne!(closer, whole);
    browser.click("button[data-act=right]");
    assert_ne!(browser.eval(TICKS), closer);
    browser.click("button[data-act=all]");
    assert_eq!(browser.eval(TICKS), whole);
    // Series.
    let shown = "[...document.querySelectorAll('.box.wide svg.chart')][0].querySelectorAll('.data > g.gone').length";
    browser.click(".box.wide .key");
    assert_ne!(browser.eval(shown), json!(0));
    browser.click(".box.wide .key");
    assert_eq!(browser.eval(shown), json!(0));
    // Sessions.
    let title = "[...document.querySelectorAll('.picker .view')].findIndex((view) => view.getClientRects().length)";
    assert_eq!(browser.eval(title), json!(0));
    browser.click(".picker button[data-step='1']");
    assert_eq!(browser.eval(title), json!(1));
    browser.click(".picker button[data-step='-1']");
    assert_eq!(browser.eval(title), json!(0));
    // Tables, colours, copying.
    browser.click("table.sortable th.num button");
    assert!(browser.is("!!document.querySelector('th[aria-sort=ascending]')"));
    let paper = browser.eval("getComputedStyle(document.body).backgroundColor");
    browser.click("#theme");
    assert_ne!(browser.eval("getComputedStyle(document.body).backgroundColor"), paper);
    browser.click("button.copy[data-of=command]");
    assert!(browser.is("getSelection().toString().startsWith('stickysim run scenarios/slow-account.yaml')"));
    assert!(browser.is("document.querySelector('button.copy[data-of=command]').textContent === 'Copied'"));
    assert_eq!(browser.trouble(), [""; 0]);
}

#[test]
fn keys_reach_everything_and_names_say_what_it_is() {
    let Some(mut browser) = Browser::start("keys") else { return };
    browser
        .open(&made("run-keys", &["run", "scenarios/quota-429.yaml", "--set", "duration=30m", "--set", "warmup=0s"]));
    // From one thing to the next, in the order of the page, each with a frame around it.
    let mut reached = Vec::new();
    for _ in 0..400 {
        browser.key("Tab");
        let now = browser.eval(FOCUS);
        if now["end"] == json!(true) {
            break;
        }
        assert_eq!(now["wrong"], json!(""), "{now}");
        reached.push(now["kind"].as_str().unwrap().to_owned());
    }
    for kind in ["a", "button", "svg", "g", "select", "pre", "div", "summary"] {
        assert!(reached.iter().any(|other| other == kind), "{kind}: {reached:?}");
    }
    let all = browser.eval("[...document.querySelectorAll('a, button, input, select, summary, [tabindex]')].filter((e) => e.getClientRects().length && e.checkVisibility()).length");
    assert_eq!(json!(reached.len()), all, "{reached:?}");
    // What assistive software is told: everything that can be worked has a name.
    let tree = browser.call("Accessibility.getFullAXTree", json!({}));
    let mut known = 0;
    for node in tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] != json!(true)) {
        let role = node["role"]["value"].as_str().unwrap_or("");
        if ["button", "link", "combobox", "region", "group", "table", "navigation", "DisclosureTriangle"]
            .contains(&role)
        {
            let name = node["name"]["value"].as_str().unwrap_or("");
            // a table stands in a region that has the name; figures hold their own chart
            assert!(!name.is_empty() || role == "table" || role == "group", "{role} without a name: {node}");
            known += 1;
        }
    }
    assert!(known > 30, "{known}");
    // The keys of a chart.
    browser.eval("document.querySelector('svg.chart').focus()");
    browser.key("ArrowRight");
    assert!(
        browser.is("!document.getElementById('tip').hidden && document.getElementById('live').textContent.length > 3")
    );
    browser.key("Escape");
    assert!(browser.is("document.getElementById('tip').hidden"));
    let whole = browser.eval(TICKS);
    browser.key("+");
    assert_ne!(browser.eval(TICKS), whole);
    browser.key("0");
    assert_eq!(browser.eval(TICKS), whole);
    assert_eq!(browser.trouble(), [""; 0]);
}

#[test]
fn five_presses_of_a_key_lead_to_the_incident() {
    let Some(mut browser) = Browser::start("five") else { return };
    browser.open(&made("run-five", &["run", "scenarios/slow-account.yaml", "--set", FEW]));
    // past the contents, and from there to what is degraded
    ["Tab", "Enter", "i"].into_iter().for_each(|key| browser.key(key));
    let spoken = browser.eval("document.getElementById('live').textContent");
    let spoken = spoken.as_str().unwrap();
    assert!(spoken.contains("account 3") && spoken.contains("degraded (truth) from 3:00:00 to 3:45:00"), "{spoken}");
    assert_eq!(browser.trouble(), [""; 0]);
}

#[test]
fn a_finger_gets_tooltips_and_the_page_does_not_scroll_sideways() {
    let Some(mut browser) = Browser::start("finger") else { return };
    browser.window(PHONE.0, PHONE.1);
    browser.open(&made("run-finger", &["run", "scenarios/slow-account.yaml"]));
    let strips = browser.eval(STRIPS);
    let [left, y, width] = [0, 1, 2].map(|i| strips[i].as_f64().unwrap());
    let touch = |kind: &str, points: serde_json::Value| json!({"type": kind, "touchPoints": points});
    let tipped = (0..40).any(|step| {
        let x = left + width * f64::from(step) / 40.0;
        browser.call("Input.dispatchTouchEvent", touch("touchStart", json!([{"x": x, "y": y}])));
        browser.call("Input.dispatchTouchEvent", touch("touchEnd", json!([])));
        browser.is("!document.getElementById('tip').hidden")
    });
    assert!(tipped);
    browser.eval("scrollTo(200, 0)");
    assert_eq!(browser.eval("scrollX"), json!(0));
    assert_eq!(browser.trouble(), [""; 0]);
}

#[test]
fn a_page_prints() {
    let Some(mut browser) = Browser::start("print") else { return };
    browser.prefers("dark");
    let file = made("run-print", &["run", "scenarios/slow-account.yaml"]);
    browser.open(&file);
    let pdf = browser.pdf();
    std::fs::write(folder().join("run.pdf"), &pdf).unwrap();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 30_000, "{}", pdf.len());
    let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
    assert!((3..=4).contains(&pages), "{pages} pages");
    // Ink on white, whatever the reader prefers, and nothing that only makes sense on a screen.
    browser.call(
        "Emulation.setEmulatedMedia",
        json!({"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}),
    );
    assert_eq!(browser.eval("getComputedStyle(document.body).backgroundColor"), json!("rgb(255, 255, 255)"));
    for query in ["#theme", ".tools", ".copy", "nav", ".box.narrow", ".skip", ".more", ".scenario"] {
        let visible = format!("[...document.querySelectorAll({query:?})].some((e) => e.getClientRects().length)");
        assert!(!browser.is(&visible), "{query} is printed");
    }
    assert!(browser.is("document.documentElement.scrollWidth <= innerWidth"));
}

/// What a page of more than a million requests may take from the click until it is seen, in ms: the median of five, so
/// that a machine that is busy with other things for a moment does not decide. Measured: 300 to 1,340 ms on two cores
/// that were busy threefold, medians 456 and 906.
const OPEN_MS: f64 = 2_000.0;

#[test]
#[ignore = "simulates a million requests; `make test-slow`"]
fn timing_the_page_of_a_million_requests_opens_in_two_seconds() {
    let Some(mut browser) = Browser::start("million") else { return };
    let file = made("million", &["run", "scenarios/slow-account.yaml", "--set", "duration=32h"]);
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size < 5_000_000, "{size} bytes");
    let seen = "addEventListener('load', () => requestAnimationFrame(() => requestAnimationFrame(() => { \
        window.seen = performance.now(); })))";
    browser.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": seen }));
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..5 {
        browser.call("Page.navigate", json!({"url": "about:blank"}));
        browser.open(&file);
        let wait = "new Promise((done) => { const ask = () => window.seen ? done(window.seen) : setTimeout(ask, 10); ask(); })";
        took.push(browser.eval(wait).as_f64().unwrap());
    }
    // of all that the page says of requests, the most are all of them
    let counts = "Math.max(...[...document.body.textContent.matchAll(/([\\d,]+) requests/g)].map((found) => \
        Number(found[1].replaceAll(',', ''))))";
    let requests = browser.eval(counts).as_u64().unwrap();
    assert!(requests >= 1_000_000, "{requests}");
    took.sort_by(f64::total_cmp);
    eprintln!("{requests} requests, {size} bytes, opened in {took:.0?} ms");
    assert!(took[2] < OPEN_MS, "{took:.0?} ms");
}
