//! The figures of one run: values by path, so that any of them can be compared, swept, gated on or printed by name.

pub mod meta;
pub mod no_token;
pub mod registry;

pub use meta::{Better, Group, Meta, Unit};

/// The values of a fixed list of figures, in its order. A figure that a run cannot have has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    metas: &'static [Meta],
    values: Vec<Option<f64>>,
    /// Where the next `put` looks first, because values come nearly in the order of the list.
    next: usize,
}

impl Row {
    /// A row without values.
    pub fn new(metas: &'static [Meta]) -> Self {
        Self { metas, values: vec![None; metas.len()], next: 0 }
    }

    /// Sets the figure at `path`. NaN counts as no value.
    ///
    /// # Panics
    /// In debug builds, if the list has no such path. Paths are written in the program and never come from input.
    pub fn put(&mut self, path: &str, value: impl Into<Option<f64>>) {
        let place = (self.next..self.metas.len()).chain(0..self.next).find(|&i| self.metas[i].path == path);
        debug_assert!(place.is_some(), "no figure has the path {path}");
        if let Some(place) = place {
            self.values[place] = value.into().filter(|value| value.is_finite());
            self.next = place + 1;
        }
    }

    /// Sets a count.
    pub fn count(&mut self, path: &str, value: u64) {
        self.put(path, value as f64);
    }

    /// Sets `part / whole`; it has no value if `whole` is 0.
    pub fn ratio(&mut self, path: &str, part: u64, whole: u64) {
        self.put(path, ratio(part, whole));
    }

    /// The value at `path`: `None` when the list has no such path, `Some(None)` when the run has no such figure.
    pub fn get(&self, path: &str) -> Option<Option<f64>> {
        self.metas.iter().position(|meta| meta.path == path).map(|place| self.values[place])
    }

    /// All figures in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Meta, Option<f64>)> {
        self.metas.iter().zip(self.values.iter().copied())
    }

    /// The values in the order of the list.
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// A row from values in the order of the list, for example those of a journal; `None` if their number does not fit.
    pub fn with_values(metas: &'static [Meta], values: Vec<Option<f64>>) -> Option<Self> {
        (metas.len() == values.len()).then_some(Self { metas, values, next: 0 })
    }
}

/// A row about an account, named by its id, or about a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its figures.
    pub row: Row,
}

/// All figures of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Those of the whole run (`registry::RUN`).
    pub run: Row,
    /// A row per account (`registry::ACCOUNT`), in order of ids; empty when that group is off.
    pub accounts: Vec<Named>,
    /// A row per condition (`registry::CONDITION`), in the scenario's order; empty when that group is off.
    pub conditions: Vec<Named>,
}

impl Figures {
    /// Figures without values.
    pub fn new() -> Self {
        Self { run: Row::new(registry::RUN), accounts: Vec::new(), conditions: Vec::new() }
    }

    /// Every figure with its full path, in order: `accounts.3.requests` and `conditions.NAME.onsets` after those of the
    /// whole run.
    pub fn iter(&self) -> impl Iterator<Item = (String, &'static Meta, Option<f64>)> {
        let named = |kind: &'static str, rows: &'_ [Named]| {
            let rows: Vec<_> = rows
                .iter()
                .flat_map(|named| {
                    named
                        .row
                        .iter()
                        .map(move |(meta, value)| (format!("{kind}.{}.{}", named.name, meta.path), meta, value))
                })
                .collect();
            rows
        };
        let run = self.run.iter().map(|(meta, value)| (meta.path.to_owned(), meta, value));
        run.chain(named("accounts", &self.accounts)).chain(named("conditions", &self.conditions))
    }

    /// The figure at a full path, as `iter` names it; `None` when there is none of that name.
    pub fn get(&self, path: &str) -> Option<(&'static Meta, Option<f64>)> {
        if let Some(found) = self.run.iter().find(|(meta, _)| meta.path == path) {
            return Some(found);
        }
        let (kind, rest) = path.split_once('.')?;
        let rows = match kind {
            "accounts" => &self.accounts,
            "conditions" => &self.conditions,
            _ => return None,
        };
        rows.iter().find_map(|named| {
            let field = rest.strip_prefix(named.name.as_str())?.strip_prefix('.')?;
            named.row.iter().find(|(meta, _)| meta.path == field)
        })
    }

    /// Sets the figure of the simulator itself: how many events it handled. (Its wall time is measured by the caller.)
    pub fn put_events(&mut self, events: u64) {
        self.run.count("engine.events", events);
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self::new()
    }
}

/// `part / whole`; `None` when the whole is 0.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_carry_their_units() {
        for list in [registry::RUN, registry::ACCOUNT, registry::CONDITION] {
            for (place, meta) in list.iter().enumerate() {
                assert!(list[..place].iter().all(|other| other.path != meta.path), "{} twice", meta.path);
                assert!(meta.path.split('.').all(|part| !part.is_empty()), "{}", meta.path);
                // the gateway's own names stay as they are
                let expected = match meta.unit {
                    _ if meta.group == Group::Scheduler => "",
                    Unit::Ms => "_ms",
                    Unit::Seconds => "_s",
                    Unit::Ratio => "_ratio",
                    Unit::PerSecond => "_per_s",
                    Unit::Tokens => "_tokens",
                    Unit::Count | Unit::Money | Unit::Plain => "",
                };
                let parts: Vec<_> = meta.path.split('.').collect();
                assert!(parts.iter().any(|part| part.ends_with(expected)), "{} has no {expected}", meta.path);
            }
        }
    }

    #[test]
    fn no_path_lies_under_another() {
        for list in [registry::RUN, registry::ACCOUNT, registry::CONDITION] {
            for meta in list {
                let under = format!("{}.", meta.path);
                assert!(list.iter().all(|other| !other.path.starts_with(&under)), "{} is value and object", meta.path);
            }
        }
    }

    #[test]
    fn figures_are_found_by_the_path_they_are_listed_under() {
        let mut figures = Figures::new();
        figures.run.count("requests.total", 7);
        figures.run.ratio("escapes.wasted_ratio", 1, 0);
        figures.run.put("cost.price", f64::NAN);
        for name in ["3", "3.5"] {
            figures.conditions.push(Named { name: name.into(), row: Row::new(registry::CONDITION) });
        }
        figures.conditions[1].row.count("delay_s.max", 4);
        for (path, meta, value) in figures.iter() {
            assert_eq!(figures.get(&path), Some((meta, value)), "{path}");
        }
        assert_eq!(figures.get("requests.total").map(|(_, value)| value), Some(Some(7.0)));
        assert_eq!(figures.get("escapes.wasted_ratio").map(|(_, value)| value), Some(None));
        assert_eq!(figures.get("cost.price").map(|(_, value)| value), Some(None));
        assert_eq!(figures.get("conditions.3.5.delay_s.max").map(|(_, value)| value), Some(Some(4.0)));
        assert_eq!((figures.get("requests"), figures.get("accounts.1.requests")), (None, None));
    }
}
