//! Reads golden vectors and compares answers with them.
//!
//! The folder is tests/golden, or `STICKYSIM_GOLDEN_DIR` when that is set; files may be gzipped.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

/// The lines of a file of vectors.
pub fn read(name: &str) -> Vec<Value> {
    #[expect(clippy::disallowed_methods, reason = "the folder of vectors is the tester's choice")]
    let folder = std::env::var("STICKYSIM_GOLDEN_DIR")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), PathBuf::from);
    let (plain, packed) = (folder.join(name), folder.join(format!("{name}.gz")));
    let mut text = String::new();
    let open = |path: &PathBuf| std::fs::read(path).ok();
    if let Some(bytes) = open(&plain) {
        text = String::from_utf8(bytes).expect("vectors are UTF-8");
    } else if let Some(bytes) = open(&packed) {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("vectors are gzip of UTF-8");
    } else {
        panic!("neither {} nor {} can be read", plain.display(), packed.display());
    }
    let parse = |(i, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}, line {}: {e}", i + 1));
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}

/// Whether two values are equal, numbers to the last bit, whether written 0 or 0.0.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if x.is_f64() || y.is_f64() => {
            x.as_f64().map(f64::to_bits) == y.as_f64().map(f64::to_bits)
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// What differed: the first few are shown in full, all are counted.
#[derive(Default)]
pub struct Failures {
    shown: Vec<String>,
    count: usize,
}

impl Failures {
    /// Compares one expectation.
    pub fn compare(&mut self, script: &Value, step: &str, input: &Value, expected: &Value, got: &Value) {
        if same(expected, got) {
            return;
        }
        self.count += 1;
        if self.shown.len() < 5 {
            self.shown.push(format!("{script} {step}\n  step     {input}\n  expected {expected}\n  got      {got}"));
        }
    }

    /// Fails the test when anything differed.
    pub fn check(&self) {
        assert!(self.count == 0, "{} expectations not met, the first of them:\n{}", self.count, self.shown.join("\n"));
    }
}
