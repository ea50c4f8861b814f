//! Lines and columns of nodes, in one more reading of the text.
//!
//! The parser tells where a node stands only in an error about it. So each wanted node is first asked for as an enum, which fails
//! before anything is consumed, and then read truly.

use std::{cell::RefCell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{
    fault::{Anchor, Fault},
    path::{NodePath, Step},
};

/// A place in a text; both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    pub const START: Self = Self { line: 1, column: 1 };
}

/// What was found of a node: it, or the nearest one above that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where that stands.
    pub position: Position,
    /// Whether it is the node itself.
    pub itself: bool,
}

/// Where each fault stands: its node, or the nearest one above that is there. Of fields that stand twice, the second.
pub(super) fn locate(text: &str, faults: &[Fault]) -> Vec<Position> {
    find(text, faults.iter().map(|fault| (&fault.path, fault.anchor))).into_iter().map(|found| found.position).collect()
}

/// What there is of each node.
pub(super) fn find<'w>(text: &str, nodes: impl Iterator<Item = (&'w NodePath, Anchor)>) -> Vec<Found> {
    let wanted = nodes.enumerate().map(|(at, (path, anchor))| Wanted { at, rest: &path.0, anchor }).collect::<Vec<_>>();
    let found = RefCell::new(vec![Found { position: Position::START, itself: false }; wanted.len()]);
    let walk = Walk { wanted, found: &found };
    // The text has been read before. Should that go wrong now, what has been found so far is what there is.
    let _ = walk.deserialize(serde_yaml::Deserializer::from_str(text));
    found.into_inner()
}

/// A node on the way to which a walk is.
#[derive(Clone, Copy)]
struct Wanted<'w> {
    at: usize,
    rest: &'w [Step],
    anchor: Anchor,
}

/// A walk below one node.
struct Walk<'w> {
    wanted: Vec<Wanted<'w>>,
    found: &'w RefCell<Vec<Found>>,
}

impl<'w> Walk<'w> {
    /// The walk below the child that `is_step` means.
    fn below(&self, is_step: impl Fn(&Step) -> bool) -> Self {
        let wanted = self.wanted.iter().filter_map(|wanted| {
            let (first, rest) = wanted.rest.split_first()?;
            is_step(first).then_some(Wanted { rest, ..*wanted })
        });
        Self { wanted: wanted.collect(), found: self.found }
    }

    /// Notes where the name or the value of a child stands, for the faults that point at it or below it.
    fn note(&self, position: Option<Position>, anchor: Anchor) {
        // The parser tells no place in an error about the very first byte.
        let position = position.unwrap_or(Position::START);
        for wanted in self.wanted.iter().filter(|wanted| wanted.points_at_name() == (anchor == Anchor::Name)) {
            if let Some(found) = self.found.borrow_mut().get_mut(wanted.at) {
                *found = Found { position, itself: wanted.rest.is_empty() };
            }
        }
    }
}

impl Wanted<'_> {
    fn points_at_name(&self) -> bool {
        self.rest.is_empty() && self.anchor == Anchor::Name
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.wanted.iter().all(|wanted| wanted.rest.is_empty()) {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any node")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        for at in 0.. {
            let below = self.below(|step| *step == Step::Item(at));
            if !below.wanted.is_empty() {
                match list.next_element_seed(Probe) {
                    Ok(_) => return Ok(()),
                    Err(error) => below.note(position_in(&error), Anchor::Value),
                }
            }
            if list.next_element_seed(below)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Err(at_name) = map.next_key_seed(Probe) {
            let Some(name) = map.next_key_seed(Name)? else { break };
            let below = self.below(|step| step.name() == Some(&name));
            if !below.wanted.is_empty() {
                below.note(position_in(&at_name), Anchor::Name);
                if let Err(at_value) = map.next_value_seed(Probe) {
                    below.note(position_in(&at_value), Anchor::Value);
                }
            }
            map.next_value_seed(below)?;
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        tagged.variant::<IgnoredAny>()?.1.newtype_variant::<IgnoredAny>().map(|_| ())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Fails at a node, always, and leaves it unread.
pub(super) struct Probe;

impl<'de> DeserializeSeed<'de> for Probe {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_enum("probe", &[], self)
    }
}

impl<'de> Visitor<'de> for Probe {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing at all")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("here"))
    }
}

/// Reads the name of a field, whatever it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Box<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Box<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Box<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Box<str>, E> {
        Ok(name.into())
    }
}

/// The position at the end of an error's message, the only way to it from inside of a visitor, whose error type is not named.
fn position_in(error: &impl fmt::Display) -> Option<Position> {
    let text = error.to_string();
    let (_, position) = text.rsplit_once(" at line ")?;
    let (line, column) = position.split_once(" column ")?;
    Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
}
