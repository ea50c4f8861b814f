//! Lines of the rules in a file that was read and found good, for whoever explains what a rule did.

use std::collections::HashMap;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};

use super::{
    fault::Anchor,
    locate::find,
    path::{NodePath, Step},
};

/// The lines, from 1, of those of `paths` that are there: `limits.ip`, `routes[2].operation`. A field stands where its name does.
#[must_use]
pub fn lines<'p>(text: &str, paths: impl IntoIterator<Item = &'p str>) -> HashMap<String, usize> {
    let wanted: Vec<_> = paths.into_iter().map(|path| (path, NodePath::parse(path))).collect();
    let anchor = |path: &NodePath| match path.0.last() {
        Some(Step::Field(_) | Step::Hidden(_)) => Anchor::Name,
        Some(Step::Item(_)) | None => Anchor::Value,
    };
    let found = find(text, wanted.iter().map(|(_, path)| (path, anchor(path))));
    let there = wanted.iter().zip(found).filter(|(_, found)| found.itself);
    there.map(|((path, _), found)| ((*path).to_owned(), found.position.line)).collect()
}

/// The place of the key with this id in the list `keys` of a key file, from 0.
#[must_use]
pub fn key_place(text: &str, id: &str) -> Option<usize> {
    let file = File::deserialize(serde_yaml::Deserializer::from_str(text)).ok()?;
    file.keys.iter().position(|key| key.0.as_deref() == Some(id))
}

/// A key file of which only the ids are kept: it may hold a million keys.
#[derive(Deserialize)]
struct File {
    keys: Vec<Id>,
}

struct Id(Option<Box<str>>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(IdVisitor)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Id, A::Error> {
        let mut id = None;
        while let Some(name) = map.next_key::<Box<str>>()? {
            if *name == *"id" {
                id = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Id(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment
limits:
  ip: { rate: 1/s,
        burst: 5 }
routes:
  - name: a

  -
    name: b
    match: { path: / }
empty:
";

    #[test]
    fn what_is_there_has_its_line_and_what_is_not_has_none() {
        let asked = ["limits", "limits.ip", "limits.ip.burst", "limits.key", "routes", "routes[0]", "routes[0].match"];
        let found =
            lines(TEXT, asked.into_iter().chain(["routes[1]", "routes[1].match.path", "routes[2]", "empty", "empty.a", "no"]));
        let mut found: Vec<_> = found.iter().map(|(path, line)| format!("{path}:{line}")).collect();
        found.sort();
        let expected = [
            "empty:11",
            "limits.ip.burst:4",
            "limits.ip:3",
            "limits:2",
            "routes:5",
            "routes[0]:6",
            "routes[1].match.path:10",
            "routes[1]:9",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_line_is_one_too() {
        assert_eq!(lines("keys: []", ["keys"])["keys"], 1);
        assert_eq!(lines("{ a: { b: 1 } }", ["a.b"])["a.b"], 1);
        assert!(lines("[1]", ["a", "a.b"]).is_empty() && lines("", ["a"]).is_empty());
    }

    #[test]
    fn a_key_is_found_by_its_id() {
        let text = "keys:\n  - { app: x, id: a }\n  - id: b\n    limits: { rate: 1/s }\n  - { app: b, id: c }\n";
        assert_eq!(["a", "b", "c", "d"].map(|id| key_place(text, id)), [Some(0), Some(1), Some(2), None]);
        assert_eq!(key_place("keys: []", "a"), None);
    }
}
