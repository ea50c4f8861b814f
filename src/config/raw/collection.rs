//! Lists and maps as typed. An item may be empty: either somebody wrote nothing, or the first stage took away what was wrong.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use crate::config::fault::Place;

/// A list.
#[derive(Deserialize)]
#[serde(transparent)]
pub(in crate::config) struct List<T>(pub Vec<Option<T>>);

/// A map with names that are not of the language, in the order of the file.
pub(in crate::config) struct Map<T>(pub Vec<(Box<str>, Option<T>)>);

impl<T> List<T> {
    /// Calls `visit` with every item and its place, and faults those that are empty.
    pub fn each<'i>(&'i self, place: &Place<'_>, mut visit: impl FnMut(&Place<'_>, usize, &'i T)) {
        for (at, item) in self.0.iter().enumerate() {
            let place = place.item(at);
            match item {
                Some(item) => visit(&place, at, item),
                None => place.missing("is empty"),
            }
        }
    }

    /// What `read` makes of the items; it faults those of which it makes nothing.
    pub fn map<'i, U>(&'i self, place: &Place<'_>, mut read: impl FnMut(&Place<'_>, &'i T) -> Option<U>) -> Vec<U> {
        let mut made = Vec::with_capacity(self.0.len());
        self.each(place, |place, _, item| made.extend(read(place, item)));
        made
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = Map<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<T>, A::Error> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        while let Some((name, value)) = map.next_entry::<Box<str>, Option<T>>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom("must not name the same thing twice"));
            }
            entries.push((name, value));
        }
        Ok(Map(entries))
    }
}
