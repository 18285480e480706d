//! What several result documents have in common, in the form in which their JSON is written and read.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::bad_document::BadDocument;
use crate::experiment::cell::Figure;
use crate::experiment::criterion::Criterion;
use crate::experiment::stats::{Interval, Level, Paired};

/// A JSON object whose keys are paths of figures or keys of a scenario; it keeps their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ByPath<T>(pub Vec<(String, T)>);

impl<T> FromIterator<(String, T)> for ByPath<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for ByPath<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(path, value)| (path, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByPath<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = ByPath<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object by path")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByPath<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(ByPath(all))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for ByPath<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ByPath{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// How a figure of B differs from that of A. All is null where no replication has the figure under both.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize, JsonSchema)]
pub(super) struct Difference {
    /// B - A.
    pub difference: Option<Interval>,
    /// (B - A) / A, a share; null where A is 0.
    pub change: Option<Interval>,
    /// B / A; null where A is 0.
    pub ratio: Option<Interval>,
    /// In how many replications they differ.
    pub changed_in: usize,
    /// The two-sided p-value of no difference.
    pub p: Option<f64>,
    /// How many times more unpaired replications the same precision would take.
    pub variance_reduction: Option<f64>,
    /// How many replications have the figure under A alone; left out for 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub only_a: usize,
    /// How many replications have the figure under B alone; left out for 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub only_b: usize,
}

pub(super) const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Difference {
    /// Of a figure that some replication has under both; otherwise of none.
    pub fn of(paired: Option<&Paired>) -> Self {
        Self {
            difference: paired.map(|p| p.difference),
            change: paired.and_then(|p| p.change),
            ratio: paired.and_then(Paired::ratio),
            changed_in: paired.map_or(0, |p| p.changed),
            p: paired.and_then(|p| p.p),
            variance_reduction: paired.and_then(|p| p.variance_reduction),
            only_a: paired.map_or(0, |p| p.only_a),
            only_b: paired.map_or(0, |p| p.only_b),
        }
    }

    /// Together with both sides; `None` where no replication has the figure under both.
    pub fn between(self, a: Option<Interval>, b: Option<Interval>, identical: bool) -> Option<Paired> {
        Some(Paired {
            a: a?,
            b: b?,
            difference: self.difference?,
            change: self.change,
            changed: self.changed_in,
            p: self.p,
            variance_reduction: self.variance_reduction,
            identical,
            only_a: self.only_a,
            only_b: self.only_b,
        })
    }
}

/// The figure at this path of a document.
pub(super) fn figure_at(path: &str) -> Result<Figure, BadDocument> {
    Figure::at(path).ok_or_else(|| BadDocument(format!("it has a figure `{path}` that this version does not know")))
}

/// The level of a document's intervals.
pub(super) fn level_of(level: f64) -> Result<Level, BadDocument> {
    Level::new(level).ok_or_else(|| BadDocument(format!("{level} is not a level")))
}

/// The criterion that a document has as text, on the figure at this path.
pub(super) fn criterion_of(text: &str, path: &str) -> Result<Criterion, BadDocument> {
    Criterion::parse(text, &[path]).map_err(|error| BadDocument(error.to_string()))
}

/// The version of stickysim that writes a document.
pub(super) fn this_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
