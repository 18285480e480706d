//! Values of JSON as converters write them: `null` for what is missing, whole numbers as floats (`1000.0`), names that
//! are numbers. CSV has no types and takes all of these; JSON lines take them, too.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A whole number of type `T`, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<T>(pub(super) Option<T>);

impl<T> Default for Whole<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Default> Whole<T> {
    pub(super) fn or_zero(self) -> T {
        self.0.unwrap_or_default()
    }
}

/// What a `T` can hold.
pub(super) trait Limits: Copy + TryFrom<i128> {
    const LOW: i128;
    const HIGH: i128;
}

macro_rules! limits {
    ($($type:ty),*) => {$(
        impl Limits for $type {
            const LOW: i128 = <$type>::MIN as i128;
            const HIGH: i128 = <$type>::MAX as i128;
        }
    )*};
}

limits!(u16, u32, u64, i64);

impl<'de, T: Limits> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: Limits> WholeVisitor<T> {
    fn fit<E: Error>(&self, value: i128, found: Unexpected<'_>) -> Result<Whole<T>, E> {
        T::try_from(value).map(|value| Whole(Some(value))).map_err(|_| E::invalid_value(found, self))
    }
}

impl<T: Limits> Visitor<'_> for WholeVisitor<T> {
    type Value = Whole<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if T::LOW < 0 { f.write_str("a whole number") } else { write!(f, "a whole number from 0 to {}", T::HIGH) }
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole<T>, E> {
        self.fit(value.into(), Unexpected::Unsigned(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Whole<T>, E> {
        self.fit(value.into(), Unexpected::Signed(value))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole<T>, E> {
        if value.fract() == 0.0 && value.abs() < 9.007_199_254_740_992e15 {
            self.fit(value as i128, Unexpected::Float(value))
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }
    fn visit_unit<E: Error>(self) -> Result<Whole<T>, E> {
        Ok(Whole(None))
    }
}

/// The name of something: a text, a number (`"session": 17` is the session `17`, as in CSV), or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name<'a>(Option<Cow<'a, str>>);

impl<'a> Name<'a> {
    /// The name, unless it is blank.
    pub(super) fn given(self) -> Option<Cow<'a, str>> {
        self.0.filter(|name| !name.is_empty())
    }

    /// The same as a text of its own.
    pub(super) fn owned(self) -> Option<Box<str>> {
        self.given().map(|name| name.into_owned().into())
    }

    /// The name, or a blank one.
    pub(super) fn or_blank(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Name<'de>, E> {
                Ok(Name(Some(Cow::Owned(value.to_string()))))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Name<'de>, E> {
                Ok(Name(Some(Cow::Owned(value.to_string()))))
            }
            fn visit_unit<E: Error>(self) -> Result<Name<'de>, E> {
                Ok(Name(None))
            }
        }
        deserializer.deserialize_any(NameVisitor)
    }
}

/// What is not there where `null` stands, as where the key is missing: a list, `false`.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_none_and_whole_numbers_may_be_written_as_floats() {
        let whole =
            |text: &str| serde_json::from_str::<Whole<u32>>(text).map(|whole| whole.0).map_err(|e| e.to_string());
        assert_eq!(whole("12"), Ok(Some(12)));
        assert_eq!(whole("1000.0"), Ok(Some(1_000)));
        assert_eq!(whole("1e3"), Ok(Some(1_000)));
        assert_eq!(whole("null"), Ok(None));
        for text in ["12.5", "-1", "4294967296", "1e300", "true", "\"12\"", "[]"] {
            assert!(whole(text).is_err(), "{text}");
        }
        assert!(whole("4294967296").is_err_and(|error| error.contains("from 0 to 4294967295")));
    }

    #[test]
    fn names_may_be_numbers_or_missing() {
        let name =
            |text: &str| serde_json::from_str::<Name<'_>>(text).map(Name::owned).map_err(|error| error.to_string());
        assert_eq!(name("\"a\\u0062\""), Ok(Some("ab".into())));
        assert_eq!(name("17"), Ok(Some("17".into())));
        assert_eq!(name("\"\""), Ok(None));
        assert_eq!(name("null"), Ok(None));
        assert!(name("1.5").is_err() && name("{}").is_err());
    }
}
