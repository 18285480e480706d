//! Traces and scenarios beside the project, which a clone of it does not have. CI has none either, so a test that needs
//! them is skipped there as well, and says so.

use std::path::{Path, PathBuf};

/// A file or folder below ../shared; says that the test is skipped where there is none.
pub fn shared(path: &str) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared", "../../shared"].iter().map(|base| home.join(base).join(path)).find(|path| path.exists());
    if found.is_none() {
        println!("skipped: no ../shared/{path}");
    }
    found
}
