//! Hostile inputs: whatever is read must end in a result or in an error, never in a panic, soon, and in little memory.
//!
//! `make test` tries a fixed number of inputs for each target. `make fuzz` goes on for `FUZZ_SECONDS` (60 unless set),
//! with inputs that differ in each run unless `FUZZ_SEED` is given. A failure prints the target, the seed and the
//! number, which together are the input, and writes the input to the system's temporary folder. What was found is kept
//! in `found.rs`.

mod found;
mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
#[expect(clippy::disallowed_types, reason = "a test of how long reading takes needs the clock")]
use std::time::Instant;

use mutate::Mutator;
use targets::{TARGETS, Target};

/// How much processor time one input may take. Parsing takes milliseconds; the rest is for slow machines.
const SECONDS_AN_INPUT: f64 = 5.0;

/// The most memory that all targets together may have used, in MB.
const MEGABYTES: f64 = 1_024.0;

/// Processor time of this thread in seconds, so that a busy machine makes no input slow; wall time where the system
/// does not say.
struct Spent {
    #[expect(clippy::disallowed_types, reason = "a test of how long reading takes needs the clock")]
    begun: Instant,
    before: Option<f64>,
}

impl Spent {
    fn from_now() -> Self {
        #[expect(clippy::disallowed_types, reason = "a test of how long reading takes needs the clock")]
        let begun = Instant::now();
        Self { begun, before: Self::on_processor() }
    }

    fn seconds(&self) -> f64 {
        let own = self.before.zip(Self::on_processor()).map(|(before, after)| after - before);
        own.unwrap_or_else(|| self.begun.elapsed().as_secs_f64())
    }

    fn on_processor() -> Option<f64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
    }
}

/// Tries one input and fails with everything that is needed to try it again.
fn attempt(target: &Target, input: &[u8], what: &str) {
    let spent = Spent::from_now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let seconds = spent.seconds();
    if outcome.is_err() || seconds > SECONDS_AN_INPUT {
        let path = std::env::temp_dir().join(format!("stickysim-fuzz-{}", target.name));
        std::fs::write(&path, input).expect("a temporary file");
        panic!("{what} of {} ended badly after {seconds:.1} s; the input is in {}", target.name, path.display());
    }
}

fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
}

fn memory_is_small() {
    if let Some(peak) = peak_mb() {
        assert!(peak < MEGABYTES, "reading took {peak:.0} MB");
    }
}

#[test]
fn inputs_that_nearly_are_good_give_results_or_errors() {
    for target in TARGETS {
        let corpus = (target.corpus)();
        for input in &corpus {
            attempt(target, input, "an input of the corpus");
        }
        let mutator = Mutator::new(&corpus, 1);
        for number in 0..target.quick {
            attempt(target, &mutator.input(number), &format!("seed 1, input {number}"));
        }
    }
    memory_is_small();
}

#[test]
#[ignore = "as long as FUZZ_SECONDS says: make fuzz"]
fn fuzz_for_a_while() {
    let number = |name: &str, default: u64| {
        std::env::vars().find(|(key, _)| key == name).map_or(default, |(_, value)| value.parse().expect("a number"))
    };
    let seconds = number("FUZZ_SECONDS", 60);
    let seed = number("FUZZ_SEED", u64::from(std::process::id()));
    let share = seconds as f64 / TARGETS.len() as f64;
    let mut all = 0;
    for target in TARGETS {
        let corpus = (target.corpus)();
        let mutator = Mutator::new(&corpus, seed);
        #[expect(clippy::disallowed_types, reason = "the time that was asked for is wall time")]
        let start = Instant::now();
        let mut tried = 0;
        while start.elapsed().as_secs_f64() < share {
            attempt(target, &mutator.input(tried), &format!("seed {seed}, input {tried}"));
            tried += 1;
        }
        println!("{}: {tried} inputs with seed {seed}", target.name);
        all += tried;
    }
    println!("{all} inputs in {seconds} s");
    memory_is_small();
}
