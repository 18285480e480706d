//! The scripts of the GitHub Action, run as a runner would run them. (The action itself was never run on GitHub.)

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BEFORE: &str = "gateway:\n  openai_scheduler:\n    sticky_escape_ttft_ms: 15000\n";
const AFTER: &str = "gateway:\n  openai_scheduler:\n    sticky_escape_ttft_ms: 2000\n";

/// A repository with a config that changed since its first commit, and the files that a runner gives to a step.
struct Runner {
    home: PathBuf,
    base: String,
}

impl Runner {
    fn new(name: &str, after: Option<&str>) -> Self {
        let home = std::env::temp_dir().join(format!("stickysim-action-{}-{name}", std::process::id()));
        std::fs::create_dir_all(home.join("temp")).unwrap();
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/experiments/small.yaml");
        std::fs::copy(scenario, home.join("scenario.yaml")).unwrap();
        std::fs::write(home.join("gateway.yaml"), BEFORE).unwrap();
        let mut runner = Self { home, base: String::new() };
        runner.git(&["init", "--quiet"]);
        runner.git(&["add", "scenario.yaml", "gateway.yaml"]);
        runner.git(&["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "before"]);
        runner.base = runner.git(&["rev-parse", "HEAD"]);
        if let Some(after) = after {
            std::fs::write(runner.home.join("gateway.yaml"), after).unwrap();
        }
        runner
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").args(arguments).current_dir(&self.home).output().expect("git");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn script(&self, name: &str, variables: &[(&str, &str)]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("action").join(name);
        let program = Path::new(env!("CARGO_BIN_EXE_stickysim")).parent().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the scripts find their programs on the path of this test")]
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        Command::new("bash")
            .arg(script)
            .current_dir(&self.home)
            .env("PATH", path)
            .env("RUNNER_TEMP", self.home.join("temp"))
            .env("GITHUB_OUTPUT", self.home.join("output"))
            .env("GITHUB_STEP_SUMMARY", self.home.join("summary"))
            .envs(variables.iter().copied())
            .output()
            .expect("bash")
    }

    fn compare(&self, gates: &str) -> Output {
        let variables = [
            ("CONFIG", "gateway.yaml"),
            ("SCENARIO", "scenario.yaml"),
            ("FAIL_IF", gates),
            ("ARGS", "--replications 4"),
            ("BASE", &self.base),
        ];
        self.script("compare.sh", &variables)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.join(name)).unwrap_or_default()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

#[test]
fn a_change_that_passes_its_gates_gives_a_summary_and_status_0() {
    let runner = Runner::new("passes", Some(AFTER));
    let output = runner.compare("requests.failed > +1000\n\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(runner.read("output").contains("status=0\n"), "{}", runner.read("output"));
    assert!(runner.read("summary").contains("all gates passed"), "{}", runner.read("summary"));
    assert!(runner.read("temp/stickysim.xml").contains("<testsuite"));
    assert!(runner.script("decide.sh", &[("STATUS", "0")]).status.success());
}

#[test]
fn an_unchanged_config_compares_nothing() {
    let runner = Runner::new("unchanged", None);
    let output = runner.compare("requests.failed > +1000");
    assert!(output.status.success());
    assert!(runner.read("summary").contains("the same as on the base branch"));
    assert_eq!(runner.read("output"), "status=0\nsummary=\n");
}

#[test]
fn mistakes_are_status_2_and_fail_the_job() {
    let runner = Runner::new("mistakes", Some("gateway: [\n"));
    assert!(runner.compare("requests.failed > +1000").status.success());
    assert!(runner.read("output").contains("status=2\n"), "{}", runner.read("output"));
    for (status, code) in [("1", 1), ("2", 2), ("3", 3), ("4", 4), ("", 2)] {
        let output = runner.script("decide.sh", &[("STATUS", status)]);
        assert_eq!(output.status.code(), Some(code));
        assert!(String::from_utf8_lossy(&output.stdout).contains("::error::"));
    }
}

#[test]
fn an_installed_program_is_used_and_every_script_that_the_action_names_is_there() {
    let runner = Runner::new("installed", None);
    let output = runner.script("install.sh", &[("VERSION", "latest"), ("REPOSITORY", "a/b")]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("stickysim is already installed"));
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let action = std::fs::read_to_string(home.join("action.yml")).unwrap();
    let named: Vec<&str> = action.split("action/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(named.len(), 4);
    for script in named {
        let checked = Command::new("bash").arg("-n").arg(home.join("action").join(script)).status().expect("bash");
        assert!(checked.success(), "action/{script}");
    }
}
