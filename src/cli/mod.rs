//! The command line: one file a verb. Each parses, calls the library and prints.

mod amounts;
mod calibrate;
mod check;
mod compare;
mod completions;
mod doctor;
mod experiment_args;
mod explain;
mod fonts;
mod gateway_files;
mod interrupt;
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

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

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
    Doctor(doctor::Doctor),
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

/// `--baseline -3` is a value that is out of range, not an option called `-3`.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let options = |arg: clap::Arg| if arg.is_positional() { arg } else { arg.allow_negative_numbers(true) };
    command.mut_args(options).mut_subcommands(with_negative_numbers)
}

/// Parses the command line, runs the verb and says how it ended.
pub fn main() -> ExitCode {
    let mut command = with_negative_numbers(<Cli as CommandFactory>::command());
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches).map_err(|e| e.format(&mut command))) {
        Ok(cli) => cli,
        Err(error) => {
            // help and version come this way as well; a reader that has gone is nobody's error
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
        Verb::Doctor(verb) => verb.run(),
        Verb::Calibrate(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Schema(verb) => verb.run(),
        Verb::Trace(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(&mut <Cli as CommandFactory>::command()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every verb with its full name.
    fn verbs(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let mut all = vec![(name.to_owned(), command.clone())];
        for verb in command.get_subcommands() {
            all.extend(verbs(verb, &format!("{name} {}", verb.get_name())));
        }
        all
    }

    #[test]
    fn the_command_line_is_sound_and_examples_can_be_pasted_from_a_window_of_80_columns() {
        let command = with_negative_numbers(<Cli as CommandFactory>::command());
        command.clone().debug_assert();
        for (name, verb) in verbs(&command, "stickysim") {
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in after.lines().filter(|line| line.starts_with("  ")) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    }

    #[test]
    fn a_negative_number_is_a_value_and_not_an_option() {
        let command = with_negative_numbers(<Cli as CommandFactory>::command());
        let parse = |arguments: &[&str]| {
            let all = ["stickysim"].iter().chain(arguments);
            command.clone().try_get_matches_from(all).map(|_| ()).map_err(|error| error.to_string())
        };
        for arguments in [
            ["run", "a.yaml", "--replications", "-3"],
            ["run", "a.yaml", "--threads", "-1"],
            ["explain", "threshold", "--baseline", "-3"],
            ["trace", "stats", "a.csv", "--session-idle=-1"],
        ] {
            let error = parse(&arguments);
            assert!(error.as_ref().is_err_and(|e| e.contains("invalid value '-") && !e.contains("tip")), "{error:?}");
        }
        assert!(parse(&["run", "a.yaml", "--threads", "100000"]).is_err_and(|error| error.contains("to 1024")));
        let both = ["explain", "a.yaml", "--request", "1", "--turn", "2"];
        assert!(parse(&both).is_err_and(|error| error.contains("cannot be used with")));
    }
}
