//! Terminals, pipes and complaints.

use std::io::{IsTerminal as _, Write as _};

use crate::report::Style;

/// Prints to standard output, in colour only where that is a terminal that wants it (NO_COLOR is honoured).
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let mut write = || {
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    // the kind stays: a reader that has gone is no error
    write().map_err(|error| std::io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// A remark on standard error.
pub(crate) fn remark(text: &str) {
    // nobody there to read it: nothing is lost
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// How wide texts are laid out that go into files and pipes: what fits every terminal, a pull request and a mail.
pub(crate) const WIDTH: u16 = 80;
/// Lines that are longer than this are hard to read, and tables need no more.
const WIDEST: u16 = 140;
const NARROWEST: u16 = 40;

/// How a summary is laid out: on a terminal as wide as that is; otherwise, and in files, 80 columns wide.
pub(crate) fn style(to_stdout: bool, verbose: bool) -> Style {
    let terminal = to_stdout && std::io::stdout().is_terminal();
    let width = if terminal { terminal_size::terminal_size().map(|(width, _)| width.0) } else { None };
    Style { colour: to_stdout, width: width.map_or(WIDTH, |width| width.clamp(NARROWEST, WIDEST)), verbose }
}

/// Lines broken at blanks where they are too wide, those of a list with their text below its first word.
pub(crate) fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let own = line.trim_start();
        let indent = line.len() - own.len() + if own.starts_with("- ") { 2 } else { 0 };
        let mut room = line.len() - own.len();
        out.push_str(&" ".repeat(room));
        for (place, word) in own.split(' ').enumerate() {
            let width = word.chars().count();
            if room > indent && room + 1 + width > usize::from(WIDTH) {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                room = indent;
            } else if place > 0 {
                out.push(' ');
                room += 1;
            }
            out.push_str(word);
            room += width;
        }
        out.push('\n');
    }
    out
}

/// Whether somebody watches standard error.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether the reader of our output has gone, as `head` does: no error.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Tells what is wrong. Errors of scenarios bring their own headline and picture of the place.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // many errors quote their cause themselves
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    let text = if text.starts_with("error") { text } else { format!("error: {text}") };
    remark(text.trim_end());
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_are_broken_and_lists_keep_their_shape() {
        let words = "word ".repeat(30);
        let text = wrapped(&format!("title\n\n- {}\n  - {}", words.trim(), words.trim()));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let starts: Vec<&str> = text.lines().map(|line| &line[..line.len().min(6)]).collect();
        assert_eq!(starts, ["title", "", "- word", "  word", "  - wo", "    wo"], "{text}");
        assert_eq!(wrapped("short\n"), "short\n");
    }
}
