//! Terminals, pipes and complaints.

use std::io::{IsTerminal as _, Write as _};

/// Prints to standard output, in colour only where that is a terminal that wants it (NO_COLOR is honoured).
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// A remark on standard error.
pub(crate) fn remark(text: &str) {
    // nobody there to read it: nothing is lost
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// How wide summaries are laid out: what fits every terminal, a pull request and a mail.
pub(crate) const WIDTH: u16 = 80;

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
