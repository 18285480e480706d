//! What a select costs: `cargo bench --bench select`.
//!
//! Each figure is one select with the release of its slot and the report of its result, the way the request loop uses
//! them. The load-balanced one is asked by a new session every time, at instants 10 ms apart, so that the load cache is
//! filled anew as often as it would be at 100 requests a second, and bindings end after an hour.
//!
//! The limits (issues 3 and 12), for every mode: 0.15 us for the sticky select; 0.8, 3 and 12 us by load balance with
//! 20, 100 and 500 accounts. The rows without a module are those of revision 0.1.133; the others those of 0.1.179.

use divan::{Bencher, black_box};
use stickysim::ids::{AccountIx, ModelId};
use stickysim::scheduler::{
    Account, AnyScheduler, Config, Decision, Learnt, Mode, Outcome, Pool, Query, Revision, SessionKey,
};
use stickysim::units::{Span, Time};

fn main() {
    divan::main();
}

const MODEL: ModelId = ModelId(1);

/// A pool in use: accounts of two priorities and various sizes, some slots held, everyone's health known.
struct Bench {
    scheduler: AnyScheduler,
    pool: Pool,
    now: Time,
    session: u64,
}

impl Bench {
    fn new(accounts: u32) -> Self {
        Self::of(accounts, Config::default())
    }

    /// Revision 0.1.179 in this mode.
    fn newer(accounts: u32, mode: Mode) -> Self {
        Self::of(accounts, Config { revision: Revision::V0_1_179, mode, ..Config::default() })
    }

    fn of(accounts: u32, config: Config) -> Self {
        let pool = (0..accounts).map(|i| Account {
            priority: 1 + i64::from(i % 3 == 0),
            models: if i % 2 == 0 { vec![MODEL] } else { Vec::new() },
            ..Account::new(i64::from(i) + 1, 10 + i64::from(i % 5))
        });
        let mut bench = Self {
            pool: Pool::new(pool.collect()),
            scheduler: AnyScheduler::new(config, accounts as usize),
            now: Time::ZERO + Span::from_secs(1_767_225_600),
            session: 0,
        };
        for account in (0..accounts).map(AccountIx) {
            bench.learn(account, account.0 % 7 != 0, 800 + u64::from(account.0 * 37 % 900));
            for _ in 0..account.0 % 6 {
                bench.pool.acquire(account, bench.now, Span::MAX);
            }
        }
        bench
    }

    fn learn(&mut self, account: AccountIx, success: bool, ttft_ms: u64) {
        let result = Learnt { account, model: MODEL, success, first_token_ms: Some(ttft_ms) };
        self.scheduler.learn(&result, self.now);
    }

    /// One select for `session` with release and report.
    fn serve(&mut self, session: u64) -> Decision {
        let hash = session.to_le_bytes().map(|byte| b"0123456789abcdef"[usize::from(byte % 16)]);
        let hash = [hash, hash, hash, hash];
        let query = Query {
            session: Some(SessionKey { key: session, hash: hash.as_flattened() }),
            previous: None,
            model: MODEL,
            model_name: b"gpt-5-codex",
            pair_model: MODEL,
            shuffle_seed: session.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ..Query::default()
        };
        let decision = self.scheduler.select(&mut self.pool, &query, self.now);
        if let Outcome::Acquired(account, slot) = decision.outcome {
            self.pool.release(account, slot);
            let ttft_ms = 800 + (session * 37) % 900;
            self.learn(account, true, ttft_ms);
        }
        self.now += Span::from_millis(10);
        decision
    }
}

/// A thousand bound sessions in turn, each finding its account.
fn sticky_with(bencher: Bencher<'_, '_>, mut bench: Bench, accounts: u32) {
    for session in 0..1_000 {
        let account = AccountIx(session as u32 % accounts);
        bench.scheduler.bind_session(&mut bench.pool, session, account, bench.now);
    }
    bencher.counter(1_u32).bench_local(|| {
        bench.session = (bench.session + 1) % 1_000;
        let decision = bench.serve(bench.session);
        assert_eq!(decision.account(), decision.bound);
        black_box(&decision);
    });
}

/// A new session every time, with the bindings of the last hour in the table.
fn load_balanced_with(bencher: Bencher<'_, '_>, mut bench: Bench) {
    // two hours and more, so that the table has found its size
    while bench.session < 800_000 {
        bench.session += 1;
        bench.scheduler.bind_session(&mut bench.pool, bench.session, AccountIx(0), bench.now);
        bench.now += Span::from_millis(10);
    }
    bencher.counter(1_u32).bench_local(|| {
        bench.session += 1;
        let decision = bench.serve(bench.session);
        assert!(decision.bound.is_none() && decision.account().is_some());
        black_box(&decision);
    });
}

/// A new session every time, and no slot free anywhere: both rounds of load balance, and a wait plan.
fn all_busy_with(bencher: Bencher<'_, '_>, mut bench: Bench, accounts: u32) {
    for account in (0..accounts).map(AccountIx) {
        while bench.pool.acquire(account, bench.now, Span::MAX).is_some() {}
    }
    // Time stands still: slots do not expire.
    let now = bench.now;
    bencher.counter(1_u32).bench_local(|| {
        bench.session += 1;
        bench.now = now;
        let decision = bench.serve(bench.session);
        assert!(matches!(decision.outcome, Outcome::Wait(..)));
        black_box(&decision);
    });
}

#[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
fn sticky(bencher: Bencher<'_, '_>, accounts: u32) {
    sticky_with(bencher, Bench::new(accounts), accounts);
}

#[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
fn load_balanced(bencher: Bencher<'_, '_>, accounts: u32) {
    load_balanced_with(bencher, Bench::new(accounts));
}

#[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
fn all_busy(bencher: Bencher<'_, '_>, accounts: u32) {
    all_busy_with(bencher, Bench::new(accounts), accounts);
}

/// The same three questions to one mode of revision 0.1.179.
macro_rules! mode {
    ($name:ident, $mode:expr) => {
        mod $name {
            use super::*;

            #[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
            fn sticky(bencher: Bencher<'_, '_>, accounts: u32) {
                sticky_with(bencher, Bench::newer(accounts, $mode), accounts);
            }

            #[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
            fn load_balanced(bencher: Bencher<'_, '_>, accounts: u32) {
                load_balanced_with(bencher, Bench::newer(accounts, $mode));
            }

            #[divan::bench(args = [20, 100, 500], sample_count = 100, sample_size = 1_000)]
            fn all_busy(bencher: Bencher<'_, '_>, accounts: u32) {
                all_busy_with(bencher, Bench::newer(accounts, $mode), accounts);
            }
        }
    };
}

mode!(legacy, Mode::Legacy);
mode!(advanced, Mode::Advanced);
mode!(weighted, Mode::Weighted);
