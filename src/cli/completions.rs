//! `stickysim completions`.

use clap::{Args, ValueEnum};

use super::{End, terminal};

/// Print a completion script for a shell, or a manual page.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    stickysim completions bash > \\\n      \
    ~/.local/share/bash-completion/completions/stickysim\n  \
    stickysim completions man > stickysim.1\n  \
    stickysim completions man compare > stickysim-compare.1")]
pub(crate) struct Completions {
    /// What to print.
    #[arg(value_enum)]
    what: What,
    /// The verb whose manual page is wanted [default: the page of the whole program].
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
    /// A manual page, in roff.
    Man,
}

impl Completions {
    pub(crate) fn run(self, command: &mut clap::Command) -> anyhow::Result<End> {
        use clap_complete::Shell;
        if self.verb.is_some() && !matches!(self.what, What::Man) {
            anyhow::bail!("a completion script is for the whole program: leave the verb out");
        }
        let shell = match self.what {
            What::Bash => Shell::Bash,
            What::Elvish => Shell::Elvish,
            What::Fish => Shell::Fish,
            What::PowerShell => Shell::PowerShell,
            What::Zsh => Shell::Zsh,
            What::Man => {
                let mut page = Vec::new();
                clap_mangen::Man::new(described(command, self.verb.as_deref())?).render(&mut page)?;
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

/// The program, or one of its verbs.
fn described(command: &mut clap::Command, verb: Option<&str>) -> anyhow::Result<clap::Command> {
    let Some(verb) = verb else { return Ok(command.clone()) };
    command.build();
    let found = command.find_subcommand(verb);
    let found = found.ok_or_else(|| anyhow::anyhow!("there is no verb {verb}: see stickysim --help"))?;
    Ok(found.clone())
}
