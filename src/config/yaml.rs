//! From text to typed: the first stage. Reports every field that is unknown and every value of the wrong type, not only the first.
//!
//! A good file is read straight from its text. A bad one is read once more into a tree, in which each fault is taken away and noted
//! until the rest is good; the second stage then works on what is left.

use std::path::Path;

use serde::{
    Deserialize,
    de::{DeserializeSeed, IgnoredAny},
};
use serde_path_to_error::Segment;
use serde_yaml::{Deserializer, Value};

use super::{
    error::{More, Problem, Problems},
    fault::{Anchor, Faults, MAX_FAULTS},
    locate::{Position, Probe, locate},
    path::{NodePath, Step},
    raw, wording,
};

/// The largest configuration.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// The largest key file: more than a million keys want a store, not a file.
pub const MAX_KEYS_BYTES: u64 = 64 << 20;

/// The largest document about one key; its capabilities and metadata may take 40 KiB.
pub const MAX_KEY_DOCUMENT_BYTES: u64 = 64 << 10;

/// Beyond this a file is dear to walk, and only so many walks are made for wrong types.
const DEAR_BYTES: usize = 1 << 20;
const DEAR_FAULTS: usize = 10;

const ALIASES_REFUSED: &str = "anchors and aliases are refused; a text that begins with `&` or `*` needs quotes";

/// A kind of file.
pub(super) trait Document: for<'de> Deserialize<'de> + Default {
    /// A larger text is not even parsed: parsing takes many times its size in memory.
    const MAX_BYTES: u64;
    /// Whether somebody might have pasted a key into it. Of such a file nothing is repeated that is not a word of the language.
    const SECRETS: bool;
}

impl Document for raw::Config {
    const MAX_BYTES: u64 = MAX_CONFIG_BYTES;
    const SECRETS: bool = false;
}

impl Document for raw::KeyFile {
    const MAX_BYTES: u64 = MAX_KEYS_BYTES;
    const SECRETS: bool = true;
}

/// One key by itself, as somebody asks for it or a store keeps it.
impl Document for raw::Key {
    const MAX_BYTES: u64 = MAX_KEY_DOCUMENT_BYTES;
    const SECRETS: bool = true;
}

/// A text and the name of its file.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub file: &'s Path,
    pub text: &'s str,
}

impl Source<'_> {
    /// Reads the text as typed, with the faults that were taken out of it.
    ///
    /// # Errors
    /// What makes the text unreadable as a whole.
    pub fn read<T: Document>(self) -> Result<(T, Faults), Problems> {
        if self.text.len() as u64 > T::MAX_BYTES {
            let message = format!("is {} bytes long; {} are the most", self.text.len(), T::MAX_BYTES);
            return Err(self.only(Position::START, message));
        }
        if self.text.contains('&') {
            self.refuse_anchors()?;
        }
        match T::deserialize(Deserializer::from_str(self.text)) {
            Ok(typed) => Ok((typed, Faults::default())),
            Err(_) => self.read_around_faults(),
        }
    }

    /// The file's problems, located, in the order of the file.
    pub fn problems(self, faults: Faults) -> Problems {
        let (faults, more) = faults.into_parts();
        let mut located: Vec<_> = locate(self.text, &faults).into_iter().zip(faults).collect();
        located.sort_by_key(|(position, _)| *position);
        let found = located.into_iter().map(|(position, fault)| self.problem(position, &fault.path, fault.message));
        Problems { found: found.collect(), more: More::Counted(more) }
    }

    /// An alias stands for a copy of what its anchor names, so a small file can unfold into a huge one (security catalogue, row 21).
    /// The parser does not tell of either. But where every `&` is made a `*`, an anchor is an alias of nothing, which is an error.
    fn refuse_anchors(self) -> Result<(), Problems> {
        let without_anchors = self.text.replace('&', "*");
        let Err(error) = IgnoredAny::deserialize(Deserializer::from_str(&without_anchors)) else { return Ok(()) };
        self.parses()?;
        Err(self.only(position_of(&error), ALIASES_REFUSED))
    }

    /// Whether the text is one YAML document. Nothing is followed or unfolded here.
    fn parses(self) -> Result<(), Problems> {
        let Err(error) = IgnoredAny::deserialize(Deserializer::from_str(self.text)) else { return Ok(()) };
        let message = error.to_string();
        if message.contains("more than one document") {
            let second = Deserializer::from_str(self.text).nth(1).and_then(|document| Probe.deserialize(document).err());
            let position = second.map_or(Position::START, |here| position_of(&here));
            return Err(self.only(position, "must be one YAML document, and here begins another"));
        }
        // The parser has a few fixed messages, each before the position that is told in our own way.
        let message = match message.split(" at ").next().unwrap_or_default() {
            "unknown anchor" => ALIASES_REFUSED.to_owned(),
            other => format!("is not YAML: {other}"),
        };
        Err(self.only(position_of(&error), message))
    }

    fn read_around_faults<T: Document>(self) -> Result<(T, Faults), Problems> {
        self.parses()?;
        let mut tree: Value = serde_path_to_error::deserialize(Deserializer::from_str(self.text)).map_err(|error| {
            let (path, error) = (steps_of(error.path(), T::SECRETS), error.into_inner());
            self.untreelike::<T>(path, &error)
        })?;
        let faults = Faults::default();
        let most = if self.text.len() > DEAR_BYTES { DEAR_FAULTS } else { MAX_FAULTS };
        while faults.len() < most {
            let error = match serde_path_to_error::deserialize::<_, T>(&tree) {
                Ok(typed) => return Ok((typed, faults)),
                Err(error) => error,
            };
            let (path, message) = (steps_of(error.path(), T::SECRETS), error.into_inner().to_string());
            let known = wording::known_fields(&message);
            let taken_away = take_away(&mut tree, &path.0, known.is_some());
            let (anchor, said) = match known {
                Some(known) => (Anchor::Name, wording::unknown_field(&path, &known)),
                None => (Anchor::Value, wording::of_value(&message)),
            };
            faults.add(path, anchor, said);
            if !taken_away {
                break;
            }
        }
        Err(self.broken_off(faults))
    }

    /// What is wrong with a text that is YAML, but no tree: a field that stands twice, or nesting without end.
    fn untreelike<T: Document>(self, mut path: NodePath, error: &serde_yaml::Error) -> Problems {
        let message = error.to_string();
        let duplicate = message.rsplit_once("duplicate entry with key ").and_then(|(_, name)| name.split('"').nth(1));
        let Some(name) = duplicate else {
            let message = if message.contains("recursion limit") { "is nested too deeply" } else { "cannot stand in this file" };
            return self.only(position_of(error), message);
        };
        path.0.push(wording::field(name.into(), T::SECRETS));
        let faults = Faults::default();
        faults.add(path, Anchor::Name, "stands here twice");
        self.broken_off(faults)
    }

    /// The problems of a text that was not searched to its end.
    fn broken_off(self, faults: Faults) -> Problems {
        Problems { more: More::Unknown, ..self.problems(faults) }
    }

    fn only(self, position: Position, message: impl Into<String>) -> Problems {
        Problems { found: vec![self.problem(position, &NodePath::default(), message.into())], more: More::Unknown }
    }

    fn problem(self, Position { line, column }: Position, path: &NodePath, message: String) -> Problem {
        Problem { file: self.file.to_owned(), line, column, path: path.to_string(), message }
    }
}

fn position_of(error: &serde_yaml::Error) -> Position {
    error.location().map_or(Position::START, |at| Position { line: at.line(), column: at.column() })
}

/// Stops before whatever has no name: faults inside of it point at what holds it.
fn steps_of(path: &serde_path_to_error::Path, secrets: bool) -> NodePath {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Item(*index)),
        Segment::Map { key } => Some(wording::field(key.as_str().into(), secrets)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    NodePath(path.iter().map_while(step).collect())
}

/// Takes the node away: a field that is not known altogether, of anything else the value. Tells whether there was something to take.
fn take_away(tree: &mut Value, path: &[Step], whole_field: bool) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let Some(parent) = above.iter().try_fold(tree, child) else { return false };
    match (parent, last.name()) {
        (Value::Mapping(map), Some(name)) if whole_field => map.remove(name).is_some(),
        (parent, _) => child(parent, last).is_some_and(|node| !std::mem::take(node).is_null()),
    }
}

fn child<'t>(node: &'t mut Value, step: &Step) -> Option<&'t mut Value> {
    match step {
        Step::Item(at) => node.get_mut(*at),
        Step::Field(name) | Step::Hidden(name) => node.get_mut(&**name),
    }
}
