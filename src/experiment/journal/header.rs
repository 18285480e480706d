//! The first line of a journal: what experiment it is of.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the format that this build writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Of everything that the results depend on.
    pub fingerprint: Fingerprint,
    /// How many cells the whole experiment has.
    pub cells: usize,
    /// The shard, as `I/N`; `None` for all cells.
    pub shard: Option<String>,
    /// What the experiment is, for people and for error messages: ("command", "sweep"), ("scenario", "slow.yaml"), ...
    pub about: Vec<(String, String)>,
    /// The effective scenarios, without what may differ between machines: where their files lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Value>,
}

impl Header {
    /// The header of an experiment of `cells` cells whose results depend on `parts`.
    pub fn new(parts: &[&str], cells: usize, about: Vec<(String, String)>) -> Self {
        let fingerprint = Fingerprint::of(parts);
        Self { schema_version: SCHEMA_VERSION, fingerprint, cells, shard: None, about, scenarios: Vec::new() }
    }

    /// What it says of itself under this name.
    pub fn value_of(&self, name: &str) -> Option<&str> {
        self.about.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}

/// A hash of everything that results depend on: the effective scenario, the arguments, the program's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub(super) u64);

impl Fingerprint {
    /// Of these parts, each hashed with its length, so that text cannot move from one to the next unseen.
    pub fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(xxhash_rust::xxh64::xxh64(&bytes, u64::from(SCHEMA_VERSION)))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        format!("{:016x}", fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let value = u64::from_str_radix(&text, 16).ok().map(Self);
        value.filter(|&f| String::from(f) == text).ok_or_else(|| format!("`{text}` is no fingerprint"))
    }
}
