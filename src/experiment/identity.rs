//! What the results of an experiment depend on, as texts to be hashed: the effective scenario, the content of every file
//! that it reads (not its name or place: a shard may run in another folder), the figures and the program's version.

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

/// Everything that a cell of this variant depends on besides its replication.
///
/// # Errors
/// When the trace cannot be read.
pub fn of(variant: &Variant) -> Result<Vec<String>, Unreadable> {
    let scenario = scenario(variant);
    let trace = match &variant.lowered.workload {
        WorkloadConfig::Synth(_) => String::new(),
        WorkloadConfig::Replay(replay) => hash_of(&replay.read.path)?,
    };
    // samples and recorded factors are read from files into this
    let upstream = format!("{:?}", variant.lowered.upstream);
    Ok(vec![scenario.to_string(), trace, upstream])
}

/// The effective scenario without what may differ between machines that run the same: where its files lie.
pub fn scenario(variant: &Variant) -> serde_json::Value {
    let mut scenario = serde_json::to_value(&variant.scenario).unwrap_or_default();
    if let Some(replay) = scenario.pointer_mut("/workload/replay/file") {
        *replay = serde_json::Value::Null;
    }
    // where the gateway's settings came from: they are all in `gateway`
    if let Some(object) = scenario.as_object_mut() {
        object.remove("gateway_config");
    }
    scenario
}

/// What results of any scenario depend on.
pub fn of_program() -> String {
    let paths = [registry::RUN, registry::ACCOUNT, registry::CONDITION]
        .map(|list| list.iter().map(|meta| meta.path).collect::<Vec<_>>().join(","));
    format!("stickysim {} {}", env!("CARGO_PKG_VERSION"), paths.join(";"))
}

/// Of the content of a file, or of all files of a folder with their names.
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
