//! The command line. Exit status 0: done; 1: a check, gate or tolerance failed; 2: bad input. (`compare` and `sweep`
//! add 3 and 4, see their help.)

use std::process::ExitCode;

fn main() -> ExitCode {
    stickysim::cli::main()
}
