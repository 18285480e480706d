//! A diagnosis as people read it.

use std::fmt::{self, Display};

use super::{About, Diagnosed, Diagnosis, State};
use crate::units::count;

impl About {
    const fn title(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Accounts => "accounts",
            Self::EscapeLog => "escape log",
            Self::Config => "config",
            Self::Scenario => "scenario",
        }
    }
}

impl State {
    /// A word of seven letters at most.
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Missing => "missing",
            Self::TooLittle => "little",
            Self::Wrong => "WRONG",
        }
    }
}

impl Display for Diagnosis {
    /// Files, findings under what they are about, the verdict, the next command on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{}: {}", file.path.display(), file.is)?;
        }
        let mut about = None;
        for finding in &self.findings {
            if about != Some(finding.about) {
                about = Some(finding.about);
                writeln!(f, "\n{}", finding.about.title())?;
            }
            writeln!(f, "  - {}: {}", finding.state.word(), finding.text)?;
            if let Some(remedy) = &finding.remedy {
                writeln!(f, "{}", indented(remedy, "    "))?;
            }
        }
        writeln!(f, "\nverdict: {}", self.verdict_in_words())?;
        writeln!(f, "next:\n{}", indented(&self.next, "  "))
    }
}

/// Columns of a line that can be copied out of any window.
const WIDTH: usize = 80;

/// A command over several lines of at most 80 columns where it is longer, as a shell reads it; a sentence as it is.
fn indented(text: &str, indent: &str) -> String {
    let is_command = ["psql ", "docker ", "stickysim "].iter().any(|start| text.starts_with(start));
    let mut lines = vec![indent.to_owned()];
    let mut is_quoted = false;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        // an option stays with its value
        let is_option = word.starts_with('-') && words.peek().is_some_and(|next| !next.starts_with('-'));
        let word = match words.next_if(|_| is_option && is_command && !is_quoted) {
            Some(value) => format!("{word} {value}"),
            None => word.to_owned(),
        };
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        let is_first = line <= indent.len() + 2;
        // the last word of a line needs room for its backslash
        if is_command && !is_first && !is_quoted && line + 1 + word.chars().count() > WIDTH - 2 {
            if let Some(line) = lines.last_mut() {
                line.push_str(" \\");
            }
            lines.push(format!("{indent}  {word}"));
        } else if let Some(line) = lines.last_mut() {
            if !is_first {
                line.push(' ');
            }
            line.push_str(&word);
        }
        is_quoted ^= word.matches('\'').count() % 2 == 1;
    }
    lines.join("\n")
}

impl Diagnosis {
    fn verdict_in_words(&self) -> String {
        let number = |state| self.findings.iter().filter(|finding| finding.state == state).count() as u64;
        match self.verdict {
            Diagnosed::DoesNotFit => format!("they do not fit together ({} wrong)", number(State::Wrong)),
            Diagnosed::TooLittle => "there is too little to calibrate by".to_owned(),
            Diagnosed::Fits => match number(State::Missing) {
                0 => "they fit together, and nothing is missing".to_owned(),
                missing => format!("they fit together; {} missing", count(missing, "thing")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn long_commands_are_folded_between_their_arguments_and_sentences_are_not() {
        let command = format!(
            "psql \"$DSN\" -v salt=\"'something secret'\" {} > log.jsonl",
            ["-v x=\"'2026-08-01'\""; 6].join(" ")
        );
        let folded = indented(&command, "  ");
        assert!(folded.lines().all(|line| line.chars().count() <= 80), "{folded}");
        assert!(folded.lines().count() > 1);
        assert!(folded.contains("'something secret'"), "{folded}");
        let again: Vec<&str> = folded.lines().map(|line| line.trim().trim_end_matches(" \\")).collect();
        assert_eq!(again.join(" "), command);
        assert_eq!(indented("give one of them", "    "), "    give one of them");
    }
}
