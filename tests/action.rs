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

    /// A script of the action, with the stickysim under test on the path.
    fn script(&self, name: &str, variables: &[(&str, &str)]) -> Output {
        self.script_with(Path::new(env!("CARGO_BIN_EXE_stickysim")).parent().unwrap(), name, variables)
    }

    /// A script of the action with the programs of this folder first on the path.
    fn script_with(&self, programs: &Path, name: &str, variables: &[(&str, &str)]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("action").join(name);
        #[expect(clippy::disallowed_methods, reason = "the scripts find their programs on the path of this test")]
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        Command::new("bash")
            .arg(script)
            .current_dir(&self.home)
            .env("PATH", path)
            .env("RUNNER_TEMP", self.home.join("temp"))
            .env("GITHUB_OUTPUT", self.home.join("output"))
            .env("GITHUB_STEP_SUMMARY", self.home.join("summary"))
            .env("GITHUB_PATH", self.home.join("path"))
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
    let junit = format!("junit={}\n", runner.home.join("temp/stickysim.xml").display());
    assert!(runner.read("output").contains(&junit), "{}", runner.read("output"));
    assert!(runner.read("temp/stickysim.xml").contains("<testsuite"));
    assert!(runner.script("decide.sh", &[("STATUS", "0")]).status.success());
}

#[test]
fn an_unchanged_config_compares_nothing() {
    let runner = Runner::new("unchanged", None);
    let output = runner.compare("requests.failed > +1000");
    assert!(output.status.success());
    assert!(runner.read("summary").contains("the same as on the base branch"));
    assert_eq!(runner.read("output"), "status=0\nsummary=\njunit=\n");
}

#[test]
fn a_config_that_is_new_compares_nothing() {
    let runner = Runner::new("new", None);
    std::fs::write(runner.home.join("other.yaml"), AFTER).unwrap();
    let base = runner.base.clone();
    let variables = [("CONFIG", "other.yaml"), ("SCENARIO", "scenario.yaml"), ("FAIL_IF", ""), ("ARGS", "")];
    let output = runner.script("compare.sh", &[&variables[..], &[("BASE", base.as_str())]].concat());
    assert!(output.status.success());
    assert!(runner.read("summary").contains("other.yaml is new here"));
    assert_eq!(runner.read("output"), "status=0\nsummary=\njunit=\n");
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

/// A folder with programs that a runner has, in place of the real ones.
fn programs(runner: &Runner, all: &[(&str, &str)]) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = runner.home.join("programs");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, script) in all {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/usr/bin/env bash\nset -eu\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// A `gh` that knows one release: it packs an archive like those of `make dist` into the folder of `--dir`.
const RELEASES: &str = r#"
echo "gh $*" >> "$RUNNER_TEMP/calls"
while [ "$1" != --dir ]; do shift; done
name=stickysim-0.1.0-x86_64-unknown-linux-musl
mkdir "$2/$name"
printf '#!/bin/sh\necho stickysim 0.1.0\n' > "$2/$name/stickysim"
chmod +x "$2/$name/stickysim"
cd "$2"
tar -czf "$name.tar.gz" "$name"
rm -r "$name"
sha256sum "$name.tar.gz" > "$name.tar.gz.sha256"
if [ -n "${DAMAGED:-}" ]; then echo x >> "$name.tar.gz"; fi
"#;

const LINUX: [(&str, &str); 3] = [("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64"), ("REPOSITORY", "a/stickysim")];

#[test]
fn a_release_is_downloaded_checked_and_put_on_the_path() {
    for (version, call) in [("latest", "gh release download --repo"), ("v0.1.0", "gh release download v0.1.0 --repo")] {
        let runner = Runner::new(&format!("release-{version}"), None);
        let programs = programs(&runner, &[("gh", RELEASES)]);
        let output = runner.script_with(&programs, "install.sh", &[&LINUX[..], &[("VERSION", version)]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(runner.read("temp/calls").starts_with(call), "{}", runner.read("temp/calls"));
        let folder = runner.read("path");
        let said = Command::new(Path::new(folder.trim()).join("stickysim")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "stickysim 0.1.0\n");
    }
}

#[test]
fn a_damaged_archive_is_not_installed() {
    let runner = Runner::new("damaged", None);
    let programs = programs(&runner, &[("gh", RELEASES)]);
    let variables = [&LINUX[..], &[("VERSION", "latest"), ("DAMAGED", "1")]].concat();
    let output = runner.script_with(&programs, "install.sh", &variables);
    assert!(!output.status.success());
    assert_eq!(runner.read("path"), "");
}

#[test]
fn without_a_release_it_is_built_with_cargo() {
    let cargo = ("cargo", r#"echo "cargo $*" >> "$RUNNER_TEMP/calls""#);
    for (version, warns) in [("latest", true), ("source", false)] {
        let runner = Runner::new(&format!("source-{version}"), None);
        let programs = programs(&runner, &[("gh", "exit 1"), cargo]);
        let output = runner.script_with(&programs, "install.sh", &[&LINUX[..], &[("VERSION", version)]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains("::warning::there is no release"), warns);
        assert!(runner.read("temp/calls").contains("--git https://github.com/a/stickysim stickysim"));
        assert!(runner.read("path").trim().ends_with("/bin"));
    }
}

#[test]
fn the_summary_is_posted_once_and_a_fork_that_may_not_post_fails_nothing() {
    let runner = Runner::new("comment", None);
    let posts = programs(&runner, &[("gh", r#"echo "gh $*" >> "$RUNNER_TEMP/calls""#)]);
    let variables = [("NUMBER", "7"), ("SUMMARY", "summary.md")];
    assert!(runner.script_with(&posts, "comment.sh", &variables).status.success());
    assert_eq!(runner.read("temp/calls"), "gh pr comment 7 --edit-last --create-if-none --body-file summary.md\n");
    assert!(runner.script_with(&posts, "comment.sh", &[("NUMBER", ""), variables[1]]).status.success());
    assert_eq!(runner.read("temp/calls").lines().count(), 1, "there is no pull request");
    let refused = programs(&runner, &[("gh", "exit 1")]);
    let output = runner.script_with(&refused, "comment.sh", &variables);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).starts_with("::warning::"));
}

/// The value at a path of a YAML file of the project.
fn yaml(file: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn the_workflow_to_copy_gives_the_action_what_it_reads_and_its_gates_decide() {
    let (workflow, action) = (yaml("docs/ci/stickysim-gate.yml"), yaml("action.yml"));
    let steps = workflow["jobs"]["compare"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["uses"].as_str().unwrap().contains("/stickysim@")).unwrap();
    let given = step["with"].as_object().unwrap();
    for key in given.keys() {
        assert!(action["inputs"].get(key).is_some(), "the action has no input `{key}`");
    }
    for (name, input) in action["inputs"].as_object().unwrap() {
        let is_given = given.contains_key(name) || input.get("default").is_some();
        assert!(is_given, "`{name}` has no default and is not given");
    }
    let runner = Runner::new("workflow", Some("gateway:\n  openai_scheduler:\n    sticky_escape_ttft_ms: 1100\n"));
    let output = runner.compare(given["fail-if"].as_str().unwrap());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(runner.read("output").contains("status=1\n"), "{}", runner.read("output"));
    assert!(runner.read("summary").contains("## Gates"), "{}", runner.read("summary"));
}
