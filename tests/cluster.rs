//! The job files of docs/guide/cluster.md, tried with what this machine has. What is not there is skipped, and said.

#[path = "common/missing.rs"]
mod missing;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCENARIO: &str = "tests/experiments/small.yaml";
const VARY: &str = "sticky_escape_ttft_ms=2000:20000:log:3";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An empty folder with the scenario in it.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("stickysim-cluster-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    std::fs::copy(root().join(SCENARIO), path.join("small.yaml")).unwrap();
    path
}

/// A shell command in a folder, with the stickysim under test on the PATH.
fn shell(folder: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let own = Path::new(env!("CARGO_BIN_EXE_stickysim")).parent().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the job files find the binary on the tester's own PATH")]
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.current_dir(folder).args(["-euc", script]).env("PATH", path);
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

fn done(folder: &Path, script: &str, variables: &[(&str, &str)]) -> String {
    let output = shell(folder, script, variables);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{error}");
    String::from_utf8(output.stdout).unwrap()
}

fn has(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The journal of a sweep on one machine.
fn whole(folder: &Path, replications: &str) -> Vec<u8> {
    done(
        folder,
        &format!("stickysim sweep small.yaml --vary {VARY} --replications {replications} --out whole.jsonl"),
        &[],
    );
    std::fs::read(folder.join("whole.jsonl")).unwrap()
}

/// A text between two marks of a file below docs.
fn part(file: &str, from: &str, until: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs").join(file)).unwrap();
    let start = text.find(from).unwrap_or_else(|| panic!("{file} has no `{from}`")) + from.len();
    let rest = &text[start..];
    rest[..rest.find(until).unwrap_or(rest.len())].to_owned()
}

#[test]
fn the_command_of_the_kubernetes_job_run_for_each_index_gives_the_whole() {
    let folder = folder("kubernetes");
    let command = part("cluster/kubernetes-indexed-job.yaml", "            - |\n", "          resources:")
        .replace("/scenario/scenario.yaml", "small.yaml")
        .replace("sticky_escape_ttft_ms=1000:60000:log:25", VARY)
        .replace("--replications 20", "--replications 4");
    for index in 0..4 {
        done(&folder, &command, &[("JOB_COMPLETION_INDEX", &index.to_string())]);
    }
    done(&folder, "stickysim merge part-*.jsonl --out merged.jsonl", &[]);
    assert!(std::fs::read(folder.join("merged.jsonl")).unwrap() == whole(&folder, "4"));
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn the_steps_of_the_github_matrix_give_the_whole() {
    let folder = folder("github");
    let sweep = part("ci/sweep-matrix.yml", "        run: |\n", "      - uses");
    let merge = part("ci/sweep-matrix.yml", "        id: merge\n        run: |\n", "      - uses");
    for shard in ["1", "2", "3", "4"] {
        done(&folder, &sweep, &[("SCENARIO", "small.yaml"), ("VARY", VARY), ("SHARD", shard)]);
    }
    done(&folder, &merge, &[("GITHUB_STEP_SUMMARY", "summary.md"), ("GITHUB_OUTPUT", "output")]);
    assert_eq!(std::fs::read_to_string(folder.join("output")).unwrap(), "status=0\n");
    assert!(std::fs::read(folder.join("sweep.jsonl")).unwrap() == whole(&folder, "20"));
    assert!(std::fs::read_to_string(folder.join("summary.md")).unwrap().starts_with("# small"));
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn gnu_parallel_with_local_workers_gives_the_whole() {
    if !has("parallel") {
        missing::skip("GNU parallel", "tests/packages.sh parallel");
        return;
    }
    let folder = folder("parallel");
    let script = root().join("docs/cluster/parallel.sh").display().to_string();
    done(&folder, &format!("{script} small.yaml 3 2/: --vary {VARY} --replications 4"), &[]);
    assert!(std::fs::read(folder.join("sweep.jsonl")).unwrap() == whole(&folder, "4"));
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
#[ignore = "starts a Slurm on this machine where root makes that possible"]
fn a_slurm_array_on_one_node_gives_the_whole() {
    let folder = folder("slurm");
    let starter = root().join("tests/experiments/one-node-slurm.sh").display().to_string();
    let output = shell(&folder, &format!("{starter} {}", folder.display()), &[]);
    if !output.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
        return;
    }
    let job = root().join("docs/cluster/slurm-array.sbatch").display().to_string();
    let variables = [("SCENARIO", "small.yaml"), ("VARY", VARY), ("REPLICATIONS", "4")];
    let slurm = format!("export SLURM_CONF={}/slurm.conf;", folder.display());
    done(&folder, &format!("{slurm} timeout 120 sbatch --wait {job}"), &variables);
    done(&folder, "stickysim merge part-*.jsonl --out merged.jsonl", &[]);
    assert!(std::fs::read(folder.join("merged.jsonl")).unwrap() == whole(&folder, "4"));
    shell(&folder, "kill $(cat slurmctld.pid slurmd.pid munged.pid)", &[]);
    let _ = std::fs::remove_dir_all(folder);
}
