//! The expressions of `--fail-if` and `--subject-to`: limits on a figure that are judged by its interval.
//!
//! ```text
//! FIGURE OP LIMIT      OP is one of  >  >=  <  <=
//!
//! sessions.worst_ttft_ms.p99 > +5%     B lies more than 5 % above A
//! sessions.worst_ttft_ms.p99 > -3%     B lies less than 3 % below A, or above it
//! sessions.worst_ttft_ms.p99 > +200    B lies more than 200 above A, in the figure's own unit
//! escapes.wasted_ratio > 0.3           B itself is more than 0.3
//! ```
//!
//! A sign makes the limit relative to A; it is judged by the paired t interval. A limit without a sign is judged by B's
//! own interval at 98 %, by Hall's method, so that each side keeps its level of 2.5 % for skewed figures as well
//! (`stats::interval`). An expression *holds* when the whole confidence interval lies on its side of the limit, and is
//! *refuted* when the whole interval lies on the other side. Otherwise it is *open*: more replications are needed, and
//! a passing build proves nothing. It is also open when some replications do not have the figure (for example, no
//! detection delay because nothing was detected), because the others are a biased sample. `--fail-if` fails when its
//! expression holds; `--subject-to` is met when its expression holds.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stats::{Interval, Level, excess_of, gate_interval_of, paired_of};

/// How the figure is compared with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// `>`
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `<`
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
}

/// What the figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// B itself, in the unit of the figure.
    Value(f64),
    /// B - A, in the unit of the figure.
    Difference(f64),
    /// (B - A) / |A|, as a fraction: 0.05 for `+5%`.
    Change(f64),
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// The expression as it was written.
    pub text: String,
    /// The path of the figure in the result document, e.g. `sessions.worst_ttft_ms.p99`.
    pub figure: String,
    /// How the figure is held against the limit.
    pub operator: Operator,
    /// What it is held against.
    pub limit: Limit,
}

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the expression `{text}`: {problem}")]
pub struct BadCriterion {
    /// The expression as it was written.
    pub text: String,
    /// What is wrong, and what to do.
    pub problem: Problem,
}

/// What may be wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No operator at all.
    #[error("it has no comparison; write FIGURE > LIMIT with one of >, >=, <, <=, e.g. `felt_ttft_ms.p99 > +5%`")]
    NoComparison,
    /// An operator that does not exist.
    #[error("`{0}` is not a comparison; use one of >, >=, <, <= (one comparison per expression)")]
    NotAComparison(String),
    /// Nothing before the operator.
    #[error("it names no figure before the comparison")]
    NoFigure,
    /// Nothing, or nothing like a number, after the operator.
    #[error(
        "`{0}` is not a limit; write a number (`0.3`), a signed difference to A (`+200`) or a signed change (`+5%`)"
    )]
    NotALimit(String),
    /// A percentage without sign could mean two things.
    #[error(
        "`{0}` could mean two things: write `+{0}` for the change against A, or a fraction such as `{1}` for the \
         figure itself"
    )]
    UnsignedPercent(String, String),
    /// The figure does not exist.
    #[error("no figure is called `{name}`{}", did_you_mean(.nearest))]
    NoSuchFigure {
        /// The name as it was written.
        name: String,
        /// The nearest names that exist, nearest first; at most three.
        nearest: Vec<String>,
    },
}

fn did_you_mean(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        [one, rest @ ..] => {
            format!("; did you mean `{one}`{}?", rest.iter().map(|name| format!(" or `{name}`")).collect::<String>())
        }
    }
}

/// What the evidence says of a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The whole interval lies on the criterion's side of the limit.
    Holds,
    /// The whole interval lies on the other side.
    Refuted,
    /// The limit lies within the interval, or there is none, or some replications lack the figure: not decidable.
    Open,
}

/// Why a criterion is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// No replication has the figure.
    #[error("no replication has this figure, so more replications cannot decide it")]
    Never,
    /// A change from nothing.
    #[error("A is 0, so there is no change in percent: write the limit as a difference, such as +0.02")]
    FromNothing,
    /// Some replications do not have the figure.
    #[error(
        "only {have} of {of} replications have this figure, and these are a biased sample: gate on a count instead"
    )]
    Selection {
        /// How many have it.
        have: usize,
        /// How many replications there are.
        of: usize,
    },
    /// It falls among requests without a token.
    #[error(
        "in {among} of {of} replications this falls among requests without a first token, so it has no mean: gate on \
         `felt_ttft_ms.without_token_ratio` or on a lower percentile"
    )]
    NoToken {
        /// In how many it does.
        among: usize,
        /// How many replications there are.
        of: usize,
    },
    /// There is no interval.
    #[error("too few replications, or too few in which it differs, for an interval: more --replications")]
    NoInterval,
    /// The limit lies within the interval.
    #[error("the limit lies within the interval: more --replications, or --precision")]
    WithinInterval,
}

/// An expression and what the evidence says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What the evidence says.
    pub evidence: Evidence,
    /// The limited quantity (B, B - A, or the change as a fraction) with its interval; if some replication has no token
    /// there, the difference instead of the change. `None` if no replication has the figure. A change has no bounds if
    /// A may be 0; the evidence is sound even then.
    pub measured: Option<Interval>,
    /// The mean of A is 0, so there is no change to measure; the evidence is sound even then.
    pub a_is_zero: bool,
}

impl Judgement {
    /// Why it is open; `None` when it is not.
    pub fn doubt(&self) -> Option<Doubt> {
        let open = self.evidence == Evidence::Open;
        open.then(|| match self.measured {
            None if self.a_is_zero => Doubt::FromNothing,
            None => Doubt::Never,
            Some(found) if found.missing > 0 => Doubt::Selection { have: found.n, of: found.n + found.missing },
            Some(found) if found.no_token > 0 => Doubt::NoToken { among: found.no_token, of: found.n },
            Some(Interval { lo: None, .. }) => Doubt::NoInterval,
            Some(_) => Doubt::WithinInterval,
        })
    }
}

impl Operator {
    /// The operator as it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    fn judge(self, interval: Interval, limit: f64) -> Evidence {
        let (Some(lo), Some(hi)) = (interval.lo, interval.hi) else { return Evidence::Open };
        let (holds, refuted) = match self {
            Self::Above => (lo > limit, hi <= limit),
            Self::AtLeast => (lo >= limit, hi < limit),
            Self::Below => (hi < limit, lo >= limit),
            Self::AtMost => (hi <= limit, lo > limit),
        };
        match (holds, refuted) {
            (true, _) => Evidence::Holds,
            (_, true) => Evidence::Refuted,
            _ => Evidence::Open,
        }
    }
}

impl Criterion {
    /// Parses an expression on one of `figures`, the paths of all figures of the result document.
    ///
    /// # Errors
    /// When it is no expression, or names no figure; the error suggests the nearest.
    pub fn parse<S: AsRef<str>>(text: &str, figures: &[S]) -> Result<Self, BadCriterion> {
        Self::parse_inner(text, figures).map_err(|problem| BadCriterion { text: text.trim().to_owned(), problem })
    }

    fn parse_inner<S: AsRef<str>>(text: &str, figures: &[S]) -> Result<Self, Problem> {
        let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!' | '~');
        let start = text.find(is_operator).ok_or(Problem::NoComparison)?;
        let (figure, rest) = (text[..start].trim(), &text[start..]);
        let end = rest.find(|c| !is_operator(c)).unwrap_or(rest.len());
        let operator = match &rest[..end] {
            ">" => Operator::Above,
            ">=" => Operator::AtLeast,
            "<" => Operator::Below,
            "<=" => Operator::AtMost,
            other => return Err(Problem::NotAComparison(other.to_owned())),
        };
        let limit = rest[end..].trim();
        if limit.contains(is_operator) {
            return Err(Problem::NotAComparison(rest.trim().to_owned()));
        }
        if figure.is_empty() {
            return Err(Problem::NoFigure);
        }
        let limit = parse_limit(limit)?;
        if !figures.iter().any(|name| name.as_ref() == figure) {
            return Err(Problem::NoSuchFigure { name: figure.to_owned(), nearest: nearest(figure, figures) });
        }
        Ok(Self { text: text.trim().to_owned(), figure: figure.to_owned(), operator, limit })
    }

    /// Whether judging it needs A.
    pub const fn needs_baseline(&self) -> bool {
        matches!(self.limit, Limit::Difference(_) | Limit::Change(_))
    }

    /// Judges the criterion on the figure of each replication under A and B (paired by replication). `a` is not looked
    /// at unless [`Criterion::needs_baseline`].
    pub fn judge(&self, a: &[Option<f64>], b: &[Option<f64>], level: Level) -> Judgement {
        let mut a_is_zero = false;
        let (measured, tested, limit) = match self.limit {
            Limit::Value(limit) => {
                let value = gate_interval_of(b, level);
                (value, value, limit)
            }
            Limit::Difference(limit) => {
                let difference = paired_of(a, b, level).map(|paired| paired.difference);
                (difference, difference, limit)
            }
            // Tested as B - A - limit * |A| against 0: always defined, also where A is near 0.
            Limit::Change(limit) => {
                let paired = paired_of(a, b, level);
                let change = paired.and_then(|paired| match paired.difference.no_token {
                    0 => paired.change,
                    _ => Some(paired.difference),
                });
                a_is_zero = paired.is_some() && change.is_none();
                (change, excess_of(a, b, limit, level), 0.0)
            }
        };
        let whole = tested.filter(|tested| tested.missing == 0);
        let evidence = whole.map_or(Evidence::Open, |tested| self.operator.judge(tested, limit));
        Judgement { evidence, measured, a_is_zero }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(limit) => write!(f, "{limit}"),
            Self::Difference(limit) => write!(f, "{limit:+}"),
            Self::Change(limit) => write!(f, "{:+}%", percent(*limit)),
        }
    }
}

/// The percentage of a fraction, without the noise of the division by 100 that made the fraction.
fn percent(fraction: f64) -> f64 {
    (fraction * 1e14).round() / 1e12
}

fn parse_limit(text: &str) -> Result<Limit, Problem> {
    let bad = || Problem::NotALimit(text.to_owned());
    let (number, is_percent) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, false),
    };
    // `inf`, `nan` and the like are numbers to Rust but no limits
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return Err(bad());
    }
    let value: f64 = number.parse().map_err(|_| bad())?;
    if !value.is_finite() {
        return Err(bad());
    }
    match (number.starts_with(['+', '-']), is_percent) {
        (true, true) => Ok(Limit::Change(value / 100.0)),
        (true, false) => Ok(Limit::Difference(value)),
        (false, true) => Err(Problem::UnsignedPercent(text.to_owned(), format!("{}", value / 100.0))),
        (false, false) => Ok(Limit::Value(value)),
    }
}

/// The names most like `wanted`, nearest first, at most three: those that end with it (or whose last parts it ends
/// with), then those within a few edits.
pub fn nearest<S: AsRef<str>>(wanted: &str, names: &[S]) -> Vec<String> {
    let wanted_lower = wanted.to_ascii_lowercase();
    let allowed = 2 + wanted.chars().count() / 4;
    let mut scored: Vec<(usize, &str)> = names
        .iter()
        .map(AsRef::as_ref)
        .filter_map(|name| {
            let is_tail = !wanted.is_empty() && name.ends_with(&format!(".{wanted_lower}"));
            let edits = strsim::osa_distance(&wanted_lower, &name.to_ascii_lowercase());
            match (is_tail, edits <= allowed) {
                (true, _) => Some((0, name)),
                (_, true) => Some((edits, name)),
                _ => None,
            }
        })
        .collect();
    scored.sort();
    // A near hit makes farther ones noise.
    let best = scored.first().map_or(0, |&(edits, _)| edits);
    scored.retain(|&(edits, _)| edits <= best + 1);
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: [&str; 6] = [
        "felt_ttft_ms.p50",
        "felt_ttft_ms.p99",
        "sessions.worst_ttft_ms.p99",
        "sessions.stuck",
        "escapes.wasted_ratio",
        "requests.total",
    ];
    const L95: Level = Level::PERCENT_95;

    fn parse(text: &str) -> Criterion {
        Criterion::parse(text, &FIGURES).unwrap()
    }

    fn error(text: &str) -> String {
        Criterion::parse(text, &FIGURES).unwrap_err().to_string()
    }

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn the_sign_and_the_percent_say_what_is_limited() {
        for (text, operator, limit) in [
            ("sessions.stuck > 0.3", Operator::Above, Limit::Value(0.3)),
            ("sessions.stuck>=1e3", Operator::AtLeast, Limit::Value(1000.0)),
            ("  sessions.stuck  <  +200 ", Operator::Below, Limit::Difference(200.0)),
            ("sessions.stuck <= -200.5", Operator::AtMost, Limit::Difference(-200.5)),
            ("sessions.stuck > +5%", Operator::Above, Limit::Change(0.05)),
            ("sessions.stuck > -3 %", Operator::Above, Limit::Change(-0.03)),
            ("sessions.stuck > +0", Operator::Above, Limit::Difference(0.0)),
        ] {
            let got = parse(text);
            assert_eq!((got.figure.as_str(), got.operator, got.limit), ("sessions.stuck", operator, limit), "{text}");
            assert_eq!(got.text, text.trim());
        }
        assert!(!parse("sessions.stuck > 1").needs_baseline() && parse("sessions.stuck > +1").needs_baseline());
    }

    #[test]
    fn a_limit_is_shown_as_it_was_written() {
        for text in ["+5%", "-3%", "+0.7%", "+200", "-200.5", "0.3", "+12.34%", "+110%"] {
            assert_eq!(parse(&format!("sessions.stuck > {text}")).limit.to_string(), text);
        }
    }

    #[test]
    fn a_figure_that_is_none_gets_the_nearest_names() {
        assert_eq!(
            error("sessions.worst_ttft.p99 > +5%"),
            "cannot use the expression `sessions.worst_ttft.p99 > +5%`: no figure is called `sessions.worst_ttft.p99`; \
             did you mean `sessions.worst_ttft_ms.p99`?"
        );
        assert!(error("stuck > 1").ends_with("did you mean `sessions.stuck`?"), "{}", error("stuck > 1"));
        let near = "did you mean `felt_ttft_ms.p99` or `felt_ttft_ms.p50`?";
        assert!(error("felt_ttft_ms.p95 > 1").ends_with(near), "{}", error("felt_ttft_ms.p95 > 1"));
        assert!(error("price_of_fish > 1").ends_with("no figure is called `price_of_fish`"));
    }

    #[test]
    fn what_is_no_expression_shows_how_one_looks() {
        assert!(error("sessions.stuck").contains("no comparison; write FIGURE > LIMIT"));
        assert!(error("").contains("no comparison"));
        assert!(error("sessions.stuck == 3").contains("`==` is not a comparison; use one of >, >=, <, <="));
        assert!(error("1 < sessions.stuck < 3").contains("is not a comparison"));
        assert!(error("> 3").contains("names no figure"));
        assert!(error("sessions.stuck > many").contains("`many` is not a limit"));
        assert!(error("sessions.stuck > ").contains("`` is not a limit"));
        assert!(
            error("sessions.stuck > inf").contains("not a limit")
                && error("sessions.stuck > +nan%").contains("not a limit")
        );
        assert!(error("sessions.stuck > 200ms").contains("`200ms` is not a limit"));
        assert!(
            error("sessions.stuck > 5%").contains("write `+5%` for the change against A, or a fraction such as `0.05`")
        );
    }

    #[test]
    fn a_criterion_holds_is_refuted_or_stays_open_by_the_whole_interval() {
        let a = some(&[100.0, 110.0, 90.0, 105.0]);
        let b = some(&[110.2, 120.8, 99.1, 115.4]); // 10 % more, within a few tenths
        let judge = |limit: &str| parse(&format!("sessions.stuck {limit}")).judge(&a, &b, L95).evidence;
        for (limit, want) in [
            ("> +5%", Evidence::Holds),
            ("> +15%", Evidence::Refuted),
            ("> +10%", Evidence::Open),
            ("< +15%", Evidence::Holds),
            ("<= +5%", Evidence::Refuted),
            ("> +5", Evidence::Holds),
            (">= +20", Evidence::Refuted),
            ("< -1", Evidence::Refuted),
            ("> 50", Evidence::Holds),
            ("> 111", Evidence::Open),
            ("< 200", Evidence::Holds),
        ] {
            assert_eq!(judge(limit), want, "{limit}");
        }
        let measured = parse("sessions.stuck > +5%").judge(&a, &b, L95).measured.unwrap();
        assert!((measured.mean - 0.1).abs() < 0.01 && measured.lo.unwrap() > 0.05);
    }

    #[test]
    fn the_edge_belongs_to_the_comparisons_that_say_so() {
        let a = some(&[1.0, 2.0, 3.0]);
        let judge = |limit: &str| parse(&format!("sessions.stuck {limit}")).judge(&a, &a, L95).evidence;
        // A against A: the difference is exactly 0 with no width
        for (limit, want) in [
            ("> +0", Evidence::Refuted),
            (">= +0", Evidence::Holds),
            ("< +0%", Evidence::Refuted),
            ("<= +0%", Evidence::Holds),
        ] {
            assert_eq!(judge(limit), want, "{limit}");
        }
    }

    #[test]
    fn a_change_from_nothing_is_decided_though_it_has_no_percentage() {
        let judgement = parse("sessions.stuck > +5%").judge(&some(&[0.0; 4]), &some(&[3.0, 4.0, 3.0, 5.0]), L95);
        assert_eq!((judgement.evidence, judgement.measured), (Evidence::Holds, None));
        let none = parse("sessions.stuck > +5%").judge(&some(&[0.0; 4]), &some(&[0.0; 4]), L95);
        assert_eq!(none.evidence, Evidence::Refuted);
    }

    #[test]
    fn one_replication_or_a_figure_that_never_exists_stays_open() {
        let gate = parse("sessions.stuck > +5%");
        assert_eq!(gate.judge(&some(&[1.0]), &some(&[9.0]), L95).evidence, Evidence::Open);
        let judgement = gate.judge(&[None, None], &some(&[9.0, 9.0]), L95);
        assert_eq!((judgement.evidence, judgement.measured), (Evidence::Open, None));
    }
}
