//! The command line. The exit status is 0 when done, 1 when a check, a gate or a tolerance failed, and 2 for bad input.
//! (`compare`, `sweep` and `tune` add 3 and 4, see their help.)

use std::process::ExitCode;

fn main() -> ExitCode {
    stickysim::cli::main()
}
