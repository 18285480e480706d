//! The page in a real browser (Debian's `chromium`, headless): no console errors, no requests, every interaction works,
//! screenshots at desktop and phone width, light and dark. Where there is no chromium it says so and passes.

#[path = "common/charts.rs"]
mod charts;
#[path = "common/pages.rs"]
mod pages;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pages::page_of;
use stickysim::report::html::page;

/// Works the page like a reader and says in the document what went wrong.
const PROBE: &str = include_str!("common/page_probe.js");

fn browser() -> Option<&'static str> {
    let there = ["chromium", "chromium-browser"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    if there.is_none() {
        eprintln!("skipped: no chromium here (Debian package chromium)");
    }
    there
}

fn run(browser: &str, file: &Path, args: &[&str]) -> Output {
    let profile = file.with_extension("profile");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(args)
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    std::fs::remove_dir_all(profile).ok();
    output
}

/// What pages wrote to the console.
fn console(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect()
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_reader_can_work_the_page_and_it_fetches_nothing() {
    let Some(browser) = browser() else { return };
    for (name, scenario) in [("plain", "slow-account"), ("hostile", charts::HOSTILE)] {
        let html = page(&page_of(scenario, 4, 3_000)).unwrap();
        // The probe is another script: the policy has to go for it, and only for it.
        let (before, after) = html.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
        let after = after.split_once('>').unwrap().1;
        let probed = format!(
            "{before}<script>{}</script>{after}",
            "window.trouble=[];addEventListener('error',(e)=>trouble.push(e.message));"
        )
        .replace("</body>", &format!("<script>{PROBE}</script></body>"));
        for (width, size) in [("desktop", "1200,900"), ("phone", "390,800")] {
            let file = folder().join(format!("probe-{name}-{width}.html"));
            std::fs::write(&file, &probed).unwrap();
            let output = run(browser, &file, &["--dump-dom", &format!("--window-size={size}")]);
            let dom = String::from_utf8_lossy(&output.stdout);
            let result = dom.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
            assert_eq!(result, Some("all well"), "{name} {width}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(console(&output), [""; 0], "{name} {width}");
        }
    }
}

#[test]
fn the_policy_lets_the_script_of_the_page_run_and_the_page_is_quiet() {
    let Some(browser) = browser() else { return };
    for (name, scenario) in [("plain", "slow-account"), ("hostile", charts::HOSTILE)] {
        let file = folder().join(format!("page-{name}.html"));
        std::fs::write(&file, page(&page_of(scenario, 4, 3_000)).unwrap()).unwrap();
        let output = run(browser, &file, &["--dump-dom"]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("data-ready=\"1\""), "{name}");
        assert_eq!(console(&output), [""; 0], "{name}");
        for (kind, size, scheme) in [
            ("desktop-light", "1200,2400", 1),
            ("desktop-dark", "1200,2400", 0),
            ("phone-light", "500,2400", 1),
            ("phone-dark", "500,2400", 0),
        ] {
            let shot = folder().join(format!("{name}-{kind}.png"));
            std::fs::remove_file(&shot).ok();
            let args = [
                format!("--screenshot={}", shot.display()),
                format!("--window-size={size}"),
                format!("--blink-settings=preferredColorScheme={scheme}"),
            ];
            let output = run(browser, &file, &[&args[0], &args[1], &args[2]]);
            assert_eq!(console(&output), [""; 0], "{name} {kind}");
            assert!(std::fs::metadata(&shot).unwrap().len() > 20_000, "{name} {kind}");
        }
    }
}
