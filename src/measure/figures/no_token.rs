//! What a percentile is that falls among requests without a first token: longer than any time, and still to be ranked.
//!
//! A client that gave up, was refused or got an error never saw a first token. It ranks as worst, so that a setting does not look
//! better for having lost it; where a percentile falls among such requests there is no time to be told. It has a *worst-rank
//! score* instead (Lachin 1999): a number beyond any time, the larger the more of the requests had no token. Scores can be
//! compared, subtracted and averaged like times: the order is right, nothing becomes NaN, and two runs are equal only where
//! they lost the same share. Nobody is ever shown a score: text says "no token", JSON null.

/// The score of a percentile beyond all times, without the share: no figure that is a number comes near it, and its square
/// is still a number.
const NO_TOKEN: f64 = 1e100;

/// From here on a value is made of scores: also the difference of two of them, or the mean of one with many times.
const LEAST: f64 = 1e60;

/// What text says of it.
pub const WORDS: &str = "no token";

/// The score of a percentile that falls among requests without a token, which are this share of all.
pub fn score(share_without: f64) -> f64 {
    NO_TOKEN * (1.0 + share_without)
}

/// Whether a value is such a score, or made of some (their difference, their mean).
pub fn is_score(value: f64) -> bool {
    value.abs() >= LEAST
}

/// The share without a token that a score tells.
pub fn share_of(score: f64) -> f64 {
    score / NO_TOKEN - 1.0
}

/// The value where it is a number that can be shown.
pub fn shown(value: f64) -> Option<f64> {
    (!is_score(value)).then_some(value)
}

/// The value for a chart, where "no token" has no place.
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
