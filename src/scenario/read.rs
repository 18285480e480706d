//! Gives a tree its types: a serde deserializer whose errors know their place and their key.
//!
//! Strict: unknown keys, missing keys, numbers that are not finite or do not fit are errors. A key without a value
//! counts as an empty map or list where one is expected.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::error::{ErrorKind, ScenarioError, suggestion};
use super::tree::{Entry, Node, Place, Value};

/// Reads `node` as a `T`.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, ScenarioError> {
    T::deserialize(Reader { node, label: &node.place }).map_err(|fault| fault.0.finish())
}

/// An error on its way up: it collects the keys that it passes.
#[derive(Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    label: String,
    help: Option<String>,
    place: Option<Place>,
    /// Innermost first.
    path: Vec<String>,
}

impl Inner {
    fn finish(mut self) -> ScenarioError {
        self.path.reverse();
        let path = self.path.join("").trim_start_matches('.').to_owned();
        ScenarioError::new(self.kind, self.message).label(self.label).help(self.help).path(path).place(self.place)
    }
}

impl Fault {
    fn new(kind: ErrorKind, message: impl Into<String>, label: impl Into<String>, help: Option<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            label: label.into(),
            help,
            place: None,
            path: Vec::new(),
        }))
    }

    fn at(mut self, place: &Place) -> Self {
        self.0.place.get_or_insert_with(|| place.clone());
        self
    }

    fn within(mut self, step: String) -> Self {
        self.0.path.push(step);
        self
    }

    fn expected(what: &str, node: &Node) -> Self {
        Self::new(
            ErrorKind::WrongType,
            format!("expected {what}, found {}", node.describe()),
            format!("expected {what}"),
            None,
        )
        .at(&node.place)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(ErrorKind::WrongType, message.to_string(), "", None)
    }
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            ErrorKind::WrongType,
            format!("expected {expected}, found {found}"),
            format!("expected {expected}"),
            None,
        )
    }
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            ErrorKind::OutOfRange,
            format!("expected {expected}, found {found}"),
            format!("expected {expected}"),
            None,
        )
    }
    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new(
            ErrorKind::WrongType,
            format!("`{variant}` is none of {}", known.join(", ")),
            "not known here",
            suggestion(variant, known),
        )
    }
    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(ErrorKind::UnknownKey, format!("unknown key `{field}`"), "not known here", suggestion(field, known))
    }
    fn missing_field(field: &'static str) -> Self {
        Self::new(ErrorKind::MissingKey, format!("the key `{field}` is missing"), format!("needs `{field}`"), None)
    }
}

/// From here on a limit is the machine's, not ours.
const MOST_64_BITS: i128 = i64::MAX as i128;

/// One value on its way to a type.
struct Reader<'de> {
    node: &'de Node,
    /// What to point at when the value as a whole is wrong: its key.
    label: &'de Place,
}

impl<'de> Reader<'de> {
    fn whole<T: TryFrom<i128>>(&self, low: i128, high: i128) -> Result<T, Fault> {
        let out = || {
            let what = match high {
                MOST_64_BITS.. if low == 0 => "a whole number from 0".to_owned(),
                MOST_64_BITS.. => "a whole number".to_owned(),
                _ => format!("a whole number from {low} to {high}"),
            };
            Fault::new(ErrorKind::OutOfRange, format!("expected {what}, found {}", self.node.describe()), what, None)
                .at(&self.node.place)
        };
        let value = match self.node.value {
            Value::Int(value) => value,
            // 1e6 is a whole number to everyone but a computer.
            Value::Float(value) if value.fract() == 0.0 && value.abs() < 9.007_199_254_740_992e15 => value as i128,
            Value::Float(_) => return Err(out()),
            _ => return Err(Fault::expected("a whole number", self.node)),
        };
        if (low..=high).contains(&value) { T::try_from(value).map_err(|_| out()) } else { Err(out()) }
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Null => visitor.visit_seq(Items { items: [].iter(), index: 0 }),
            _ => Err(Fault::expected("a list", self.node)),
        }
        .map_err(|fault| fault.at(self.label))
    }

    fn map<V: Visitor<'de>>(self, what: &str, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
            Value::Null => visitor.visit_map(Entries { entries: [].iter(), value: None }),
            _ => Err(Fault::expected(what, self.node)),
        }
        .map_err(|fault| fault.at(self.label))
    }
}

macro_rules! whole_numbers {
    ($($method:ident, $visit:ident, $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let value = self.whole::<$type>(<$type>::MIN as i128, <$type>::MAX as i128)?;
            visitor.$visit(value).map_err(|fault: Fault| fault.at(&self.node.place))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i128(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(_) => return self.list(visitor),
            Value::Map(_) => return self.map("a map", visitor),
        }
        .map_err(|fault: Fault| fault.at(&self.node.place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(Fault::expected("true or false", self.node)),
        }
    }

    whole_numbers! {
        deserialize_i8, visit_i8, i8; deserialize_i16, visit_i16, i16; deserialize_i32, visit_i32, i32;
        deserialize_i64, visit_i64, i64; deserialize_u8, visit_u8, u8; deserialize_u16, visit_u16, u16;
        deserialize_u32, visit_u32, u32; deserialize_u64, visit_u64, u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Int(value) => visitor.visit_f64(value as f64),
            Value::Float(value) if value.is_finite() => visitor.visit_f64(value),
            Value::Float(_) => {
                Err(Fault::new(ErrorKind::OutOfRange, "expected a finite number", "not a finite number", None))
            }
            _ => Err(Fault::expected("a number", self.node)),
        }
        .map_err(|fault: Fault| fault.at(&self.node.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) => visitor.visit_borrowed_str(text).map_err(|fault: Fault| fault.at(&self.node.place)),
            Value::Null => Err(Fault::expected("text", self.node)),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                let mut fault = Fault::expected("text", self.node);
                fault.0.help = Some("put it into quotes to make it text".to_owned());
                Err(fault)
            }
            Value::List(_) | Value::Map(_) => Err(Fault::expected("text", self.node)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.value == Value::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.map("a map", visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.map("a map", visitor).map_err(|mut fault| {
            if fault.0.kind == ErrorKind::WrongType && fault.0.path.is_empty() {
                fault.0.help.get_or_insert_with(|| format!("known here: {}", fields.join(", ")));
            }
            fault
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let known = variants.join(", ");
        match &self.node.value {
            Value::Text(name) => {
                visitor.visit_enum(Choice { name, place: &self.node.place, node: None, whole: self.node })
            }
            Value::Map(entries) if entries.len() == 1 => {
                let Entry { key, place, node } = &entries[0];
                visitor.visit_enum(Choice { name: key, place, node: Some(node), whole: self.node })
            }
            Value::Map(entries) => {
                let found: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
                let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
                let place = entries.last().map_or(&self.node.place, |entry| &entry.place);
                Err(Fault::new(
                    ErrorKind::Conflict,
                    format!("expected exactly one of {known}; found {found}"),
                    "exactly one is allowed",
                    place.is_set().then(|| "to replace it, set the whole map: --set 'key={constant: 1s}'".to_owned()),
                )
                .at(place))
            }
            _ => Err(Fault::expected(&format!("one of {known}"), self.node)),
        }
        .map_err(|fault: Fault| fault.at(self.label))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Reader { node, label: &node.place })
            .map(Some)
            .map_err(|fault| fault.at(&node.place).within(format!("[{index}]")))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.entries.next();
        let Some(entry) = self.value else { return Ok(None) };
        let key: StrDeserializer<'de, Fault> = StrDeserializer::new(&entry.key);
        seed.deserialize(key).map(Some).map_err(|fault| fault.at(&entry.place))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some(entry) = self.value else { return Err(de::Error::custom("a key without a value")) };
        let whole = matches!(entry.node.value, Value::Map(_) | Value::List(_) | Value::Null);
        let place = if whole { &entry.place } else { &entry.node.place };
        seed.deserialize(Reader { node: &entry.node, label: &entry.place })
            .map_err(|fault| fault.at(place).within(format!(".{}", entry.key)))
    }
}

/// An externally tagged choice: a word, or a map with one key.
struct Choice<'de> {
    name: &'de str,
    place: &'de Place,
    node: Option<&'de Node>,
    whole: &'de Node,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name: StrDeserializer<'de, Fault> = StrDeserializer::new(self.name);
        let value = seed.deserialize(name).map_err(|fault| fault.at(self.place))?;
        Ok((value, self))
    }
}

impl<'de> Choice<'de> {
    fn inside(&self) -> Result<Reader<'de>, Fault> {
        match self.node {
            Some(node) => Ok(Reader { node, label: self.place }),
            None => Err(Fault::new(
                ErrorKind::WrongType,
                format!("`{}` needs values of its own: `{{{}: ...}}`", self.name, self.name),
                "needs values",
                None,
            )
            .at(&self.whole.place)),
        }
    }

    fn step(&self) -> String {
        format!(".{}", self.name)
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.node {
            None => Ok(()),
            Some(node) if node.value == Value::Null => Ok(()),
            Some(node) => Err(Fault::expected("nothing", node).within(self.step())),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.inside()?).map_err(|fault| fault.at(self.place).within(self.step()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.inside()?.list(visitor).map_err(|fault| fault.within(self.step()))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.inside()?.deserialize_struct("", fields, visitor).map_err(|fault| fault.within(self.step()))
    }
}

/// The keys of a struct, as serde knows them; none for anything else.
pub(super) fn keys_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // The asker answers every question with an error, so there is nothing to keep.
    let _ = T::deserialize(Asker(&mut keys));
    keys
}

struct Asker<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asker<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = fields;
        Err(de::Error::custom("no value"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
