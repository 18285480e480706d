//! The value of a percentile that falls among requests without a first token: it is longer than any time and can still
//! be ranked.
//!
//! A client that gave up, was refused or got an error never saw a first token. Its request ranks as worst, so that a
//! setting does not look better because it lost the request. A percentile that falls among such requests is not a time.
//! It has a *worst-rank score* instead (Lachin 1999): a number beyond any time that is larger the more of the requests
//! had no token. Scores can be compared, subtracted and averaged like times: their order is right, nothing becomes NaN,
//! and two runs are equal only if they lost the same share. A score is never shown: text says "no token", JSON `null`.

/// The score of such a percentile, without the share. It is far above every real figure, and its square is still
/// finite.
const NO_TOKEN: f64 = 1e100;

/// A value from here on is made of scores. This includes the difference of two scores and the mean of a score and many
/// times.
const LEAST: f64 = 1e60;

/// How text shows a score.
pub const WORDS: &str = "no token";

/// The score of a percentile that falls among requests without a token; `share_without` is their share of all requests.
pub fn score(share_without: f64) -> f64 {
    NO_TOKEN * (1.0 + share_without)
}

/// Whether a value is a score or is made of scores (a difference or a mean of them).
pub fn is_score(value: f64) -> bool {
    value.abs() >= LEAST
}

/// The share of requests without a token that a score stands for.
pub fn share_of(score: f64) -> f64 {
    score / NO_TOKEN - 1.0
}

/// The value, if it is a number that can be shown.
pub fn shown(value: f64) -> Option<f64> {
    (!is_score(value)).then_some(value)
}

/// The value for a chart: NaN for "no token", which has no place there.
pub fn or_nan(value: f64) -> f64 {
    shown(value).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_worse_than_any_time_and_the_worse_the_more_were_lost() {
        assert!(score(0.0) > 1e18 && score(0.2) > score(0.1));
        assert!((share_of(score(0.037)) - 0.037).abs() < 1e-12);
        assert_eq!(score(0.1) - score(0.1), 0.0);
    }

    #[test]
    fn what_is_made_of_scores_is_known_as_such() {
        for value in [score(0.0), score(0.1) - score(0.1 + 1e-9), 5e3 - score(1.0), score(0.0) / 1e9] {
            assert!(is_score(value), "{value}");
            assert_eq!(shown(value), None);
        }
        assert_eq!((is_score(1e30), shown(-7.0)), (false, Some(-7.0)));
    }
}
