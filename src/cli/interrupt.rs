//! Ctrl-C, and a kill that asks: unfinished outputs are removed, and what is kept is said.

use std::path::{Path, PathBuf};

use super::terminal;
use crate::files::remove_unfinished;
use crate::units::count;

/// What a shell gives for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// From now on an interrupt ends the program in order. Of several calls the first holds.
pub(super) fn watch(outputs: Vec<PathBuf>) {
    let made_here: Vec<PathBuf> = outputs.iter().filter(|path| !path.exists()).cloned().collect();
    let end = move || {
        for path in &outputs {
            remove_unfinished(path);
        }
        for folder in &made_here {
            // only a folder that nothing is in
            let _ = std::fs::remove_dir(folder);
        }
        let kept = outputs.iter().find_map(|path| Some((path, runs_in(path)?)));
        terminal::remark(&match kept {
            Some((path, runs)) => format!(
                "interrupted: {} in {}; the same command goes on from there",
                count(runs, "finished run"),
                path.display()
            ),
            None => "interrupted: nothing is left unfinished".to_owned(),
        });
        #[expect(clippy::exit, reason = "this is the end that was asked for, and the work goes on in other threads")]
        std::process::exit(INTERRUPTED);
    };
    // where no handler can be had, the system ends the program as ever
    #[cfg(not(target_arch = "wasm32"))]
    let _ = ctrlc::set_handler(end);
    #[cfg(target_arch = "wasm32")]
    drop(end);
}

/// Runs in a journal: its lines after the first. `None` for anything else.
fn runs_in(path: &Path) -> Option<u64> {
    let bytes =
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).and_then(|_| std::fs::read(path).ok())?;
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    bytes.starts_with(b"{\"journal\":").then(|| lines.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::runs_in;

    #[test]
    fn only_journals_hold_runs() {
        let path = std::env::temp_dir().join(format!("stickysim-interrupt-{}", std::process::id()));
        for (text, runs) in
            [("{\"journal\":{}}\n{}\n{}\n{", Some(2)), ("{\"journal\":{}}", Some(0)), ("at_s\n0\n", None)]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(runs_in(&path), runs, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(runs_in(&path), None);
    }
}
