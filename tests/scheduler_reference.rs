//! Load balance against a literal reading of the spec: full sorts, eager draws, a cache keyed by plain lists.
//!
//! The golden vectors stop at a dozen accounts; here pools have up to 150, with exclusions, blocks, limits, bursts that
//! fill every slot, and loads that change under the cache. Whatever the fast path leaves out must not show.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use stickysim::engine::{Luck, Stream};
use stickysim::ids::{AccountIx, ModelId};
use stickysim::scheduler::seed::{Generator, SeedTexts, selection_seed};
use stickysim::scheduler::{
    Account, AnyScheduler, Config, Health, Learnt, Outcome, Pool, Query, SessionKey, SlotToken, Weights,
};
use stickysim::units::{Span, Time};

#[derive(Clone, Copy)]
struct Load {
    rate: i64,
    waiting: u32,
}

/// What layer 3 should say: the accounts in the order they are asked, and the load skew.
struct Expected {
    order: Vec<AccountIx>,
    skew: f64,
}

/// Ids and effective load factors: the exact list that a batch was asked for.
type Key = Vec<(i64, i64)>;

struct Reference {
    cache: BTreeMap<Key, (Time, Vec<Load>)>,
}

impl Reference {
    fn loads(&mut self, pool: &Pool, candidates: &[AccountIx], config: &Config, now: Time, fresh: bool) -> Vec<Load> {
        let account = |ix: &AccountIx| &pool.accounts()[ix.at()];
        let key: Vec<_> = candidates.iter().map(|ix| (account(ix).id, account(ix).effective_load_factor())).collect();
        if let Some((end, loads)) = self.cache.get(&key).filter(|(end, _)| !fresh && now < *end) {
            assert!(*end <= now + config.load_cache_ttl);
            return loads.clone();
        }
        let loads: Vec<_> = candidates
            .iter()
            .map(|&ix| {
                let (held, waiting) = (i64::from(pool.held(ix)), pool.waiting(ix));
                Load { rate: (held + i64::from(waiting)) * 100 / account(&ix).effective_load_factor(), waiting }
            })
            .collect();
        if !fresh && !config.load_cache_ttl.is_zero() {
            self.cache.insert(key, (now + config.load_cache_ttl, loads.clone()));
        }
        loads
    }
}

fn clamp01(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

fn expected(
    pool: &Pool,
    candidates: &[AccountIx],
    loads: &[Load],
    health: &[Health],
    config: &Config,
    seed: u64,
) -> Expected {
    let n = candidates.len() as f64;
    let rates: Vec<f64> = loads.iter().map(|load| load.rate as f64).collect();
    let mean = rates.iter().sum::<f64>() / n;
    let variance = rates.iter().map(|rate| rate * rate).sum::<f64>() / n - mean * mean;
    let skew = if candidates.len() > 1 && variance > 0.0 { variance.sqrt() } else { 0.0 };

    let priority = |ix: AccountIx| pool.accounts()[ix.at()].priority;
    let lowest_priority = candidates.iter().map(|&ix| priority(ix)).min().unwrap();
    let highest_priority = candidates.iter().map(|&ix| priority(ix)).max().unwrap();
    let most_waiting = loads.iter().map(|load| load.waiting).max().unwrap().max(1);
    let ttfts: Vec<f64> = health.iter().filter_map(|h| h.ttft_ms).collect();
    let least_ttft = ttfts.iter().copied().fold(f64::INFINITY, f64::min);
    let most_ttft = ttfts.iter().copied().fold(0.0, f64::max);
    let w = &config.weights;
    let mut scored: Vec<(f64, AccountIx, Load)> = Vec::new();
    for ((&ix, &load), health) in candidates.iter().zip(loads).zip(health) {
        let pf = if highest_priority == lowest_priority {
            1.0
        } else {
            1.0 - (priority(ix) - lowest_priority) as f64 / (highest_priority - lowest_priority) as f64
        };
        let lf = 1.0 - clamp01(load.rate as f64 / 100.0);
        let qf = 1.0 - clamp01(f64::from(load.waiting) / f64::from(most_waiting));
        let ef = 1.0 - clamp01(health.error_rate);
        let tf = match health.ttft_ms {
            Some(ttft) if most_ttft > least_ttft => 1.0 - clamp01((ttft - least_ttft) / (most_ttft - least_ttft)),
            _ => 0.5,
        };
        scored.push((w.priority * pf + w.load * lf + w.queue * qf + w.error_rate * ef + w.ttft * tf, ix, load));
    }
    scored.sort_by(|(a, ix, x), (b, iy, y)| {
        b.partial_cmp(a)
            .unwrap_or(Ordering::Equal)
            .then(priority(*ix).cmp(&priority(*iy)))
            .then(x.rate.cmp(&y.rate))
            .then(x.waiting.cmp(&y.waiting))
            .then(ix.cmp(iy))
    });
    scored.truncate(config.lb_top_k);

    let lowest = scored.last().unwrap().0;
    let mut left: Vec<(f64, AccountIx)> = scored.iter().map(|(score, ix, _)| (score - lowest + 1.0, *ix)).collect();
    let mut generator = Generator::new(seed);
    let mut order = Vec::new();
    while left.len() > 1 {
        let total: f64 = left.iter().map(|(weight, _)| weight).sum();
        let aim = generator.next_f64() * total;
        let mut sum = 0.0;
        let mut hit = 0;
        for (at, (weight, _)) in left.iter().enumerate() {
            sum += weight;
            if sum >= aim {
                hit = at;
                break;
            }
        }
        order.push(left.remove(hit).1);
    }
    order.extend(left.pop().map(|(_, ix)| ix));
    Expected { order, skew }
}

fn pick(stream: &mut Stream, below: u64) -> u64 {
    stream.bits() % below
}

fn world(stream: &mut Stream) -> (Config, Vec<Account>) {
    let weight = |stream: &mut Stream| if stream.chance(0.2) { 0.0 } else { stream.between(0.0, 3.0) };
    let config = Config {
        sticky_escape_enabled: stream.chance(0.5),
        lb_top_k: [1, 1, 2, 3, 7, 20, 500][pick(stream, 7) as usize],
        load_cache_ttl: Span::from_millis([0, 200, 1_000, 5_000][pick(stream, 4) as usize]),
        weights: Weights {
            priority: weight(stream),
            load: weight(stream),
            queue: weight(stream),
            error_rate: weight(stream),
            ttft: weight(stream) + 0.01,
            ..Weights::default()
        },
        group_id: stream.chance(0.5).then_some(42),
        ..Config::default()
    };
    let count = [3, 12, 20, 64, 65, 150][pick(stream, 6) as usize];
    let accounts = (1..=count).map(|id| Account {
        priority: pick(stream, 3) as i64,
        load_factor: stream.chance(0.2).then(|| 1 + pick(stream, 9) as i64),
        models: if stream.chance(0.3) { vec![ModelId(1 + pick(stream, 3) as u16)] } else { Vec::new() },
        ..Account::new(id, if stream.chance(0.03) { 0 } else { 1 + pick(stream, 3) as i64 })
    });
    (config, accounts.collect())
}

#[test]
fn the_fast_load_balance_answers_like_a_literal_reading_of_the_spec() {
    let mut by_round = [0_u32; 3];
    for case in 0..120 {
        let mut stream = Luck::new(20_260_605).stream(1, case, 0);
        let (config, accounts) = world(&mut stream);
        let count = accounts.len() as u64;
        let mut pool = Pool::new(accounts);
        let mut scheduler = AnyScheduler::new(config.clone(), count as usize);
        let mut reference = Reference { cache: BTreeMap::new() };
        let mut held: Vec<(AccountIx, SlotToken)> = Vec::new();
        let mut now = Time::ZERO + Span::from_secs(1_780_000_000);
        let busy = stream.chance(0.5);
        for step in 0..300_u64 {
            now += Span::from_millis(pick(&mut stream, 100));
            let account = AccountIx(pick(&mut stream, count) as u32);
            let soon = now + Span::from_millis(pick(&mut stream, 500));
            match pick(&mut stream, 12) {
                0 => scheduler.block(account, soon),
                1 => pool.account_mut(account).rate_limited_until = soon,
                2 => pool.account_mut(account).switched_off ^= stream.chance(0.5),
                3 => pool.account_mut(account).priority = pick(&mut stream, 3) as i64,
                4 => pool.account_mut(account).load_factor = Some(pick(&mut stream, 9) as i64),
                5 => _ = pool.enter(account, 5),
                6 => pool.leave(account),
                7 if stream.chance(0.2) => pool.set_candidates(now),
                _ => {
                    let success = stream.chance(0.7);
                    let first_token_ms = Some(pick(&mut stream, 3_000));
                    scheduler.learn(&Learnt { account, model: ModelId(1), success, first_token_ms }, now);
                }
            }
            let most_held = if busy { 3 * count as usize / 2 } else { 2 };
            while held.len() > most_held {
                let (account, slot) = held.swap_remove(pick(&mut stream, held.len() as u64) as usize);
                pool.release(account, slot);
            }

            let excluded: Vec<_> =
                (0..pick(&mut stream, 3)).map(|_| AccountIx(pick(&mut stream, count) as u32)).collect();
            let hash = format!("session-{}", pick(&mut stream, 50));
            let model = ModelId(pick(&mut stream, 5) as u16);
            // A key never used twice: the session is never bound, so layer 3 decides.
            let query = Query {
                session: Some(SessionKey { key: step, hash: hash.as_bytes() }),
                previous: None,
                model,
                model_name: b"some-model",
                excluded: &excluded,
                ..Query::default()
            };
            if pool.list_is_empty() {
                pool.set_candidates(now);
            }
            let candidates: Vec<AccountIx> = (0..count as u32)
                .map(AccountIx)
                .filter(|&ix| {
                    let account = &pool.accounts()[ix.at()];
                    let open = account.schedulable(now) && now >= scheduler.blocked_until(ix);
                    pool.listed()[ix.at()] && open && account.supports(model) && !excluded.contains(&ix)
                })
                .collect();
            let before = pool.clone();
            let decision = scheduler.select(&mut pool, &query, now);
            let place = format!("case {case} step {step}: {} candidates", candidates.len());
            if candidates.is_empty() {
                assert_eq!(decision.outcome, Outcome::NoAvailableAccounts, "{place}");
                continue;
            }
            let texts = SeedTexts {
                session: hash.as_bytes(),
                model: b"some-model",
                group: config.group_id,
                ..SeedTexts::default()
            };
            let seed = selection_seed(&texts, now);
            let health: Vec<_> = candidates.iter().map(|&ix| scheduler.health(ix, now)).collect();
            let free = |ix: &AccountIx| {
                let max = before.accounts()[ix.at()].concurrency;
                max <= 0 || i64::from(before.held(*ix)) < max
            };
            let mut answer = None;
            for (round, fresh) in [false, true].into_iter().enumerate() {
                let loads = reference.loads(&before, &candidates, &config, now, fresh);
                let Expected { order, skew } = expected(&before, &candidates, &loads, &health, &config, seed);
                let acquired = order.iter().copied().find(free);
                answer = Some((order[0], acquired, skew));
                if acquired.is_some() {
                    by_round[round] += 1;
                    break;
                }
            }
            let (first, acquired, skew) = answer.unwrap();
            match decision.outcome {
                Outcome::Acquired(account, slot) => {
                    assert_eq!(Some(account), acquired, "{place}");
                    held.push((account, slot));
                }
                Outcome::Wait(account, _) => {
                    assert_eq!((account, acquired), (first, None), "{place}");
                    by_round[2] += 1;
                }
                Outcome::NoAvailableAccounts => panic!("{place}: nobody found"),
            }
            assert_eq!(decision.load_skew.to_bits(), skew.to_bits(), "{place}");
            assert_eq!(decision.candidate_count as usize, candidates.len(), "{place}");
            assert_eq!(decision.top_k as usize, config.lb_top_k.min(candidates.len()), "{place}");
        }
    }
    // Every way through layer 3 was taken often: cached order, fresh order, wait plan.
    assert!(by_round.iter().all(|&count| count > 50), "{by_round:?}");
}
