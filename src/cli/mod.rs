//! The command line: one file a verb. Each parses, calls the library and prints.

mod check;
mod completions;
mod run;
mod scenario_args;
mod schema;
mod terminal;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trace-driven simulator of a sticky-session scheduler for LLM gateways.
///
/// Replays or synthesises requests against upstream accounts that turn slow or fail, through the real sticky-escape
/// scheduler of the sub2api gateway, and says what users would have felt.
#[derive(Parser)]
#[command(name = "stickysim", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 1 a check failed, 2 bad input.\n\
    Start with: stickysim run scenarios/slow-account.yaml")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    Check(check::Check),
    Schema(schema::Schema),
    Trace(trace::Trace),
    Completions(completions::Completions),
}

/// How a verb ended.
pub(crate) enum End {
    /// As it should.
    Done,
    /// A check, gate or tolerance failed: exit status 1.
    Failed,
}

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // help and version come this way, too; a reader that has gone is nobody's error
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let end = match cli.verb {
        Verb::Run(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Schema(verb) => verb.run(),
        Verb::Trace(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(&mut <Cli as clap::CommandFactory>::command()),
    };
    match end {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Failed) => ExitCode::from(1),
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::from(2)
        }
    }
}
