//! `--set key=value`: a path into the scenario and a YAML value. Sweeps use the same.
//!
//! A path is made of keys with dots between; a list is entered by `[i]` (from 0) or by the `name` of an item, and
//! `accounts` by an account's id: `accounts.3.concurrency=4`. Well-known keys have short names (`lb_top_k=3`).

use std::sync::Arc;

use super::error::{ErrorKind, ScenarioError, suggestion};
use super::gateway_keys::{in_full, short_names};
use super::model::Scenario;
use super::tree::{Entry, Node, Origin, Place, Source, Value, parse};

/// One override: a path and the value that goes there.
#[derive(Clone, Debug)]
pub struct Set {
    steps: Vec<Step>,
    node: Node,
}

#[derive(Clone, Debug)]
struct Step {
    name: StepName,
    place: Place,
}

#[derive(Clone, Debug)]
enum StepName {
    Key(String),
    Index(usize),
}

impl Set {
    /// From `key=value` as typed.
    ///
    /// # Errors
    /// When there is no `=`, no key, or the value is no YAML.
    pub fn parse(argument: &str) -> Result<Self, ScenarioError> {
        Self::parse_of("--set", argument)
    }

    /// The same of another option, which errors name.
    ///
    /// # Errors
    /// As [`Set::parse`].
    pub fn parse_of(option: &'static str, argument: &str) -> Result<Self, ScenarioError> {
        let source = Arc::new(Source { origin: Origin::Set(option), text: argument.to_owned() });
        let whole = Place::new(&source, 0..argument.len());
        let Some((path, _)) = argument.split_once('=') else {
            return Err(ScenarioError::new(ErrorKind::Syntax, format!("`{argument}` sets nothing"))
                .label("expected key=value")
                .place(Some(whole)));
        };
        let steps = path_steps(path, &source)?;
        let node = parse(&source, path.len() + 1).map_err(|error| {
            let message = format!("the value is no YAML: {}", error.message);
            ScenarioError::new(ErrorKind::Syntax, message).place(error.place.or(Some(whole)))
        })?;
        Ok(Self { steps, node })
    }

    /// From a key and a value (YAML text) apart.
    ///
    /// # Errors
    /// As [`Set::parse`].
    pub fn new(key: &str, value: &str) -> Result<Self, ScenarioError> {
        Self::parse(&format!("{key}={value}"))
    }

    /// The argument as it was typed.
    pub fn text(&self) -> &str {
        &self.node.place.source.text
    }

    /// Whether it enters the pool by an account's id: these come after all others.
    pub(super) fn is_by_id(&self) -> bool {
        let name = |at: usize| self.steps.get(at).map(|step| &step.name);
        matches!(name(0), Some(StepName::Key(key)) if key == "accounts") && matches!(name(1), Some(StepName::Key(_)))
    }

    /// Puts the value into `tree`.
    ///
    /// # Errors
    /// When the path leads nowhere.
    pub(super) fn apply(&self, tree: &mut Node) -> Result<(), ScenarioError> {
        let mut node = tree;
        for (depth, step) in self.steps.iter().enumerate() {
            let in_pool = depth == 1 && self.is_by_id();
            node = match &step.name {
                StepName::Key(key) if matches!(node.value, Value::List(_)) => {
                    let at = if in_pool { self.account(node, key, step)? } else { self.named(node, key, step)? };
                    item(node, at).ok_or_else(|| self.nowhere(step, "there is no such item"))?
                }
                StepName::Key(key) => self.enter(node, key, step)?,
                StepName::Index(index) => {
                    let length = node.items().len();
                    let found = node.describe();
                    item(node, *index).ok_or_else(|| {
                        let message = if length > 0 {
                            format!("there is no item [{index}]: the list has {length}, counted from 0")
                        } else {
                            format!("there is no item [{index}] in {found}")
                        };
                        self.nowhere(step, &message)
                    })?
                }
            };
        }
        *node = self.node.clone();
        Ok(())
    }

    /// The value of a key of a map; it is made if it is not there.
    fn enter<'a>(&self, node: &'a mut Node, key: &str, step: &Step) -> Result<&'a mut Node, ScenarioError> {
        let found = node.describe();
        let wrong = || self.nowhere(step, &format!("there is no key `{key}` in {found}"));
        let entries = node.entries_mut().ok_or_else(wrong)?;
        let at = match entries.iter().position(|entry| entry.key == *key) {
            Some(at) => at,
            None => {
                let node = Node { value: Value::Null, place: step.place.clone() };
                entries.push(Entry { key: key.to_owned(), place: step.place.clone(), node });
                entries.len() - 1
            }
        };
        Ok(&mut entries[at].node)
    }

    /// The place in a list of the item with this name.
    fn named(&self, list: &Node, name: &str, step: &Step) -> Result<usize, ScenarioError> {
        let name_of = |item: &Node| match item.get("name").or_else(|| item.get("state")).map(|node| &node.value) {
            Some(Value::Text(name)) => Some(name.clone()),
            _ => None,
        };
        if let Some(at) = list.items().iter().position(|item| name_of(item).as_deref() == Some(name)) {
            return Ok(at);
        }
        let names: Vec<String> = list.items().iter().filter_map(name_of).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let places = || match list.items().len() {
            0 => "the list is empty".to_owned(),
            1 => "its only item is [0]".to_owned(),
            items => format!("items can be named by their places, [0] to [{}]", items - 1),
        };
        let help = suggestion(name, &known).or_else(|| Some(places()));
        Err(self.nowhere(step, &format!("no item of the list has the name `{name}`")).help(help))
    }

    /// The place in the pool of the account with this id, after it has been taken out of its `count`.
    fn account(&self, pool: &mut Node, id: &str, step: &Step) -> Result<usize, ScenarioError> {
        let Ok(wanted) = id.parse::<i64>() else {
            return self.named(pool, id, step);
        };
        let Value::List(accounts) = &mut pool.value else {
            return Err(self.nowhere(step, "there is no list of accounts"));
        };
        let mut next = 1_i64;
        let mut ids = None;
        for at in 0..accounts.len() {
            let whole = |key: &str| match accounts[at].get(key).map(|node| &node.value) {
                Some(Value::Int(value)) => Some(*value),
                _ => None,
            };
            let first = whole("id").and_then(|id| i64::try_from(id).ok()).unwrap_or(next);
            let count = whole("count").and_then(|count| i64::try_from(count).ok()).unwrap_or(1).max(0);
            next = first.saturating_add(count);
            if count > 0 {
                let (low, high) = ids.unwrap_or((first, first));
                ids = Some((first.min(low), (next - 1).max(high)));
            }
            if (first..next).contains(&wanted) {
                let run = accounts.remove(at);
                let part = |from: i64, until: i64| {
                    let mut part = run.clone();
                    put_whole(&mut part, "id", from, &step.place);
                    put_whole(&mut part, "count", until - from, &step.place);
                    part
                };
                let mut parts = Vec::new();
                if wanted > first {
                    parts.push(part(first, wanted));
                }
                let own = at + parts.len();
                parts.push(part(wanted, wanted + 1));
                if next > wanted + 1 {
                    parts.push(part(wanted + 1, next));
                }
                accounts.splice(at..at, parts);
                return Ok(own);
            }
        }
        let help = ids.map(|(low, high)| format!("ids go from {low} to {high}; items of the list are [0], [1]..."));
        Err(self.nowhere(step, &format!("there is no account with the id {wanted}")).help(help))
    }

    fn nowhere(&self, step: &Step, message: &str) -> ScenarioError {
        ScenarioError::new(ErrorKind::NoSuchPath, message).label("leads nowhere").place(Some(step.place.clone()))
    }
}

fn item(list: &mut Node, at: usize) -> Option<&mut Node> {
    if let Value::List(items) = &mut list.value { items.get_mut(at) } else { None }
}

fn put_whole(node: &mut Node, key: &str, value: i64, place: &Place) {
    // A place of its own only where there was none: what the file says keeps its own.
    let place = node.entry(key).map_or_else(|| place.clone(), |entry| entry.place.clone());
    let value = Node { value: Value::Int(value.into()), place: place.clone() };
    node.put(Entry { key: key.to_owned(), place, node: value });
}

/// Cuts `a.b[3].c` into its steps.
fn path_steps(path: &str, source: &Arc<Source>) -> Result<Vec<Step>, ScenarioError> {
    let wrong = |range: std::ops::Range<usize>, message: &str| {
        ScenarioError::new(ErrorKind::Syntax, message)
            .help(Some("a path looks like `gateway.openai_ws.lb_top_k` or `accounts[0].count`".to_owned()))
            .place(Some(Place::new(source, range)))
    };
    let short = path.trim();
    let full = if is_top_level(short) { None } else { in_full(short) };
    if let Some(full) = full {
        let place = Place::new(source, 0..path.len());
        let steps = full.split('.').map(|key| Step { name: StepName::Key(key.to_owned()), place: place.clone() });
        return Ok(steps.collect());
    }
    let mut steps = Vec::new();
    let mut at = 0;
    for part in path.split('.') {
        let key_length = part.find('[').unwrap_or(part.len());
        let (key, mut indices) = part.split_at(key_length);
        if key.trim().is_empty() {
            return Err(wrong(at..at + part.len().max(1), "a key of the path is empty"));
        }
        let lead = key.len() - key.trim_start().len();
        let place = Place::new(source, at + lead..at + lead + key.trim().len());
        steps.push(Step { name: StepName::Key(key.trim().to_owned()), place });
        let mut index_at = at + key_length;
        while !indices.trim().is_empty() {
            let end = indices.find(']').map_or(indices.len(), |end| end + 1);
            let (index, rest) = indices.split_at(end);
            let range = index_at..index_at + index.len();
            let number = index.strip_prefix('[').and_then(|index| index.strip_suffix(']'));
            let number = number.and_then(|number| number.trim().parse::<usize>().ok());
            let number = number.ok_or_else(|| wrong(range.clone(), "expected a number in brackets, such as [0]"))?;
            steps.push(Step { name: StepName::Index(number), place: Place::new(source, range) });
            index_at += end;
            indices = rest;
        }
        at += part.len() + 1;
    }
    if let [Step { name: StepName::Key(key), place }] = steps.as_slice()
        && !is_top_level(key)
    {
        let mut known: Vec<&str> = top_level().to_vec();
        known.extend(short_names().map(|(name, _)| name));
        return Err(ScenarioError::new(ErrorKind::UnknownKey, format!("unknown key `{key}`"))
            .label("not known here")
            .help(suggestion(key, &known))
            .place(Some(place.clone())));
    }
    Ok(steps)
}

fn is_top_level(key: &str) -> bool {
    top_level().contains(&key)
}

fn top_level() -> &'static [&'static str] {
    super::read::keys_of::<Scenario>()
}
