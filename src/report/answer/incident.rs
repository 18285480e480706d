//! What befell whom, and when: the conditions of a scenario in words.

use serde::Deserialize as _;
use serde_json::Value;

use super::words::{clock, list, sentence, shortened};
use crate::report::format;
use crate::scenario::{Condition, Course, Effect};
use crate::units::{Span, counted};

/// The longest name of an account in a sentence, in letters.
const NAME: usize = 32;
/// The most accounts that a sentence names one by one.
const NAMED: usize = 4;
/// The most conditions that have a point of their own besides the first.
const LISTED: usize = 5;

/// The accounts of a scenario by id and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(Vec<(String, String)>);

impl Accounts {
    /// Of ids and names; a name that is the id is none.
    pub fn new(all: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(all.into_iter().collect())
    }

    /// Of an effective scenario.
    pub fn of(scenario: &Value) -> Self {
        let accounts = scenario.get("accounts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Self::new(accounts.iter().map(|account| {
            let id = account.get("id").map_or_else(String::new, ToString::to_string);
            let name = account.get("name").and_then(Value::as_str).unwrap_or_default();
            let name = if name.is_empty() { id.clone() } else { name.to_owned() };
            (id, name)
        }))
    }

    /// Their ids in order.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|(id, _)| id.clone()).collect()
    }

    /// An id with the name beside it, where there is one: `8 (small)`.
    fn named(&self, id: &str) -> String {
        match self.0.iter().find(|(other, _)| other == id) {
            Some((_, name)) if name != id => format!("{id} ({})", shortened(name, NAME)),
            _ => id.to_owned(),
        }
    }

    /// Some of them in words: `account 3`, `accounts 1 to 4`, `all accounts`; none given means all.
    pub fn words(&self, ids: &[String]) -> String {
        let all = ids.is_empty() || (ids.len() == self.0.len() && ids.len() > 1);
        match (ids, self.0.as_slice()) {
            ([], [(only, _)]) => format!("account {}", self.named(only)),
            _ if all => "all accounts".to_owned(),
            ([one], _) => format!("account {}", self.named(one)),
            ([first, .., last], _) if ids.len() > 2 && follow(ids) => format!("accounts {first} to {last}"),
            (some, _) if some.len() <= NAMED => {
                format!("accounts {}", list(&some.iter().map(|id| self.named(id)).collect::<Vec<_>>()))
            }
            (many, all) => format!("{} of {} accounts", many.len(), all.len().max(many.len())),
        }
    }

    /// Whether these are more than one, which the verb must agree with.
    fn several(&self, ids: &[String]) -> bool {
        if ids.is_empty() { self.0.len() != 1 } else { ids.len() > 1 }
    }
}

/// Whether ids follow on each other.
fn follow(ids: &[String]) -> bool {
    let numbers: Option<Vec<i64>> = ids.iter().map(|id| id.parse().ok()).collect();
    numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[1] == pair[0] + 1))
}

/// Every condition of an effective scenario in words, each as a clause: `account 3 was 20x slower from 5:00 to 5:45`.
/// Before it, when it begins, in seconds after the start, where that does not hang on luck.
pub fn incidents(scenario: &Value) -> Vec<(Option<f64>, String)> {
    let accounts = Accounts::of(scenario);
    let conditions = scenario.get("conditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    conditions
        .iter()
        .filter_map(|found| Condition::deserialize(found).ok())
        .map(|c| (begins(&c), clause(&c, &accounts)))
        .collect()
}

/// What befell, as one clause: the first condition, and how many there are besides; `None` where there is none.
pub fn incident(scenario: &Value) -> Option<String> {
    let all: Vec<String> = incidents(scenario).into_iter().map(|(_, words)| words).collect();
    let (first, more) = all.split_first()?;
    Some(match more {
        [] => first.clone(),
        [second] => format!("{first}, and {second}"),
        more => format!("{first}, and {} other conditions held", more.len()),
    })
}

/// The conditions that `incident` only counts, each as a sentence.
pub(super) fn other_conditions(scenario: &Value) -> Vec<String> {
    others(scenario).into_iter().map(|words| sentence(&[words])).collect()
}

/// The conditions that `incident` only counts, each as a clause; of many the first, and how many more there are.
fn others(scenario: &Value) -> Vec<String> {
    let all: Vec<String> = incidents(scenario).into_iter().map(|(_, words)| words).collect();
    let Some((_, others)) = all.split_first().filter(|(_, others)| others.len() > 1) else { return Vec::new() };
    let mut said: Vec<String> = others.iter().take(LISTED).cloned().collect();
    let more = others.len() - said.len();
    said.extend((more > 0).then(|| format!("{} held besides", counted(more as u64, "more condition"))));
    said
}

fn begins(condition: &Condition) -> Option<f64> {
    match &condition.when {
        Course::Scheduled(when) => Some(when.at.0.secs()),
        Course::Flapping(when) => Some(when.at.0.secs()),
        Course::Markov(_) | Course::Replayed(_) | Course::Triggered(_) => None,
    }
}

fn clause(condition: &Condition, accounts: &Accounts) -> String {
    let ids: Vec<String> = condition.accounts.iter().map(i64::to_string).collect();
    let (who, several) = (accounts.words(&ids), accounts.several(&ids));
    let [was, its] = if several { ["were", "their"] } else { ["was", "its"] };
    let at = |span: Span| clock(span.secs());
    match &condition.when {
        Course::Scheduled(when) => {
            let from = when.at.0;
            let time = match when.lasting {
                Some(lasting) => format!("from {} to {}", at(from), at(from + lasting.0)),
                None => format!("from {} on", at(from)),
            };
            format!("{who} {} {time}", effect(&condition.effect, was, its))
        }
        Course::Flapping(when) => {
            let until = when.until.map_or_else(|| "on".to_owned(), |until| format!("to {}", at(until.0)));
            let (on, off) = (format::setting(when.on.0), format::setting(when.off.0));
            let what = effect(&condition.effect, was, its);
            format!("{who} {what} for {on} after every {off}, from {} {until}", at(when.at.0))
        }
        Course::Markov(when) => {
            let states: Vec<String> = when.states.iter().map(|state| state.name.clone()).collect();
            format!("{who} changed at random between {}", list(&states))
        }
        Course::Replayed(when) => {
            let file = when.file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            format!("{who} {was} as slow over time as {file} says")
        }
        Course::Triggered(when) => {
            let limit = match (when.requests, when.tokens) {
                (Some(n), _) => counted(n, "request"),
                (None, n) => counted(n.unwrap_or_default(), "token"),
            };
            let what = effect(&condition.effect, was, its);
            format!("{who} {what} after more than {limit} in {}", format::setting(when.per.0))
        }
    }
}

/// What an effect does: a verb with all that belongs to it.
fn effect(effect: &Effect, was: &str, its: &str) -> String {
    let times = |factor: f64| format::trimmed(&format::rounded(factor)).to_owned();
    let mut all = Vec::new();
    if effect.ttft_factor > 1.0 {
        all.push(format!("{was} {}x slower", times(effect.ttft_factor)));
    } else if effect.ttft_factor < 1.0 && effect.ttft_factor > 0.0 {
        all.push(format!("{was} {}x faster", times(1.0 / effect.ttft_factor)));
    }
    if !effect.ttft_add.0.is_zero() {
        all.push(format!("took {} longer to the first token", format::setting(effect.ttft_add.0)));
    }
    if effect.error_rate > 0.0 {
        let share = times(effect.error_rate * 100.0);
        all.push(if effect.error_rate < 1.0 {
            format!("failed {share} % of {its} requests")
        } else {
            format!("failed all {its} requests")
        });
    }
    if let Some(capacity) = &effect.capacity {
        all.push(format!("ran at most {} at full speed", counted(capacity.forwards.into(), "request")));
    }
    if all.is_empty() && effect.decode_factor > 1.0 {
        all.push(format!("{was} {}x slower after the first token", times(effect.decode_factor)));
    }
    if all.is_empty() {
        all.push(format!("{was} in a condition without effect"));
    }
    list(&all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(conditions: &Value, accounts: &Value) -> Vec<String> {
        let all = incidents(&json!({ "conditions": conditions, "accounts": accounts }));
        all.into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn conditions_say_who_what_and_when() {
        let eight: Value = (1..=8).map(|id| json!({ "id": id })).collect();
        let condition = |accounts: Value, when: Value, effect: Value| {
            let one = json!({ "name": "c", "accounts": accounts, "when": when, "effect": effect });
            json!([one])
        };
        let once = json!({ "scheduled": { "at": "5h", "for": "45m" } });
        for (accounts, when, effect, expected) in [
            (json!([3]), once.clone(), json!({ "ttft_factor": 20.0 }), "account 3 was 20x slower from 5:00 to 5:45"),
            (json!([]), once.clone(), json!({ "ttft_factor": 15.0 }), "all accounts were 15x slower from 5:00 to 5:45"),
            (
                json!([1, 2, 3, 4]),
                json!({ "scheduled": { "at": "5h" } }),
                json!({ "ttft_factor": 1.5, "error_rate": 0.8 }),
                "accounts 1 to 4 were 1.5x slower and failed 80 % of their requests from 5:00 on",
            ),
            (
                json!([3, 5]),
                json!({ "flapping": { "at": "4h", "on": "3m", "off": "5m", "until": "6h" } }),
                json!({ "error_rate": 1.0 }),
                "accounts 3 and 5 failed all their requests for 3 min after every 5 min, from 4:00 to 6:00",
            ),
            (
                json!([1, 2, 3, 5, 7]),
                json!({ "triggered": { "requests": 1000, "per": "1m", "for": "30s" } }),
                json!({ "ttft_add": "5s" }),
                "5 of 8 accounts took 5 s longer to the first token after more than 1,000 requests in 60 s",
            ),
        ] {
            assert_eq!(said(&condition(accounts, when, effect), &eight), [expected]);
        }
    }

    #[test]
    fn conditions_that_are_only_counted_are_said_one_by_one() {
        let of = |count: u64| {
            let one = |at: u64| {
                json!({ "name": format!("c{at}"), "accounts": [at], "effect": { "ttft_factor": 4.0 },
                "when": { "scheduled": { "at": format!("{at}h"), "for": "30m" } } })
            };
            let conditions: Vec<Value> = (1..=count).map(one).collect();
            let accounts: Vec<Value> = (1..=9).map(|id| json!({ "id": id })).collect();
            let scenario = json!({ "conditions": conditions, "accounts": accounts });
            (incident(&scenario).unwrap(), others(&scenario))
        };
        // the sentence names both
        assert_eq!(of(2).1, Vec::<String>::new());
        let (sentence, others) = of(3);
        assert_eq!(sentence, "account 1 was 4x slower from 1:00 to 1:30, and 2 other conditions held");
        assert_eq!(others, ["account 2 was 4x slower from 2:00 to 2:30", "account 3 was 4x slower from 3:00 to 3:30"]);
        let (_, others) = of(9);
        assert_eq!((others.len(), others[5].as_str()), (6, "3 more conditions held besides"));
    }

    #[test]
    fn names_stand_beside_ids_and_long_ones_are_cut() {
        let accounts = Accounts::of(&json!({ "accounts": [{ "id": 7 }, { "id": 8, "name": "small" }] }));
        assert_eq!(accounts.words(&["8".into()]), "account 8 (small)");
        assert_eq!(accounts.words(&["7".into(), "8".into()]), "all accounts");
        let long = Accounts::of(&json!({ "accounts": [{ "id": 1, "name": "x".repeat(100) }] }));
        assert_eq!(long.words(&[]).chars().count(), "account 1 ()".len() + 32);
    }
}
