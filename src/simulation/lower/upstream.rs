//! Makes the models of the accounts and the conditions that degrade them.

use super::distribution::{At, draw};
use super::files::Named;
use super::models::Models;
use super::{LowerError, index_of};
use crate::engine::Distribution;
use crate::ids::AccountIx;
use crate::scenario::{self, Account, Scenario, UpstreamError};
use crate::units::Span;
use crate::upstream::config::{
    AccountModel, Beyond, Capacity, Condition, Config, Counted, Course, Decode, Effect, Failure, Fault, Limit,
    LoadSlowdown, PromptCache, Refill, SizeEffect, State,
};
use crate::upstream::persistence::Persistence;
use crate::workload::Says;

/// The words by which the gateway knows what an error says (spec gateway.md, step 6; scheduler-modes.md, section 7).
/// The specification names kinds of messages; those words that it does not quote are the upstreams' usual ones.
const WORDS: [(Says, Option<u16>, &[&str]); 7] = [
    (Says::Overloaded, None, &["servers are overloaded", "currently overloaded", "server_is_overloaded", "slow_down"]),
    (Says::ContextTooLong, None, &["context_length_exceeded", "maximum context length", "exceeds the context window"]),
    (Says::Passing, Some(400), &["an error occurred while processing your request", "selected model is at capacity"]),
    (Says::NoSuchModel, Some(404), &["model not found", "model_not_found", "model does not exist"]),
    (Says::PlanLacksModel, Some(400), &["model is not supported when using", "does not have access to the model"]),
    (Says::HtmlPage, Some(403), &["<html", "<!doctype html"]),
    (Says::TokenRevoked, Some(401), &["token_revoked", "token has been revoked", "token_invalidated"]),
];

/// What an error of this status says with this message.
fn says(status: u16, message: &str) -> Says {
    let message = message.to_lowercase();
    let fits = |only: Option<u16>, words: &[&str]| {
        only.is_none_or(|only| only == status) && words.iter().any(|word| message.contains(word))
    };
    WORDS.iter().find(|(_, only, words)| fits(*only, words)).map_or(Says::Nothing, |(says, ..)| *says)
}

/// All accounts and conditions.
///
/// # Errors
/// When a file that the scenario names cannot be used.
pub(super) fn lower(scenario: &Scenario, models: &Models) -> Result<Config, LowerError> {
    let mut lowering = Lowering { scenario, models, messages: Vec::new() };
    let mut accounts: Vec<AccountModel> = Vec::new();
    for (ix, account) in scenario.accounts.iter().enumerate() {
        // Accounts of one `count` are equal, so their files are read once.
        let same = ix > 0 && Account { id: account.id, ..scenario.accounts[ix - 1].clone() } == *account;
        let model = match accounts.last() {
            Some(model) if same => model.clone(),
            _ => lowering.account(account, &format!("accounts[{ix}]"))?,
        };
        accounts.push(model);
    }
    let mut conditions = Vec::new();
    for (ix, condition) in scenario.conditions.iter().enumerate() {
        lowering.condition(condition, &format!("conditions[{ix}]"), &mut conditions)?;
    }
    Ok(Config { accounts, conditions, messages: lowering.messages })
}

struct Lowering<'a> {
    scenario: &'a Scenario,
    models: &'a Models,
    messages: Vec<String>,
}

impl Lowering<'_> {
    fn draw<T: scenario::Quantity>(
        &self,
        distribution: &scenario::Distribution<T>,
        key: &str,
    ) -> Result<Distribution, LowerError> {
        draw(distribution, At { base: &self.scenario.base, key })
    }

    fn account(&mut self, account: &Account, key: &str) -> Result<AccountModel, LowerError> {
        let failure = |lowering: &mut Self, failure: &scenario::Failure| {
            let fault = lowering.fault(&failure.error, &format!("{key}.failures"))?;
            Ok(Failure { probability: failure.probability, fault })
        };
        Ok(AccountModel {
            ttft_s: self.draw(&account.ttft, &format!("{key}.ttft"))?,
            persistence: account.persistence.as_ref().filter(|persistence| persistence.correlation > 0.0).map(
                |persistence| Persistence { correlation: persistence.correlation, lone_share: persistence.lone_share },
            ),
            size_effect: account
                .size_effect
                .as_ref()
                .map(|size| SizeEffect { exponent: size.exponent, median_tokens: size.median_input_tokens }),
            prefill_tokens_per_s: account.prefill_tokens_per_second,
            decode: match &account.decode {
                scenario::Decode::TokensPerSecond(speed) => {
                    Decode::TokensPerSecond(self.draw(speed, &format!("{key}.decode"))?)
                }
                scenario::Decode::Time(time) => Decode::Seconds(self.draw(time, &format!("{key}.decode"))?),
            },
            load_slowdown: account.load_slowdown.as_ref().map(|slow| LoadSlowdown {
                free: slow.free,
                ttft_share: slow.ttft_share,
                decode_share: slow.decode_share,
            }),
            prompt_cache: account.prompt_cache.as_ref().map(|cache| PromptCache {
                ttl: cache.ttl.0,
                block_tokens: cache.block_tokens,
                least_tokens: cache.min_tokens,
            }),
            limits: account.limits.iter().map(limit).collect(),
            limit_after_s: self.draw(&account.limit_after, &format!("{key}.limit_after"))?,
            failures: account.failures.iter().map(|each| failure(self, each)).collect::<Result<_, _>>()?,
        })
    }

    fn fault(&mut self, error: &UpstreamError, key: &str) -> Result<Fault, LowerError> {
        Ok(match error {
            UpstreamError::Status(status) => Fault::Status {
                status: status.code,
                after_s: self.draw(&status.after, key)?,
                reset_after_s: status.reset_after.as_ref().map(|reset| self.draw(reset, key)).transpose()?,
                retry_after_s: status.retry_after.as_ref().map(|retry| self.draw(retry, key)).transpose()?,
                says: says(status.code, &status.message),
                message: self.message(&status.message),
            },
            UpstreamError::Timeout(timeout) => {
                Fault::Transport { after_s: self.draw(&timeout.after, key)?, durable: false }
            }
            UpstreamError::Connect(connect) => {
                Fault::Transport { after_s: self.draw(&connect.after, key)?, durable: connect.durable }
            }
            UpstreamError::Closed(closed) => {
                Fault::Closed { after_s: self.draw(&closed.after, key)?, would_fail_over: closed.would_fail_over }
            }
            UpstreamError::Broken(broken) => {
                Fault::Broken { share: self.draw(&broken.share, key)?, would_fail_over: broken.would_fail_over }
            }
        })
    }

    /// The number of an error message, from 1; 0 is none.
    fn message(&mut self, text: &str) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let at = self.messages.iter().position(|known| known == text).unwrap_or_else(|| {
            self.messages.push(text.to_owned());
            self.messages.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(0)
    }

    /// A condition that is not shared becomes one for each of its accounts.
    fn condition(
        &mut self,
        condition: &scenario::Condition,
        key: &str,
        out: &mut Vec<Condition>,
    ) -> Result<(), LowerError> {
        let accounts: Vec<AccountIx> = if condition.accounts.is_empty() {
            (0..self.scenario.accounts.len()).filter_map(|ix| u32::try_from(ix).ok().map(AccountIx)).collect()
        } else {
            condition.accounts.iter().filter_map(|&id| index_of(self.scenario, id)).collect()
        };
        let course = self.course(condition, key)?;
        if condition.shared || accounts.len() < 2 {
            out.push(Condition { name: condition.name.clone(), accounts, course });
            return Ok(());
        }
        for account in accounts {
            let id = self.scenario.accounts[account.at()].id.unwrap_or_default();
            let name = format!("{}@{id}", condition.name);
            out.push(Condition { name, accounts: vec![account], course: course.clone() });
        }
        Ok(())
    }

    fn course(&mut self, condition: &scenario::Condition, key: &str) -> Result<Course, LowerError> {
        let forever = |span: Option<scenario::Duration>| span.map_or(Span::MAX, |span| span.0);
        let effect = self.effect(&condition.effect, &format!("{key}.effect"))?;
        Ok(match &condition.when {
            scenario::Course::Scheduled(course) => Course::Scheduled {
                at: course.at.0,
                lasting: forever(course.lasting),
                ramp_in: course.ramp_in.0,
                ramp_out: course.ramp_out.0,
                effect,
            },
            scenario::Course::Markov(course) => {
                let states = course.states.iter().enumerate();
                let states = states.map(|(at, state)| self.state(course, at, state, &format!("{key}.when.markov")));
                Course::Markov { states: states.collect::<Result<_, _>>()? }
            }
            scenario::Course::Flapping(course) => Course::Flapping {
                at: course.at.0,
                on: course.on.0,
                off: course.off.0,
                until: forever(course.until),
                effect,
            },
            scenario::Course::Replayed(course) => {
                let file = self.scenario.base.join(&course.file);
                let rows = Named { key: &format!("{key}.when.replayed.file"), file: &file }.factors()?;
                let steps = rows.into_iter().map(|(at, factor)| (Span::from_secs_f64(at), factor)).collect();
                Course::Replayed { steps, degraded_from: course.degraded_from, effect }
            }
            scenario::Course::Triggered(course) => Course::Triggered {
                counted: counted(course.requests),
                most: course.requests.or(course.tokens).unwrap_or(u64::MAX),
                window: course.per.0,
                lasting: course.lasting.0,
                effect,
            },
        })
    }

    fn state(
        &mut self,
        course: &scenario::Markov,
        at: usize,
        state: &scenario::State,
        key: &str,
    ) -> Result<State, LowerError> {
        let weight = |other: &scenario::State| {
            state.next.iter().filter(|next| next.state == other.name).map(|next| next.weight).sum()
        };
        let mut next: Vec<f64> = course.states.iter().map(weight).collect();
        if state.next.is_empty() {
            // One state alone lasts for ever.
            next = vec![0.0; course.states.len()];
            if course.states.len() > 1 {
                next[(at + 1) % course.states.len()] = 1.0;
            }
        }
        Ok(State {
            name: state.name.clone(),
            sojourn_s: self.draw(&state.sojourn, &format!("{key}.states[{at}].sojourn"))?,
            effect: self.effect(&state.effect, &format!("{key}.states[{at}].effect"))?,
            next,
        })
    }

    fn effect(&mut self, effect: &scenario::Effect, key: &str) -> Result<Effect, LowerError> {
        let capacity = match &effect.capacity {
            None => None,
            Some(capacity) => Some(Capacity {
                forwards: capacity.forwards,
                beyond: match &capacity.beyond {
                    scenario::Beyond::Slower => Beyond::Slower,
                    scenario::Beyond::Refused(error) => Beyond::Refused(self.fault(error, &format!("{key}.capacity"))?),
                },
            }),
        };
        Ok(Effect {
            ttft_factor: effect.ttft_factor,
            ttft_add: effect.ttft_add.0,
            decode_factor: effect.decode_factor,
            error_rate: effect.error_rate,
            error: self.fault(&effect.error, &format!("{key}.error"))?,
            only_models: self.models.numbers(&effect.only_models),
            capacity,
        })
    }
}

fn counted(requests: Option<u64>) -> Counted {
    if requests.is_some() { Counted::Requests } else { Counted::Tokens }
}

fn limit(limit: &scenario::Limit) -> Limit {
    Limit {
        counted: counted(limit.requests),
        most: limit.requests.or(limit.tokens).unwrap_or(u64::MAX),
        window: limit.per.0,
        refill: match limit.refill {
            Some(scenario::Refill::AtOnce) => Refill::AtOnce,
            Some(scenario::Refill::Evenly) | None => Refill::Even,
        },
        names_reset: limit.names_reset,
    }
}
