//! Conditions degrade accounts over time. They are the ground truth of the accounts' health.
//!
//! Each kind of condition is a small state machine that knows its next event, and all of them share one calendar.
//! Accounts keep a list of the conditions in force on them, so attempts on a healthy account cost nothing extra. A
//! condition applies to an attempt that *starts* while it is in force (from its onset up to, but not including, its
//! end).

mod flapping;
mod markov;
mod replayed;
mod scheduled;
mod triggered;

use super::config::{Beyond, Condition, Course, Effect, Fault};
use super::contract::HealthChange;
use super::failure::Chance;
use super::latency::Slowness;
use crate::engine::{Calendar, Luck};
use crate::ids::{AccountIx, ModelId};
use crate::units::Time;

use flapping::Flapping;
use markov::Markov;
use replayed::Replayed;
use scheduled::Scheduled;
use triggered::Triggered;

/// All conditions of a run.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    running: Vec<Running>,
    accounts: Vec<OnAccount>,
    calendar: Calendar<u32>,
    /// When the calendar's next event is due; `Time::NEVER` if there is none.
    next: Time,
}

/// The conditions of one account, as indices in their order.
#[derive(Clone, Debug, Default)]
struct OnAccount {
    in_force: Vec<u32>,
    /// The conditions that depend on how much the account carried.
    triggered: Vec<u32>,
    /// How many of the conditions in force make the account worse.
    degrading: u32,
}

#[derive(Clone, Debug)]
struct Running {
    accounts: Vec<AccountIx>,
    machine: Machine,
    in_force: bool,
    degraded: bool,
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one for each condition, and none is moved about")]
enum Machine {
    Scheduled(Scheduled),
    Markov(Markov),
    Flapping(Flapping),
    Replayed(Replayed),
    /// This kind is boxed because it alone keeps the counts of a window.
    Triggered(Box<Triggered>),
}

/// The effect of the conditions in force on one attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Influence<'a> {
    pub(super) slowness: Slowness,
    /// The fault that strikes the attempt, if any.
    pub(super) fault: Option<&'a Fault>,
    /// Ground truth: whether the account is degraded for this attempt.
    pub(super) degraded: bool,
}

impl Influence<'_> {
    /// The effect on a healthy account: none.
    pub(super) const NONE: Self = Self { slowness: Slowness::NONE, fault: None, degraded: false };
}

/// What conditions need to know of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) at: Time,
    pub(super) account: AccountIx,
    pub(super) model: ModelId,
    /// How many other forwards run on the account.
    pub(super) busy: u32,
}

impl Effect {
    /// Whether it does anything.
    fn is_any(&self) -> bool {
        self.is_bad() || self.ttft_factor != 1.0 || self.decode_factor != 1.0
    }

    /// Whether it makes an account worse.
    fn is_bad(&self) -> bool {
        self.ttft_factor > 1.0
            || self.decode_factor > 1.0
            || self.error_rate > 0.0
            || !self.ttft_add.is_zero()
            || self.capacity.is_some()
    }

    fn concerns(&self, model: ModelId) -> bool {
        self.only_models.is_empty() || self.only_models.contains(&model)
    }
}

impl Machine {
    fn new(course: &Course, luck: Luck, index: u32, start: Time) -> Self {
        match course {
            Course::Scheduled { at, lasting, ramp_in, ramp_out, effect } => {
                let span = scheduled::Plan { at: *at, lasting: *lasting, ramp_in: *ramp_in, ramp_out: *ramp_out };
                Self::Scheduled(Scheduled::new(span, effect.clone(), start))
            }
            Course::Markov { states } => Self::Markov(Markov::new(states.clone(), luck, index, start)),
            Course::Flapping { at, on, off, until, effect } => {
                let pulses = flapping::Pulses { at: *at, on: *on, off: *off, until: *until };
                Self::Flapping(Flapping::new(pulses, effect.clone(), start))
            }
            Course::Replayed { steps, degraded_from, effect } => {
                Self::Replayed(Replayed::new(steps, *degraded_from, effect, start))
            }
            Course::Triggered { counted, most, window, lasting, effect } => {
                let rule = triggered::Rule { counted: *counted, most: *most, window: *window, lasting: *lasting };
                Self::Triggered(Box::new(Triggered::new(rule, effect.clone(), start)))
            }
        }
    }

    /// When its first event is; `None`: it has none by itself.
    fn first(&self) -> Option<Time> {
        match self {
            Self::Scheduled(machine) => machine.first(),
            Self::Markov(machine) => machine.first(),
            Self::Flapping(machine) => machine.first(),
            Self::Replayed(machine) => machine.first(),
            Self::Triggered(_) => None,
        }
    }

    /// Handles its event at `now` and returns the time of the next one.
    fn step(&mut self, now: Time) -> Option<Time> {
        match self {
            Self::Scheduled(machine) => machine.step(),
            Self::Markov(machine) => machine.step(now),
            Self::Flapping(machine) => machine.step(now),
            Self::Replayed(machine) => machine.step(),
            Self::Triggered(machine) => machine.step(now),
        }
    }

    /// Its current effect, at full strength.
    fn effect(&self) -> Option<&Effect> {
        match self {
            Self::Scheduled(machine) => machine.effect(),
            Self::Markov(machine) => machine.effect(),
            Self::Flapping(machine) => machine.effect(),
            Self::Replayed(machine) => machine.effect(),
            Self::Triggered(machine) => machine.effect(),
        }
    }

    /// How strong its effect is, 0 to 1.
    fn intensity(&self, now: Time) -> f64 {
        match self {
            Self::Scheduled(machine) => machine.intensity(now),
            Self::Markov(_) | Self::Flapping(_) | Self::Replayed(_) | Self::Triggered(_) => 1.0,
        }
    }

    /// Whether its effect makes an account worse.
    fn is_bad(&self) -> bool {
        match self {
            Self::Replayed(machine) => machine.is_bad(),
            _ => self.effect().is_some_and(Effect::is_bad),
        }
    }
}

impl Conditions {
    /// Nothing is in force yet: `advance` to the start first.
    pub(super) fn new(conditions: &[Condition], accounts: usize, luck: Luck, start: Time) -> Self {
        let mut all = Self {
            running: Vec::with_capacity(conditions.len()),
            accounts: vec![OnAccount::default(); accounts],
            calendar: Calendar::new(),
            next: Time::NEVER,
        };
        for (index, condition) in (0..).zip(conditions) {
            let mut members = condition.accounts.clone();
            members.sort_unstable();
            members.dedup();
            members.retain(|account| account.at() < accounts);
            let machine = Machine::new(&condition.course, luck, index, start);
            for account in &members {
                all.accounts[account.at()].in_force.reserve(1);
                if matches!(machine, Machine::Triggered(_)) {
                    all.accounts[account.at()].triggered.push(index);
                }
            }
            all.plan(machine.first(), index);
            all.running.push(Running { accounts: members, machine, in_force: false, degraded: false });
        }
        all
    }

    /// When something will next change by itself; `Time::NEVER` if nothing does.
    #[inline]
    pub(super) const fn next(&self) -> Time {
        self.next
    }

    /// Whether a condition that makes it worse is in force on the account, for whatever model.
    pub(super) fn is_degraded(&self, account: AccountIx) -> bool {
        self.accounts[account.at()].degrading > 0
    }

    /// Brings all conditions up to `now` and pushes what changed to `changes`.
    pub(super) fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>) {
        while self.next <= now
            && let Some((at, index)) = self.calendar.pop()
        {
            let next = self.running[index as usize].machine.step(at);
            self.plan(next, index);
            self.settle(index, at, changes);
        }
    }

    /// A forward of this many tokens starts. Carrying too much may degrade the account.
    #[inline]
    pub(super) fn carried(&mut self, account: AccountIx, tokens: u64, now: Time, changes: &mut Vec<HealthChange>) {
        for place in 0..self.accounts[account.at()].triggered.len() {
            let index = self.accounts[account.at()].triggered[place];
            if let Machine::Triggered(machine) = &mut self.running[index as usize].machine
                && let Some(end) = machine.carried(tokens, now)
            {
                self.plan(Some(end), index);
                self.settle(index, now, changes);
            }
        }
    }

    /// The effect on an attempt. `chance` is the number of which the account's own failures have taken their share.
    #[inline]
    pub(super) fn meet(&self, start: Start, chance: &mut Chance) -> Influence<'_> {
        let in_force = &self.accounts[start.account.at()].in_force;
        if in_force.is_empty() {
            return Influence::NONE;
        }
        self.meet_these(in_force, start, chance)
    }

    fn meet_these(&self, in_force: &[u32], start: Start, chance: &mut Chance) -> Influence<'_> {
        let mut influence = Influence::NONE;
        let mut least = u32::MAX;
        let mut refused = None;
        for &index in in_force {
            let running = &self.running[index as usize];
            let Some(effect) = running.machine.effect().filter(|effect| effect.concerns(start.model)) else {
                continue;
            };
            let intensity = running.machine.intensity(start.at);
            let slowness = &mut influence.slowness;
            slowness.ttft_factor *= 1.0 + (effect.ttft_factor - 1.0) * intensity;
            slowness.decode_factor *= 1.0 + (effect.decode_factor - 1.0) * intensity;
            slowness.ttft_add += if intensity < 1.0 { effect.ttft_add.scale(intensity) } else { effect.ttft_add };
            if chance.strikes(effect.error_rate * intensity) && influence.fault.is_none() {
                influence.fault = Some(&effect.error);
            }
            // the smallest of several capacities applies
            if let Some(capacity) = effect.capacity.as_ref().filter(|capacity| capacity.forwards < least) {
                least = capacity.forwards;
                let beyond = start.busy >= least;
                (slowness.sharing, refused) = match &capacity.beyond {
                    Beyond::Slower if beyond => (f64::from(start.busy + 1) / f64::from(least.max(1)), None),
                    Beyond::Refused(fault) if beyond => (1.0, Some(fault)),
                    Beyond::Slower | Beyond::Refused(_) => (1.0, None),
                };
            }
            influence.degraded |= running.degraded;
        }
        influence.fault = refused.or(influence.fault);
        influence
    }

    fn plan(&mut self, at: Option<Time>, index: u32) {
        if let Some(at) = at.filter(|&at| at < Time::NEVER) {
            self.calendar.plan(at, 0, index);
        }
        self.next = self.calendar.peek().map_or(Time::NEVER, |(at, _)| at);
    }

    /// Enters the new state of a condition at its accounts.
    fn settle(&mut self, index: u32, at: Time, changes: &mut Vec<HealthChange>) {
        let running = &mut self.running[index as usize];
        let in_force = running.machine.effect().is_some_and(Effect::is_any);
        let degraded = in_force && running.machine.is_bad();
        if in_force != running.in_force {
            running.in_force = in_force;
            for account in &running.accounts {
                let list = &mut self.accounts[account.at()].in_force;
                match list.binary_search(&index) {
                    Err(place) if in_force => list.insert(place, index),
                    Ok(place) if !in_force => drop(list.remove(place)),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        if degraded != running.degraded {
            running.degraded = degraded;
            for &account in &running.accounts {
                let degrading = &mut self.accounts[account.at()].degrading;
                *degrading = if degraded { *degrading + 1 } else { *degrading - 1 };
                changes.push(HealthChange { at, account, condition: index, degraded });
            }
        }
    }
}

#[cfg(test)]
mod tests;
