//! A value that is `false`, or a table that says more. Knows no key.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub enum SwitchOrTable<T> {
    Switch(bool),
    Table(T),
}

/// Both kinds at once: that is how the list of known keys tells it from a table.
impl<T: Serialize> Serialize for SwitchOrTable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Switch(is_on) => is_on.serialize(serializer),
            Self::Table(table) => (false, table).serialize(serializer),
        }
    }
}

/// Written out, as the derived way tries one kind after the other and forgets what was wrong.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for SwitchOrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchOrTableVisitor(PhantomData))
    }
}

struct SwitchOrTableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SwitchOrTableVisitor<T> {
    type Value = SwitchOrTable<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("false, or a table of its keys")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<Self::Value, E> {
        Ok(SwitchOrTable::Switch(is_on))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(SwitchOrTable::Table)
    }
}
