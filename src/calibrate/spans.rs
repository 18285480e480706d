//! When an account was slow, and when it failed: spans found by segmentation, for scheduled conditions.
//!
//! Attempts are in order of their beginnings, since a condition touches those that begin inside it. Isolated slow
//! requests are no spans: the cost of a value is bounded, so that it takes several in a row to pay for two changes.

use super::normalise::{Effects, Normal};
use super::robust::{centre, median, quantile, sorted};
use super::segments::{Segment, biweight, penalty, segment};
use super::tries::{Fault, Tries, Try};

/// A stretch of time in which an account was slow.
#[derive(Clone, Debug, PartialEq)]
pub struct Slow {
    /// The account's place.
    pub account: usize,
    /// From when, in s.
    pub from_s: f64,
    /// Until when, in s; `None`: to the end of the log.
    pub to_s: Option<f64>,
    /// How many times slower.
    pub factor: f64,
    /// Answers that show it.
    pub answers: usize,
    /// First and one past the last of the account's attempts in it.
    pub range: (usize, usize),
    /// How many times longer the answers took after their first token; 1: not that it shows.
    pub decode_factor: f64,
}

/// A stretch of time in which an account failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failing {
    /// The account's place.
    pub account: usize,
    /// From when, in s.
    pub from_s: f64,
    /// Until when, in s; `None`: to the end of the log.
    pub to_s: Option<f64>,
    /// Share of its attempts that failed so.
    pub rate: f64,
    /// With what.
    pub fault: Fault,
    /// How many.
    pub failures: usize,
    /// Of how many attempts.
    pub attempts: usize,
    /// First and one past the last of the account's attempts in it.
    pub range: (usize, usize),
}

/// What counts as a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The least factor of a slow span.
    pub least_factor: f64,
    /// The least number of answers (or failures) that show one.
    pub least_answers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { least_factor: 1.5, least_answers: 5 }
    }
}

/// Factors on the TTFT that a span may have in the search; what it has in the end is the centre of its own answers.
const FACTORS: [f64; 13] = [1.0, 1.4, 1.8, 2.4, 3.2, 4.5, 6.5, 9.0, 13.0, 20.0, 30.0, 50.0, 100.0];
/// Beyond so many standard deviations a value says nothing more.
const BOUND: f64 = 3.0;
/// Values in a row by whose medians the healthy level is first guessed.
const CHUNK: usize = 20;

/// Slow spans, the effects of kinds and sizes, and the healthy centre of every account: each needs the others, so
/// they are found by turns.
pub fn slow(tries: &Tries, kinds: usize, limits: Limits) -> (Normal, Vec<Slow>) {
    let mut healthy: Vec<Vec<bool>> = tries.of.iter().map(|of| vec![true; of.len()]).collect();
    let mut normal = Normal::fit(tries, kinds, Effects::KindAndSize, |_, _| true);
    let mut spans = Vec::new();
    let end_s = end(tries);
    for round in 0..5 {
        let mut next = Vec::new();
        for account in 0..tries.ids.len() {
            let answers: Vec<(usize, f64)> = tries.of[account]
                .iter()
                .enumerate()
                .filter_map(|(i, each)| normal.level(each).map(|level| (i, level)))
                .collect();
            if answers.len() < limits.least_answers.max(8) {
                continue;
            }
            let (base, sd) =
                if round == 0 { guess(&answers) } else { (normal.accounts[account].mean, normal.accounts[account].sd) };
            next.extend(spans_of(&tries.of[account], account, &answers, (base, sd.max(0.05)), limits, end_s));
        }
        for mask in &mut healthy {
            mask.fill(true);
        }
        for span in &next {
            healthy[span.account][span.range.0..span.range.1].fill(false);
        }
        normal = Normal::fit(tries, kinds, Effects::KindAndSize, |account, i| healthy[account][i]);
        let settled = next == spans && round > 0;
        spans = next;
        if settled {
            break;
        }
    }
    for span in &mut spans {
        span.decode_factor = decode_factor(&tries.of[span.account], &healthy[span.account], span.range);
    }
    (normal, spans)
}

/// Level and spread of a healthy account that may have been slow for much of the time: the lower quarter of the medians
/// of short stretches, and the typical spread within these.
fn guess(answers: &[(usize, f64)]) -> (f64, f64) {
    let levels: Vec<f64> = answers.iter().map(|&(_, level)| level).collect();
    let chunks: Vec<&[f64]> =
        levels.chunks(CHUNK).filter(|chunk| chunk.len() * 2 >= CHUNK || levels.len() < CHUNK).collect();
    let medians: Vec<f64> = chunks.iter().map(|chunk| median(chunk)).collect();
    let spreads: Vec<f64> = chunks
        .iter()
        .filter_map(|chunk| {
            let sorted = sorted(chunk);
            Some((quantile(&sorted, 0.75)? - quantile(&sorted, 0.25)?) / 1.349)
        })
        .collect();
    (quantile(&sorted(&medians), 0.25).unwrap_or(0.0), quantile(&sorted(&spreads), 0.4).unwrap_or(0.5))
}

fn spans_of(
    all: &[Try],
    account: usize,
    answers: &[(usize, f64)],
    (base, sd): (f64, f64),
    limits: Limits,
    end_s: f64,
) -> Vec<Slow> {
    let levels = FACTORS.map(libm::log);
    let segments = segment(answers.len(), levels.len(), penalty(answers.len(), levels.len()), |i, level| {
        biweight((answers[i].1 - base - levels[level]) / sd, BOUND)
    });
    let factor_of = |from: usize, to: usize| {
        let of: Vec<f64> = answers[from..to].iter().map(|&(_, level)| level - base).collect();
        centre(&of).map_or(1.0, |centre| libm::exp(centre.mean))
    };
    // neighbours whose factors are much the same are one span: the grid is no truth
    let mut joined: Vec<(Segment, f64)> = Vec::new();
    for segment in segments.into_iter().filter(|segment| segment.level > 0) {
        let factor = factor_of(segment.from, segment.to);
        match joined.last_mut() {
            Some((last, before)) if last.to == segment.from && (factor / *before).max(*before / factor) < 1.35 => {
                last.to = segment.to;
                *before = factor_of(last.from, last.to);
            }
            _ => joined.push((segment, factor)),
        }
    }
    joined.retain(|(segment, factor)| {
        *factor >= limits.least_factor && segment.to - segment.from >= limits.least_answers
    });
    // always so: that is how the account is, no span
    joined.retain(|(segment, _)| (segment.to - segment.from) as f64 <= MOST * answers.len() as f64);
    beyond_chance(joined, answers, (base, sd))
        .into_iter()
        .map(|(segment, factor)| {
            let at = |place: usize| all[answers[place].0].at_s;
            let between = |place: usize| 0.5 * (at(place - 1) + at(place));
            Slow {
                account,
                from_s: if segment.from == 0 { 0.0 } else { between(segment.from) },
                to_s: if segment.to < answers.len() {
                    Some(between(segment.to))
                } else {
                    silence(&all[answers[segment.from].0..=answers[segment.to - 1].0], end_s)
                },
                factor,
                answers: segment.to - segment.from,
                range: (answers[segment.from].0, answers.get(segment.to).map_or(all.len(), |&(i, _)| i)),
                decode_factor: 1.0,
            }
        })
        .collect()
}

/// A span may not be more of an account's answers than this.
const MOST: f64 = 0.8;
/// Slow answers outside of all spans that are this many times as many as a healthy account's spread brings about, and
/// this share of the answers more, are a second mode of the account's times.
const MODE: (f64, f64) = (3.0, 0.03);

/// Spans without those that an account makes by itself which answers slowly now and then: where slow answers are common
/// outside, a span must be more than a run of them. The strongest is asked first, and what was accepted is left out
/// of the outside of the next.
fn beyond_chance(
    mut spans: Vec<(Segment, f64)>,
    answers: &[(usize, f64)],
    (base, sd): (f64, f64),
) -> Vec<(Segment, f64)> {
    let weight = |(segment, factor): &(Segment, f64)| (segment.to - segment.from) as f64 * libm::log(*factor);
    spans.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    let mut accepted: Vec<(Segment, f64)> = Vec::new();
    for (segment, factor) in spans {
        let edge = base + 0.5 * libm::log(factor);
        let inside = |place: usize, segment: &Segment| segment.from <= place && place < segment.to;
        let count = |counts: &dyn Fn(usize) -> bool| {
            let of = (0..answers.len()).filter(|&place| counts(place));
            of.fold((0.0_f64, 0.0_f64), |(slow, all), at| (slow + f64::from(u8::from(answers[at].1 > edge)), all + 1.0))
        };
        let (slow, all) = count(&|place| inside(place, &segment));
        let (slow_out, all_out) =
            count(&|place| !inside(place, &segment) && !accepted.iter().any(|(other, _)| inside(place, other)));
        let usual = 1.0 - super::shape::normal_cdf((edge - base) / sd);
        let rate = (slow_out + 0.5) / (all_out + 1.0);
        let of = |share: f64, of: f64| if share > 0.0 { share * libm::log(share / all / of) } else { 0.0 };
        let gain = 2.0 * (of(slow, rate) + of(all - slow, 1.0 - rate));
        let is_mode = rate > MODE.0 * usual + MODE.1;
        if !is_mode || gain > 2.0 * penalty(answers.len(), FACTORS.len()) {
            accepted.push((segment, factor));
        }
    }
    accepted.sort_by_key(|(segment, _)| segment.from);
    accepted
}

fn decode_factor(all: &[Try], healthy: &[bool], range: (usize, usize)) -> f64 {
    let logs = |counts: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let of = all.iter().enumerate().filter(|&(i, _)| counts(i));
        of.filter_map(|(_, each)| each.decode_s).map(|s| libm::log(s + 0.0005)).collect()
    };
    let (inside, outside) = (logs(&|i| i >= range.0 && i < range.1), logs(&|i| healthy[i]));
    match (centre(&inside), centre(&outside)) {
        (Some(a), Some(b)) if a.n >= 10 && b.n >= 10 => {
            let error = (a.sd * a.sd / a.n as f64 + b.sd * b.sd / b.n as f64).sqrt();
            let off = a.mean - b.mean;
            if off.abs() > 4.0 * error && off.abs() > 0.25 { libm::exp(off) } else { 1.0 }
        }
        _ => 1.0,
    }
}

/// Rates of failure that a span may have in the search.
const RATES: [f64; 9] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99];
/// Fewer failures than this are no span.
const LEAST_FAILURES: usize = 3;

/// Spans of failure: rate limits (429), other statuses and transport errors each by themselves.
pub fn failing(tries: &Tries) -> Vec<Failing> {
    let classes: [fn(Fault) -> bool; 3] = [
        |fault| fault == Fault::Status(429),
        |fault| matches!(fault, Fault::Status(status) if status != 429),
        |fault| matches!(fault, Fault::Transport | Fault::Broken),
    ];
    let end_s = end(tries);
    let mut spans = Vec::new();
    for class in classes {
        let failed = |each: &Try| each.fault.is_some_and(class);
        let rates: Vec<f64> = tries
            .of
            .iter()
            .filter(|of| of.len() >= 20)
            .map(|of| of.iter().filter(|each| failed(each)).count() as f64 / of.len() as f64)
            .collect();
        let usual = median(&rates);
        for (account, of) in tries.of.iter().enumerate() {
            let total = of.iter().filter(|each| failed(each)).count();
            if total < LEAST_FAILURES {
                continue;
            }
            let base = usual.max(0.5 / of.len() as f64).min(0.5);
            let rates: Vec<f64> =
                std::iter::once(base).chain(RATES.into_iter().filter(|&rate| rate > 3.0 * base)).collect();
            let cost = |i: usize, level: usize| {
                let rate = rates[level];
                -2.0 * libm::log(if failed(&of[i]) { rate } else { 1.0 - rate })
            };
            // failures are distinguished from answers without doubt, and after a 429 hardly any attempts follow: three
            // quarters of the penalty of times
            let segments = segment(of.len(), rates.len(), 0.7 * penalty(of.len(), rates.len()), cost);
            let mut ranges: Vec<(usize, usize)> = Vec::new();
            for segment in segments.into_iter().filter(|segment| segment.level > 0) {
                match ranges.last_mut() {
                    Some(last) if last.1 == segment.from => last.1 = segment.to,
                    _ => ranges.push((segment.from, segment.to)),
                }
            }
            let price = 0.7 * penalty(of.len(), rates.len());
            let mut seen_to = 0;
            for range in ranges {
                if range.1 <= seen_to {
                    continue;
                }
                let range = (range.0.max(seen_to), range.1);
                let range = widened(range, of.len(), price, base, &|i| failed(&of[i]));
                seen_to = range.1;
                // always so: that is how the account is, no span
                if (range.1 - range.0) as f64 > 0.8 * of.len() as f64 {
                    continue;
                }
                spans.extend(by_fault(of, account, range, class, end_s));
            }
        }
    }
    spans.sort_by(|a, b| a.account.cmp(&b.account).then(a.from_s.total_cmp(&b.from_s)));
    spans
}

/// Attempts between failures that may still belong to one span.
const NEAR: usize = 15;

/// A span of too few failures takes in those nearby, if it still pays for a change then.
fn widened(range: (usize, usize), n: usize, price: f64, base: f64, failed: &dyn Fn(usize) -> bool) -> (usize, usize) {
    let mut range = range;
    while (range.0..range.1).filter(|&i| failed(i)).count() < LEAST_FAILURES {
        let before = (range.0.saturating_sub(NEAR)..range.0).rev().find(|&i| failed(i));
        let after = (range.1..n.min(range.1 + NEAR)).find(|&i| failed(i));
        let wider = match (before, after) {
            (Some(before), Some(after)) if after - range.1 < range.0 - before => (range.0, after + 1),
            (Some(before), _) => (before, range.1),
            (None, Some(after)) => (range.0, after + 1),
            (None, None) => break,
        };
        let attempts = (wider.1 - wider.0) as f64;
        let failures = (wider.0..wider.1).filter(|&i| failed(i)).count() as f64;
        let rate = (failures / attempts).min(0.99);
        let cost = |rate: f64| -2.0 * (failures * libm::log(rate) + (attempts - failures) * libm::log(1.0 - rate));
        if cost(base) - cost(rate) < price {
            break;
        }
        range = wider;
    }
    range
}

/// When the last attempt of all began.
fn end(tries: &Tries) -> f64 {
    tries.of.iter().filter_map(|of| of.last()).fold(0.0, |end, last| last.at_s.max(end))
}

/// A span after which its account was not seen any more: over once another attempt should have come, unless that is the
/// end of the log.
fn silence(inside: &[Try], end_s: f64) -> Option<f64> {
    let (first, last) = (inside.first()?, inside.last()?);
    let gap = (last.at_s - first.at_s) / (inside.len() - 1).max(1) as f64;
    Some(last.at_s + gap).filter(|&over| over < end_s)
}

/// One span for each fault that makes up a good part of the failures.
fn by_fault(of: &[Try], account: usize, range: (usize, usize), class: fn(Fault) -> bool, end_s: f64) -> Vec<Failing> {
    let inside = &of[range.0..range.1];
    let mut faults: Vec<Fault> = inside.iter().filter_map(|each| each.fault).filter(|&fault| class(fault)).collect();
    let total = faults.len();
    faults.sort_unstable();
    let mut kinds = faults.clone();
    kinds.dedup();
    let between = |place: usize| 0.5 * (of[place - 1].at_s + of[place].at_s);
    kinds
        .into_iter()
        .map(|fault| (fault, faults.iter().filter(|&&each| each == fault).count()))
        .filter(|&(_, count)| total >= LEAST_FAILURES && count * 10 >= total)
        .map(|(fault, failures)| Failing {
            account,
            from_s: if range.0 == 0 { 0.0 } else { between(range.0) },
            to_s: if range.1 < of.len() { Some(between(range.1)) } else { silence(inside, end_s) },
            rate: failures as f64 / inside.len() as f64,
            fault,
            failures,
            attempts: inside.len(),
            range,
        })
        .collect()
}
