//! Times to first token of healthy accounts as they were measured (docs/reference/baselines.md).
//!
//! A clean lognormal far below the threshold flatters escape and low thresholds. Real accounts have single slow
//! answers, which pull an average over a threshold although nothing is wrong (spec simulator.md, "Upstream accounts").

use super::persistence::Persistence;
use crate::engine::{BadParameter, Distribution};

/// Quantiles of the 4,153 times to first token in the WEKA corpus of Claude Code sessions
/// (github.com/callanjfox/kv-cache-tester, Apache-2.0): probability, seconds. Between them the quantile function is
/// assumed to be linear. Its mean is 3.62 s (measured: 3.61), 1.69 % lie over 15 s (1.69) and 0.95 % over 20 s (0.96).
const CLAUDE_CODE: [(f64, f64); 26] = [
    (0.0, 0.45),
    (0.005, 0.77),
    (0.01, 0.98),
    (0.03, 1.36),
    (0.1, 1.61),
    (0.2, 1.84),
    (0.3, 2.06),
    (0.4, 2.3),
    (0.5, 2.51),
    (0.6, 2.8),
    (0.65, 3.02),
    (0.7, 3.33),
    (0.75, 3.81),
    (0.8, 4.46),
    (0.85, 5.24),
    (0.9, 6.58),
    (0.92, 7.92),
    (0.94, 9.01),
    (0.96, 10.58),
    (0.975, 12.3),
    (0.98, 13.1),
    (0.985, 16.13),
    (0.99, 19.59),
    (0.995, 23.38),
    (0.999, 30.37),
    (1.0, 59.46),
];

/// How alike the answers of one Claude Code session are (docs/reference/baselines.md). A scenario's preset says the
/// same.
pub const CLAUDE_CODE_PERSISTENCE: Persistence = Persistence { correlation: 0.22, lone_share: 0.017 };

/// Times to first token as measured in Claude Code sessions, in seconds.
///
/// # Errors
/// Never, with the table above.
pub fn claude_code() -> Result<Distribution, BadParameter> {
    let steps = CLAUDE_CODE.windows(2).map(|ends| {
        let ((from, low), (to, high)) = (ends[0], ends[1]);
        Ok((to - from, Distribution::uniform(low, high)?))
    });
    Distribution::mixture(steps.collect::<Result<_, _>>()?)
}

/// Lognormal through the median and 90th percentile that Codex users measured (openai/codex issue 34064), in seconds.
///
/// # Errors
/// Never.
pub fn codex() -> Result<Distribution, BadParameter> {
    Distribution::lognormal_p50_p90(2.7, 19.0)
}

/// A clean lognormal, median 1.3 s, in seconds.
///
/// # Errors
/// Never.
pub fn light() -> Result<Distribution, BadParameter> {
    Distribution::lognormal_p50_p90(1.3, 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_mean_and_the_tail_that_were_measured() {
        let measured = claude_code().unwrap();
        assert!((measured.mean() - 3.611).abs() < 0.02, "{}", measured.mean());
        for (over, share) in [(15.0, 0.0169), (20.0, 0.0096), (10.0, 0.0479), (4.0, 0.2367)] {
            assert!((1.0 - measured.cdf(over) - share).abs() < 0.002, "over {over} s");
        }
        for (p, seconds) in [(0.5, 2.51), (0.9, 6.58), (0.99, 19.59)] {
            assert!((measured.draw(p) - seconds).abs() < 1e-9, "a draw is the quantile: {p}");
        }
        assert!((1.0 - codex().unwrap().cdf(15.0) - 0.13).abs() < 0.005);
        assert!((light().unwrap().median() - 1.3).abs() < 1e-12);
    }

    /// Compares the table with the rows of the corpus, if the corpus is there.
    #[test]
    fn the_table_is_the_corpus() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/weka_claude_code_ttft.derived.csv");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is not there", path.display());
            return;
        };
        let sample = text.lines().skip(1).map(|line| line.split(',').nth(7).unwrap().parse().unwrap()).collect();
        let corpus = Distribution::empirical(sample).unwrap();
        for (p, seconds) in CLAUDE_CODE {
            assert!((corpus.quantile(p) - seconds).abs() < 0.006, "{p}: {} and {seconds}", corpus.quantile(p));
        }
    }
}
