//! Everything that the results of an experiment depend on, as texts to be hashed: the effective scenario, the content
//! of every file that it reads, the list of figures, and the program's version. Names and folders of files are left
//! out, because a shard may run in another folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh64::Xxh64;

use super::variant::Variant;
use crate::measure::figures::registry;
use crate::workload::WorkloadConfig;

/// A file of the scenario that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    source: std::io::Error,
}

/// One hash for each variant, of everything that its cells depend on besides the replication: the lowered settings,
/// which include samples, recorded factors and the gateway's config, and the content of the trace.
///
/// # Errors
/// When a trace cannot be read.
pub fn of<'a>(variants: impl IntoIterator<Item = &'a Variant>) -> Result<Vec<String>, Unreadable> {
    let mut traces: BTreeMap<PathBuf, String> = BTreeMap::new();
    let one = |variant: &Variant| {
        let mut lowered = variant.lowered.clone();
        let mut trace = String::new();
        if let WorkloadConfig::Replay(replay) = &mut lowered.workload {
            // the content of the trace counts, not its path
            let path = std::mem::take(&mut replay.read.path);
            trace = match traces.get(&path) {
                Some(known) => known.clone(),
                None => hash_of(&path)?,
            };
            traces.insert(path, trace.clone());
        }
        Ok(format!("{:016x} {trace}", xxhash_rust::xxh64::xxh64(format!("{lowered:?}").as_bytes(), 0)))
    };
    variants.into_iter().map(one).collect()
}

/// The effective scenario without the paths of its files, which may differ between machines.
pub fn scenario(variant: &Variant) -> serde_json::Value {
    let mut scenario = serde_json::to_value(&variant.scenario).unwrap_or_default();
    if let Some(replay) = scenario.pointer_mut("/workload/replay/file") {
        *replay = serde_json::Value::Null;
    }
    // the sources of the gateway's settings; the settings themselves are all in `gateway`
    if let Some(object) = scenario.as_object_mut() {
        object.remove("gateway_config");
    }
    scenario
}

/// A number that is raised whenever a cell of any scenario may have other figures than before. Older journals then
/// belong to another program. A test below compares some cells with the hash of this revision.
pub const REVISION: u32 = 4;

/// The part that all scenarios depend on: the program's version and its list of figures.
pub fn of_program() -> String {
    let paths = [registry::RUN, registry::ACCOUNT, registry::CONDITION]
        .map(|list| list.iter().map(|meta| meta.path).collect::<Vec<_>>().join(","));
    format!("stickysim {} revision {REVISION} {}", env!("CARGO_PKG_VERSION"), paths.join(";"))
}

/// A hash of the content of a file, or of all files of a folder with their names.
fn hash_of(path: &Path) -> Result<String, Unreadable> {
    let wrong = |path: &Path| {
        let path = path.to_owned();
        move |source| Unreadable { path, source }
    };
    let mut hash = Xxh64::new(0);
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(wrong(path))?;
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(wrong(path))?;
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            hash.update(format!("{name}\0{}\0", hash_of(&file)?).as_bytes());
        }
        return Ok(format!("{:016x}", hash.digest()));
    }
    let mut file = std::fs::File::open(path).map_err(wrong(path))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(wrong(path))? {
            0 => return Ok(format!("{:016x}", hash.digest())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::variant::Base;
    use super::*;
    use crate::scenario::Document;

    fn base(file: &str) -> Base {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        Base { document: Document::read(&path).unwrap(), sets: Vec::new() }
    }

    #[test]
    fn cells_are_what_they_were_in_this_revision() {
        let mut hash = Xxh64::new(0);
        for (file, sets) in [
            ("tests/experiments/small.yaml", &[][..]),
            ("scenarios/brownout.yaml", &["duration=40m", "warmup=5m"]),
            ("scenarios/error-burst.yaml", &["duration=40m", "warmup=5m"]),
            ("scenarios/quota-429.yaml", &["duration=40m", "warmup=5m"]),
            ("scenarios/websocket.yaml", &["duration=40m", "warmup=5m"]),
        ] {
            let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
            let variant = base(file).variant("", &sets).unwrap();
            let mut cell = Cell::run(&variant.lowered, variant.lowered.seed, 1).unwrap();
            // the wording of notes is free
            cell.notes.clear();
            hash.update(serde_json::to_string(&cell).unwrap().as_bytes());
        }
        assert_eq!(
            (REVISION, format!("{:016x}", hash.digest()).as_str()),
            (4, "2be9cc2769600a27"),
            "figures are not what they were: that is a bug, unless results are meant to differ from now on; then count \
             REVISION up and write down the new hash"
        );
    }

    #[test]
    fn whatever_a_run_is_made_of_tells_variants_apart() {
        let base = base("tests/experiments/small.yaml");
        let identity = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
            of([&base.variant("", &sets).unwrap()]).unwrap()
        };
        let plain = identity(&[]);
        assert_eq!(identity(&[]), plain);
        for set in ["lb_top_k=2", "workload.synth.sessions_per_hour=77", "duration=51m", "measure.slo_ttft=9s"] {
            assert_ne!(identity(&[set]), plain, "{set}");
        }
    }

    #[test]
    fn samples_and_traces_count_by_their_content_and_not_by_their_place() {
        let folder = std::env::temp_dir().join(format!("stickysim-identity-{}", std::process::id()));
        let of_files = |name: &str, turns: &str, trace: &str| {
            let folder = folder.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("turns.csv"), turns).unwrap();
            std::fs::write(folder.join("trace.csv"), trace).unwrap();
            let head = "duration: 10m\naccounts: [{count: 2}]\n";
            let synth =
                "workload: {synth: {preset: chat, sessions_per_hour: 60, turns: {empirical: {file: turns.csv}}}}\n";
            std::fs::write(folder.join("synth.yaml"), format!("{head}{synth}")).unwrap();
            std::fs::write(folder.join("replay.yaml"), format!("{head}workload: {{replay: {{file: trace.csv}}}}\n"))
                .unwrap();
            ["synth.yaml", "replay.yaml"].map(|file| {
                let base = Base { document: Document::read(&folder.join(file)).unwrap(), sets: Vec::new() };
                of([&base.variant("", &[]).unwrap()]).unwrap()
            })
        };
        let sample = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/sample.csv")).unwrap();
        let fewer = sample.trim_end().rsplit_once('\n').unwrap().0;
        let here = of_files("here", "2\n3\n", &sample);
        assert_eq!(of_files("there", "2\n3\n", &sample), here);
        let other = of_files("there", "2\n30\n", fewer);
        assert!(other[0] != here[0] && other[1] != here[1]);
        let _ = std::fs::remove_dir_all(folder);
    }
}
