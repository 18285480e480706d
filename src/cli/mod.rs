//! The command line: one file a verb. Each parses, calls the library and prints.

mod calibrate;
mod check;
mod compare;
mod completions;
mod experiment_args;
mod explain;
mod merge;
mod picture_args;
mod places;
mod plot;
mod run;
mod scenario_args;
mod schema;
mod sweep;
mod terminal;
mod trace;
mod tune;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trace-driven simulator of a sticky-session scheduler for LLM gateways.
///
/// Replays or synthesises requests against upstream accounts that turn slow or fail, through the real sticky-escape
/// scheduler of the sub2api gateway, and says what users would have felt.
#[derive(Parser)]
#[command(name = "stickysim", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 1 a check or gate failed, 2 bad input, 3 not decidable, 4 inert knob.\n\
    Start with: stickysim run scenarios/slow-account.yaml")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::Run),
    Compare(compare::Compare),
    Sweep(sweep::Sweep),
    Tune(tune::Tune),
    Explain(explain::Explain),
    Merge(merge::Merge),
    Plot(plot::Plot),
    Calibrate(calibrate::Calibrate),
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
    /// The evidence does not decide a gate: exit status 3.
    NotDecidable,
    /// What was varied changed no decision: exit status 4.
    Inert,
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
        Verb::Compare(verb) => verb.run(),
        Verb::Sweep(verb) => verb.run(),
        Verb::Tune(verb) => verb.run(),
        Verb::Explain(verb) => verb.run(),
        Verb::Merge(verb) => verb.run(),
        Verb::Plot(verb) => verb.run(),
        Verb::Calibrate(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Schema(verb) => verb.run(),
        Verb::Trace(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(&mut <Cli as clap::CommandFactory>::command()),
    };
    match end {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Failed) => ExitCode::from(1),
        Ok(End::NotDecidable) => ExitCode::from(3),
        Ok(End::Inert) => ExitCode::from(4),
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&error);
            ExitCode::from(2)
        }
    }
}
