//! Limits of values: walks a typed scenario and notes what is out of range, by key.

use super::duration::Duration;
use super::error::{ErrorKind, ScenarioError};
use super::tree::{Node, Place, Value};

/// The longest time that a scenario may name: ten years.
pub const LONGEST: Duration = Duration::secs(3_653 * 86_400);

/// Something that is wrong, by its key.
#[derive(Debug)]
struct Finding {
    kind: ErrorKind,
    path: String,
    message: String,
    help: Option<String>,
}

/// Collects what is wrong while the scenario is walked through; knows the key of where it is.
#[derive(Debug, Default)]
pub(super) struct Checker {
    path: String,
    findings: Vec<Finding>,
}

/// What can be held against its limits.
pub(super) trait Check {
    /// Notes what is out of range.
    fn check(&self, c: &mut Checker);
}

impl<T: Check> Check for Option<T> {
    fn check(&self, c: &mut Checker) {
        if let Some(value) = self {
            value.check(c);
        }
    }
}

impl Checker {
    /// Does `f` one key deeper.
    pub(super) fn within(&mut self, key: &str, f: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        f(self);
        self.path.truncate(length);
    }

    /// Checks the value of a key.
    pub(super) fn key(&mut self, key: &str, value: &impl Check) {
        self.within(key, |c| value.check(c));
    }

    /// Checks every item of a list under a key.
    pub(super) fn items<T: Check>(&mut self, key: &str, items: &[T]) {
        self.each(key, items, |c, item| item.check(c));
    }

    /// Does `f` for every item of a list under a key.
    pub(super) fn each<T>(&mut self, key: &str, items: &[T], mut f: impl FnMut(&mut Self, &T)) {
        self.within(key, |c| {
            let length = c.path.len();
            for (index, item) in items.iter().enumerate() {
                c.path.push_str(&format!("[{index}]"));
                f(c, item);
                c.path.truncate(length);
            }
        });
    }

    /// Notes a fault of a key; of the value as a whole if `key` is empty.
    pub(super) fn fault(&mut self, key: &str, kind: ErrorKind, message: impl Into<String>, help: Option<&str>) {
        let dot = if self.path.is_empty() || key.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{key}", self.path);
        self.findings.push(Finding { kind, path, message: message.into(), help: help.map(str::to_owned) });
    }

    /// `low <= value <= high`.
    pub(super) fn number(&mut self, key: &str, value: f64, low: f64, high: f64) {
        if !(low..=high).contains(&value) {
            self.out_of_range(key, &format!("must be from {} to {}, not {}", shown(low), shown(high), shown(value)));
        }
    }

    /// `0 < value <= high`.
    pub(super) fn above_zero(&mut self, key: &str, value: f64, high: f64) {
        if !(value > 0.0 && value <= high) {
            self.out_of_range(key, &format!("must be above 0 and at most {}, not {}", shown(high), shown(value)));
        }
    }

    /// A probability or share.
    pub(super) fn share(&mut self, key: &str, value: f64) {
        self.number(key, value, 0.0, 1.0);
    }

    /// `low <= value <= high`, whole numbers.
    pub(super) fn whole(&mut self, key: &str, value: impl Into<i128>, low: i128, high: i128) {
        let value = value.into();
        if !(low..=high).contains(&value) {
            self.out_of_range(key, &format!("must be from {low} to {high}, not {value}"));
        }
    }

    /// At most ten years.
    pub(super) fn time(&mut self, key: &str, value: Duration) {
        if value > LONGEST {
            self.out_of_range(key, &format!("must be at most ten years, not {value}"));
        }
    }

    /// Above 0, at most ten years.
    pub(super) fn some_time(&mut self, key: &str, value: Duration) {
        if value.0.is_zero() {
            self.out_of_range(key, "must be above 0");
        }
        self.time(key, value);
    }

    /// At most `limit` items.
    pub(super) fn at_most(&mut self, key: &str, length: usize, limit: usize) {
        if length > limit {
            self.out_of_range(key, &format!("has {length} items; at most {limit} are possible"));
        }
    }

    fn out_of_range(&mut self, key: &str, what: &str) {
        let name = if key.is_empty() { self.path.rsplit('.').next().unwrap_or("").to_owned() } else { key.to_owned() };
        self.fault(key, ErrorKind::OutOfRange, format!("`{name}` {what}"), None);
    }

    /// The first fault, with its place in the tree that the scenario was read from.
    pub(super) fn first(self, tree: &Node) -> Result<(), ScenarioError> {
        let Some(finding) = self.findings.into_iter().next() else { return Ok(()) };
        let error = ScenarioError::new(finding.kind, finding.message).help(finding.help);
        Err(error.place(place_of(tree, &finding.path)).path(finding.path))
    }
}

/// A number in as few digits as will do.
fn shown(number: f64) -> String {
    if number != 0.0 && !(1e-6..1e15).contains(&number.abs()) { format!("{number:e}") } else { number.to_string() }
}

/// Where the value of `path` stands; if it was not given, the nearest key around it that was.
pub(super) fn place_of(tree: &Node, path: &str) -> Option<Place> {
    let mut node = tree;
    let mut place = None;
    for step in steps(path) {
        let next = match step.strip_prefix('[') {
            Some(index) => index.parse::<usize>().ok().and_then(|index| node.items().get(index)).map(|n| (n, &n.place)),
            None => node.entry(step).map(|entry| (&entry.node, &entry.place)),
        };
        let Some((next, label)) = next else { break };
        node = next;
        // A scalar shows itself, a map or list its key.
        let whole = matches!(node.value, Value::Map(_) | Value::List(_) | Value::Null);
        place = Some(if whole { label.clone() } else { node.place.clone() });
    }
    place
}

/// `a.b[3].c` in steps: `a`, `b`, `[3`, `c`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').flat_map(|part| {
        let list = part.find('[').unwrap_or(part.len());
        let (name, indices) = part.split_at(list);
        let indices = indices.split(']').filter(|index| !index.is_empty());
        std::iter::once(name).filter(|name| !name.is_empty()).chain(indices)
    })
}
