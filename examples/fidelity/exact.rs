//! The cases that can be followed step by step: `abandon` request by request, the heads of `slow-off` and
//! `slow-advanced` decision by decision, and `slow-on` account by account with the attempts and times that were
//! recorded.

use std::collections::BTreeMap;

use stickysim::engine::Luck;
use stickysim::units::Span;
use stickysim::workload::RecordedAttempt;

use crate::case::{Case, Noted, Visit};
use crate::play::{Manner, Played, UPSTREAM_HOP_S, play};

/// A check with its result in words.
pub struct Exact {
    pub passed: bool,
    pub text: String,
}

/// The check of a case, if it has one.
pub fn check(case: &Case, repetitions: u64) -> Option<Exact> {
    match case.name.as_str() {
        "abandon" => Some(abandon(case, repetitions)),
        "slow-off-head" => Some(decisions(case, 66, &as_recorded(case, false))),
        "slow-advanced-decisions" => Some(decisions(case, 57, &as_logged(case))),
        "slow-on" => Some(accounts(case)),
        _ => None,
    }
}

/// Every repetition agrees with the recording in every request: status, accounts visited, felt TTFT within 15 ms.
fn abandon(case: &Case, repetitions: u64) -> Exact {
    let agrees = |played: &Played| {
        case.requests.iter().zip(&played.clients).all(|(client, (http, felt, visited))| {
            let near = match (client.felt_ms, felt) {
                (Some(recorded), Some(felt)) => (recorded - felt).abs() < 15.0,
                (recorded, felt) => recorded.is_none() == felt.is_none(),
            };
            let accounts: Vec<i64> = client.visits.iter().map(|visit| visit.account).collect();
            client.http == *http && near && accounts == *visited
        })
    };
    let agreeing =
        (0..repetitions).filter(|&i| agrees(&play(case, Luck::new(1).replication(i + 1), &Manner::Drawn))).count();
    Exact {
        passed: agreeing as u64 == repetitions,
        text: format!(
            "all {} requests agree in status, accounts visited and felt TTFT (within 15 ms) in {agreeing} of \
             {repetitions} repetitions",
            case.requests.len()
        ),
    }
}

/// Decisions in order of the gateway's log; a pair that arrived within 2 ms may be the other way round.
fn decisions(case: &Case, least: usize, manner: &Manner) -> Exact {
    let played = play(case, Luck::new(1), manner);
    let agrees = |i: usize, j: usize| {
        let (logged, (_, decision)) = (&case.decisions[i], &played.decisions[j]);
        let account = decision.account().map(|a| case.accounts[a.at()].0);
        logged["layer"].as_str() == Some(decision.layer.name())
            && logged["account"].as_i64() == account
            && logged["candidate_count"].as_u64() == Some(u64::from(decision.candidate_count))
            && logged["load_skew"].as_f64().map(f64::to_bits) == Some(decision.load_skew.to_bits())
    };
    let most = case.decisions.len().min(played.decisions.len());
    let mut agreeing = 0;
    let mut swapped = 0;
    while agreeing < most {
        if agrees(agreeing, agreeing) {
            agreeing += 1;
        } else if agreeing + 1 < most && agrees(agreeing, agreeing + 1) && agrees(agreeing + 1, agreeing) {
            agreeing += 2;
            swapped += 1;
        } else {
            break;
        }
    }
    Exact {
        passed: agreeing >= least,
        text: format!(
            "the first {agreeing} of {most} decisions agree in layer, account, candidates and load skew to the last \
             digit ({swapped} pairs overtook each other)"
        ),
    }
}

/// How many requests from the first on went to the account that they went to in reality.
fn accounts(case: &Case) -> Exact {
    let played = play(case, Luck::new(1), &as_recorded(case, true));
    let agrees = |i: &usize| {
        let visits = case.requests[*i].visits.iter().map(|visit| visit.account);
        visits.eq(played.clients[*i].2.iter().copied())
    };
    let agreeing = (0..case.requests.len()).take_while(agrees).count();
    Exact {
        passed: agreeing >= 600,
        text: format!("with its recorded attempts the first {agreeing} requests go account by account as in reality"),
    }
}

/// The attempts as the gateway itself measured them, where its log has them, else as scripted and 1.5 ms longer.
fn as_recorded(case: &Case, in_order: bool) -> Manner {
    let noted = match_notes(case);
    let given = case.requests.iter().enumerate().map(|(i, client)| {
        let attempts = client.visits.iter().enumerate().map(|(k, visit)| match noted.get(&(i, k)) {
            Some(note) => RecordedAttempt::Ok { ttft: middle(note.ttft_ms), end: middle(note.duration_ms) },
            None => longer(visit.attempt),
        });
        let way = client.visits.first().map(|visit| visit.start_s - UPSTREAM_HOP_S - client.at_s);
        // who started later than the shortest wait for a slot takes had waited
        let way = way.filter(|&way| way < SHORTEST_WAIT_S).unwrap_or(USUAL_WAY_S);
        (client.at_s + way, attempts.collect())
    });
    let mut given: Vec<(f64, Vec<RecordedAttempt>)> = given.collect();
    // what an upstream saw late was mostly late behind its select: requests that were sent more than 2 ms apart are
    // taken to reach the scheduler in that order
    for i in (0..given.len()).rev().filter(|_| in_order) {
        let later = |j: &usize| case.requests[*j].at_s > case.requests[i].at_s + 0.002;
        if let Some(next) = (i + 1..given.len()).find(later) {
            given[i].0 = given[i].0.min(given[next].0);
        }
    }
    Manner::Given(given)
}

/// As `as_recorded`, but every request reaches the scheduler when the gateway's log says that it was decided on. On a
/// busy machine the way to the upstream tells too late a time: from a decision it took some 4 ms more. A decision of
/// load balance is logged when it is made, but the loads that it goes by were read before: by as much as such decisions
/// are logged later than those of sessions that stay. In the simulator a forward begins with its selection, so the
/// attempt takes the longer.
fn as_logged(case: &Case) -> Manner {
    let Manner::Given(mut given) = as_recorded(case, false) else { return Manner::Drawn };
    let logged = logged(case);
    let after = |balanced: bool| {
        let of = logged.iter().filter(|line| line.balanced == balanced);
        median(of.map(|line| line.at_s - case.requests[line.request].at_s).collect())
    };
    let reading = (after(true) - after(false)).max(0.0);
    for line in &logged {
        let (visit, (reached, attempts)) = (&case.requests[line.request].visits[0], &mut given[line.request]);
        *reached = if line.balanced { line.at_s - reading } else { line.at_s };
        let ended = visit.start_s - UPSTREAM_HOP_S + longer(visit.attempt).end().secs();
        if let Some(RecordedAttempt::Ok { end, .. }) = attempts.first_mut() {
            *end = Span::from_secs_f64((ended - *reached).max(0.0));
        }
    }
    Manner::Given(given)
}

/// A line of the gateway's log of selections.
struct Logged {
    /// By its place in the case.
    request: usize,
    /// By the clock of the case.
    at_s: f64,
    /// Whether load balance decided.
    balanced: bool,
}

/// The lines of the log whose requests can be told: the first one whose upstream saw it soon after the line.
fn logged(case: &Case) -> Vec<Logged> {
    let zero = zero_of_the_log(case);
    let mut free = vec![true; case.requests.len()];
    let mut found = Vec::new();
    for (line, place) in case.decisions.iter().zip(0..) {
        let at = line["time"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let Some(at) = at else { continue };
        // within a millisecond the log's order counts
        let at_s = at.as_millisecond() as f64 / 1e3 - zero + 1e-9 * f64::from(place);
        let seen_s = |i: usize| {
            let visit =
                case.requests[i].visits.first().filter(|visit| line["account"].as_i64() == Some(visit.account))?;
            let fits = case.requests[i].at_s < at_s && (-0.001..LONGEST_WAY_S).contains(&(visit.start_s - at_s));
            (free[i] && fits).then_some(visit.start_s)
        };
        let candidates = (0..free.len()).filter_map(|i| Some((i, seen_s(i)?)));
        if let Some((request, _)) = candidates.min_by(|a, b| a.1.total_cmp(&b.1)) {
            free[request] = false;
            found.push(Logged { request, at_s, balanced: line["layer"] == "load_balance" });
        }
    }
    found
}

/// The Unix time in s, by the gateway's clock, of time 0 of the case: by the forwards that it noted, which the
/// upstreams saw a little later.
fn zero_of_the_log(case: &Case) -> f64 {
    let zero = |(&(i, k), note): (&(usize, usize), &&Noted)| {
        let forward_s = (note.completed_ms - note.duration_ms as i64) as f64 / 1e3;
        forward_s - (case.requests[i].visits[k].start_s - UPSTREAM_HOP_S)
    };
    median(match_notes(case).iter().map(zero).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// From a selection to its first sight at the upstream, at most.
const LONGEST_WAY_S: f64 = 0.040;

/// A wait for a slot takes at least a poll's first pause, 100 ms.
const SHORTEST_WAIT_S: f64 = 0.090;
const USUAL_WAY_S: f64 = 0.006;

/// The middle of a millisecond: rounded down it is what was noted.
fn middle(ms: u64) -> Span {
    Span::from_micros(ms * 1_000 + 500)
}

fn longer(attempt: RecordedAttempt) -> RecordedAttempt {
    let more = Span::from_micros(1_500);
    match attempt {
        RecordedAttempt::Ok { ttft, end } => RecordedAttempt::Ok { ttft: ttft + more, end: end + more },
        other => other,
    }
}

/// Rows of the usage log by (request, visit): per account both lists are in order of their ends.
fn match_notes(case: &Case) -> BTreeMap<(usize, usize), &Noted> {
    let mut matched = BTreeMap::new();
    for &(id, _) in &case.accounts {
        let end = |visit: &Visit| visit.start_s + visit.attempt.end().secs();
        let mut visits: Vec<(f64, usize, usize, &Visit)> = Vec::new();
        for (i, client) in case.requests.iter().enumerate() {
            for (k, visit) in client.visits.iter().enumerate().filter(|(_, visit)| visit.account == id) {
                visits.push((end(visit), i, k, visit));
            }
        }
        visits.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut notes: Vec<&Noted> = case.noted.iter().filter(|note| note.account == id).collect();
        notes.sort_by_key(|note| note.completed_ms);
        if visits.len() != notes.len() {
            continue;
        }
        // ends within a millisecond or two may be noted in another order: within a few rows the TTFT tells who is who
        let mut free: Vec<bool> = vec![true; notes.len()];
        for (place, &(_, i, k, visit)) in visits.iter().enumerate() {
            let ttft = visit.attempt.first_token().map_or(0.0, |ttft| ttft.millis());
            let end = visit.attempt.end().millis();
            let near = place.saturating_sub(8)..(place + 9).min(notes.len());
            let longer = |j: usize| (notes[j].ttft_ms as f64 + 0.5 - ttft, notes[j].duration_ms as f64 + 0.5 - end);
            let distance = |j: usize| (longer(j).0 - 2.0).abs() + (longer(j).1 - 2.0).abs();
            let fits = |j: usize| (-1.0..8.0).contains(&longer(j).0) && (-1.0..8.0).contains(&longer(j).1);
            let best = near.filter(|&j| free[j] && fits(j)).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
            if let Some(j) = best {
                free[j] = false;
                matched.insert((i, k), notes[j]);
            }
        }
    }
    matched
}
