//! `stickysim completions`.

use clap::{Args, ValueEnum};

use super::{End, terminal};

/// Print a completion script for a shell, or the manual page.
#[derive(Args)]
pub(crate) struct Completions {
    /// What to print.
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
    /// The manual page, in roff.
    Man,
}

impl Completions {
    pub(crate) fn run(self, command: &mut clap::Command) -> anyhow::Result<End> {
        use clap_complete::Shell;
        let shell = match self.what {
            What::Bash => Shell::Bash,
            What::Elvish => Shell::Elvish,
            What::Fish => Shell::Fish,
            What::PowerShell => Shell::PowerShell,
            What::Zsh => Shell::Zsh,
            What::Man => {
                let mut page = Vec::new();
                clap_mangen::Man::new(command.clone()).render(&mut page)?;
                terminal::print(&String::from_utf8_lossy(&page))?;
                return Ok(End::Done);
            }
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, command, "stickysim", &mut script);
        terminal::print(&String::from_utf8_lossy(&script))?;
        Ok(End::Done)
    }
}
