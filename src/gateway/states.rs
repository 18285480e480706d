//! What an upstream's status does to its account (spec gateway.md, the table under step 6).

use super::config::{AccountTraits, Credential};
use super::failure::{Again, Failure, Verdict, in_pool};
use crate::ids::AccountIx;
use crate::scheduler::{AnyScheduler, Pool};
use crate::units::{Span, Time};
use crate::workload::{RecordedAttempt, Says};

const DEFAULT_LIMIT: Span = Span::from_secs(5);
pub(super) const LOGIN_COOLDOWN: Span = Span::from_secs(600);
pub(super) const FORBIDDEN_COOLDOWN: Span = Span::from_secs(600);
const FORBIDDEN_WINDOW: Span = Span::from_secs(3 * 3_600);
const FORBIDDEN_LIMIT: u32 = 3;
pub(super) const SWITCHED_OFF_BLOCK: Span = Span::from_secs(120);
const STORM_WINDOW: Span = Span::from_secs(10);
const STORM_SIZE: u32 = 20;

/// Counts 403s by account: the third within 3 h switches the account off, a success starts anew.
#[derive(Clone, Debug)]
pub(super) struct Forbidden(Vec<(Time, u32)>);

impl Forbidden {
    pub fn new(accounts: usize) -> Self {
        Self(vec![(Time::ZERO, 0); accounts])
    }

    pub fn success(&mut self, account: AccountIx) {
        self.0[account.at()].1 = 0;
    }

    /// One more: whether it is the one too many.
    pub fn count(&mut self, account: AccountIx, now: Time) -> bool {
        let (first, count) = &mut self.0[account.at()];
        if *count == 0 || now >= *first + FORBIDDEN_WINDOW {
            (*first, *count) = (now, 0);
        }
        *count += 1;
        *count >= FORBIDDEN_LIMIT
    }
}

/// Counts 429s of OAuth accounts in windows of 10 s, per gateway process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Storm {
    start: Option<Time>,
    count: u32,
}

impl Storm {
    /// One more 429: whether it came in a storm (20 or more in a window, this one included).
    pub fn count(&mut self, now: Time) -> bool {
        match self.start {
            Some(start) if now < start + STORM_WINDOW => self.count += 1,
            _ => (self.start, self.count) = (Some(now), 1),
        }
        self.count >= STORM_SIZE
    }
}

/// Statuses that are tried on another account. A 400 with one of the upstream's passing troubles is also tried.
pub(super) fn fails_over(status: u16, says: Says) -> bool {
    matches!(status, 401 | 402 | 403 | 429 | 529) || status >= 500 || (status == 400 && says == Says::Passing)
}

/// The consequences of a failure at 0.1.133, where only statuses change an account or fail over.
pub(super) fn verdict(
    failure: &Failure<'_>,
    world: (&mut Pool, &mut AnyScheduler, &mut Forbidden),
    storm: &mut Storm,
    now: Time,
) -> Verdict {
    let refused = Verdict { code: 502, ..Verdict::default() };
    let RecordedAttempt::Status { status, reset_after, says, .. } = failure.fate else { return refused };
    if !fails_over(status, says) {
        return refused;
    }
    let traits = failure.traits;
    let answer = Answer { status, reset_after, message: failure.message };
    let out = apply(&answer, failure.account, traits, world, failure.overload_cooldown, now);
    let limited_login = status == 429 && traits.credential == Credential::OAuth;
    let code = match status {
        429 => 429,
        529 => 503,
        _ => 502,
    };
    Verdict {
        fails_over: true,
        again: if in_pool(traits, status, says) { Again::PoolMode } else { Again::No },
        changed: out.is_some(),
        out,
        code,
        limited_login,
        storm: limited_login && storm.count(now),
    }
}

/// An upstream's status and what came with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub status: u16,
    pub reset_after: Option<Span>,
    pub message: &'a str,
}

/// Applies a failover-kind status to its account. `Some((unschedulable until, blocked until))` where that changed its
/// state; never for an account in pool mode.
pub(super) fn apply(
    answer: &Answer<'_>,
    account: AccountIx,
    traits: &AccountTraits,
    world: (&mut Pool, &mut AnyScheduler, &mut Forbidden),
    overload_cooldown: Option<Span>,
    now: Time,
) -> Option<(Time, Time)> {
    let (pool, scheduler, forbidden) = world;
    if traits.pool_mode {
        return None;
    }
    let effect = match (answer.status, traits.credential) {
        (429, _) => Effect::RateLimited(reset_end(answer.reset_after, now)),
        (529, _) => Effect::Out(overload_cooldown?),
        (401, Credential::OAuth) => Effect::Out(LOGIN_COOLDOWN),
        (401, Credential::ApiKey) | (402, _) => Effect::Off,
        (403, _) if forbidden.count(account, now) => Effect::Off,
        (403, _) => Effect::Out(FORBIDDEN_COOLDOWN),
        (status, _) => Effect::Out(rule_span(traits, status, answer.message).or(overload_cooldown)?),
    };
    let state = pool.account_mut(account);
    let (until, blocked) = match effect {
        Effect::RateLimited(end) => {
            // the last 429 sets this end, be it earlier than before; the block only moves later
            state.rate_limited_until = end;
            (end, end)
        }
        Effect::Out(span) => {
            state.unschedulable_until = state.unschedulable_until.max(now + span);
            (state.unschedulable_until, now + span)
        }
        Effect::Off => {
            state.switched_off = true;
            (Time::NEVER, now + SWITCHED_OFF_BLOCK)
        }
    };
    scheduler.block(account, blocked);
    Some((until, scheduler.blocked_until(account)))
}

/// When the limit that a 429 speaks of is over. The upstream names whole seconds, which are added to the current whole
/// second: a block of n s lasts n-1 to n s. Where it names none, the limit lasts 5 s.
pub(super) fn reset_end(reset: Option<Span>, now: Time) -> Time {
    let whole = |nanos: u64| Span::from_secs(nanos.div_ceil(1_000_000_000));
    reset.map_or(now + DEFAULT_LIMIT, |reset| whole_second(now) + whole(reset.nanos()))
}

/// The whole second that an instant lies in.
pub(super) const fn whole_second(at: Time) -> Time {
    Time::from_unix_nanos(at.unix_seconds() * 1_000_000_000)
}

enum Effect {
    RateLimited(Time),
    Out(Span),
    Off,
}

/// How long the account's own rule for this answer takes it out, if it has one.
pub(super) fn rule_span(traits: &AccountTraits, status: u16, message: &str) -> Option<Span> {
    let message = message.to_lowercase();
    let hit = |words: &[String]| words.is_empty() || words.iter().any(|word| message.contains(&word.to_lowercase()));
    traits.rules.iter().find(|rule| rule.status == status && hit(&rule.words)).map(|rule| rule.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::{Account, Config};

    const NOW: Time = Time::from_unix_nanos(1_000_000_000_000);
    const A: AccountIx = AccountIx(0);

    struct World {
        pool: Pool,
        scheduler: AnyScheduler,
        forbidden: Forbidden,
        traits: AccountTraits,
    }

    impl World {
        fn new() -> Self {
            let pool = Pool::new(vec![Account::new(1, 4)]);
            let scheduler = AnyScheduler::new(Config::default(), 1);
            Self { pool, scheduler, forbidden: Forbidden::new(1), traits: AccountTraits::default() }
        }

        fn apply(&mut self, status: u16, reset_after: Option<u64>, now: Time) -> Option<(Time, Time)> {
            let answer = Answer {
                status,
                reset_after: reset_after.map(Span::from_secs),
                message: "Selected Model is at capacity",
            };
            let world = (&mut self.pool, &mut self.scheduler, &mut self.forbidden);
            apply(&answer, A, &self.traits, world, (answer.status == 529).then_some(Span::from_secs(600)), now)
        }

        fn schedulable(&self, after: u64) -> bool {
            self.pool.accounts()[0].schedulable(NOW + Span::from_secs(after))
        }
    }

    #[test]
    fn a_429_sets_its_end_even_earlier_while_the_block_only_moves_later() {
        let mut world = World::new();
        assert_eq!(world.apply(429, Some(60), NOW), Some((NOW + Span::from_secs(60), NOW + Span::from_secs(60))));
        assert_eq!(world.apply(429, None, NOW), Some((NOW + Span::from_secs(5), NOW + Span::from_secs(60))));
        assert!(!world.schedulable(4) && world.schedulable(5));
    }

    #[test]
    fn a_reset_in_seconds_is_added_to_the_whole_second() {
        let now = NOW + Span::from_millis(700);
        assert_eq!(reset_end(Some(Span::from_secs(3)), now), NOW + Span::from_secs(3));
        assert_eq!(reset_end(Some(Span::from_millis(2_100)), now), NOW + Span::from_secs(3));
        assert_eq!(reset_end(None, now), now + Span::from_secs(5));
    }

    #[test]
    fn a_429_does_not_shorten_what_a_529_set() {
        let mut world = World::new();
        world.apply(529, None, NOW);
        world.apply(429, Some(1), NOW);
        assert!(!world.schedulable(599) && world.schedulable(600));
    }

    #[test]
    fn a_401_suspends_a_login_and_switches_off_a_key() {
        let mut world = World::new();
        world.traits.credential = Credential::OAuth;
        world.apply(401, None, NOW);
        assert!(!world.schedulable(599) && world.schedulable(600));
        world.traits.credential = Credential::ApiKey;
        assert_eq!(world.apply(401, None, NOW), Some((Time::NEVER, NOW + Span::from_secs(600))));
        assert!(!world.schedulable(100_000));
    }

    #[test]
    fn a_402_switches_off_and_blocks_for_two_minutes() {
        assert_eq!(World::new().apply(402, None, NOW), Some((Time::NEVER, NOW + Span::from_secs(120))));
    }

    #[test]
    fn the_third_403_within_three_hours_switches_off_unless_a_success_came_between() {
        let at = |s| NOW + Span::from_secs(s);
        let off = |world: &World| world.pool.accounts()[0].switched_off;
        let mut world = World::new();
        world.apply(403, None, at(0));
        world.apply(403, None, at(700));
        assert!(!off(&world));
        world.apply(403, None, at(10_799));
        assert!(off(&world));
        let mut apart = World::new();
        for s in [0, 700, 10_800] {
            apart.apply(403, None, at(s));
        }
        assert!(!off(&apart), "the third came when the window of the first was over");
        let mut healed = World::new();
        healed.apply(403, None, at(0));
        healed.apply(403, None, at(700));
        healed.forbidden.success(A);
        healed.apply(403, None, at(1_400));
        assert!(!off(&healed));
    }

    #[test]
    fn other_statuses_do_nothing_without_a_rule_whose_words_fit() {
        let mut world = World::new();
        assert_eq!(world.apply(500, None, NOW), None);
        let rule = |words: &[&str]| Rule {
            status: 503,
            words: words.iter().map(|&w| w.to_owned()).collect(),
            span: Span::from_secs(300),
        };
        world.traits.rules = vec![rule(&["quota"])];
        assert_eq!(world.apply(503, None, NOW), None);
        world.traits.rules.push(rule(&["nothing", "model is AT capacity"]));
        assert_eq!(world.apply(503, None, NOW), Some((NOW + Span::from_secs(300), NOW + Span::from_secs(300))));
    }

    #[test]
    fn nothing_happens_to_an_account_in_pool_mode() {
        let mut world = World::new();
        world.traits.pool_mode = true;
        for status in [401, 402, 403, 429, 529] {
            assert_eq!(world.apply(status, None, NOW), None);
        }
        assert!(world.schedulable(0));
    }

    #[test]
    fn a_storm_is_twenty_in_a_window_of_ten_seconds() {
        let mut storm = Storm::default();
        let at = |ms| NOW + Span::from_millis(ms);
        assert!((0..19).all(|i| !storm.count(at(i * 500))));
        assert!(storm.count(at(9_999)), "the twentieth, just within the window");
        assert!(!storm.count(at(10_000)), "ten seconds after its start a new window begins");
    }

    use super::super::config::Rule;
}
