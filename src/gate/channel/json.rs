//! Channels in a JSON body, found by a JSON Pointer (RFC 6901) that goes through lists: `/channel` finds the channel of an object,
//! and that of every object in a list of them, as batches are written.

use std::cell::Cell;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{is_bare, is_blank};
use crate::gate::denial::Denial;

/// The way to the channels of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Box<[Box<str>]>);

impl Pointer {
    /// Reads a pointer: `/channel`, `/data/channels`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("must be a JSON Pointer, such as `/channel`")?;
        let token = |token: &str| {
            if token.is_empty() {
                return Err("must name a field between its slashes");
            }
            if token.bytes().all(|b| b.is_ascii_digit()) || token == "-" {
                return Err("must not number the items of a list: what is said of one item is asked of all of them");
            }
            let escapes = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            if escapes {
                Ok(token.replace("~1", "/").replace("~0", "~").into())
            } else {
                Err("has a `~` that is no `~0` or `~1`")
            }
        };
        rest.split('/').map(token).collect::<Result<_, _>>().map(Self)
    }

    /// Shows every channel in `body` to `each`, which may refuse it. There is at least one.
    ///
    /// # Errors
    /// [`Denial::BodyUnreadable`] for what is no JSON; [`Denial::ChannelMissing`] where an object on the way lacks the field, or a list is
    /// empty; [`Denial::ChannelAmbiguous`] where it has the field twice, or in a spelling that some reader takes for it;
    /// [`Denial::ChannelInvalid`] for a channel that is no text; or what `each` says.
    pub fn named_in(&self, body: &[u8], mut each: impl FnMut(&str) -> Result<(), Denial>) -> Result<(), Denial> {
        let text = std::str::from_utf8(body).map_err(|_| Denial::BodyUnreadable)?;
        let denial = Cell::new(Denial::BodyUnreadable);
        let mut reader = serde_json::Deserializer::from_str(text);
        let walk = Walk { rest: &self.0, each: &mut each, denial: &denial };
        walk.deserialize(&mut reader).and_then(|()| reader.end()).map_err(|_| denial.get())
    }
}

/// A walk through a body: what is left of the way, who is shown the channels, and why it was broken off.
struct Walk<'w> {
    rest: &'w [Box<str>],
    each: &'w mut dyn FnMut(&str) -> Result<(), Denial>,
    denial: &'w Cell<Denial>,
}

impl Walk<'_> {
    fn further(&mut self) -> Walk<'_> {
        Walk { rest: self.rest, each: &mut *self.each, denial: self.denial }
    }

    fn stop<E: serde::de::Error>(&self, denial: Denial) -> E {
        self.denial.set(denial);
        E::custom("stopped")
    }

    /// A value where the way goes on, or a channel that is no text.
    fn misplaced<E: serde::de::Error>(&self) -> E {
        self.stop(if self.rest.is_empty() { Denial::ChannelInvalid } else { Denial::ChannelMissing })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a channel")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if !self.rest.is_empty() {
            return Err(self.misplaced());
        }
        let judged = if is_bare(text) { (self.each)(text) } else { Err(Denial::ChannelInvalid) };
        judged.map_err(|denial| self.stop(denial))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut any = false;
        while items.next_element_seed(self.further())?.is_some() {
            any = true;
        }
        if any { Ok(()) } else { Err(self.stop(Denial::ChannelMissing)) }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.rest.split_first() else { return Err(self.misplaced()) };
        let mut found = false;
        while let Some(name) = fields.next_key::<std::borrow::Cow<'_, str>>()? {
            if *name == **wanted {
                if std::mem::replace(&mut found, true) {
                    return Err(self.stop(Denial::ChannelAmbiguous));
                }
                fields.next_value_seed(Walk { rest, ..self.further() })?;
            } else if folds_to(&name, wanted) {
                return Err(self.stop(Denial::ChannelAmbiguous));
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(self.stop(Denial::ChannelMissing)) }
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.misplaced())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.misplaced())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.misplaced())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.misplaced())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(self.misplaced())
    }
}

/// Whether a reader that knows no case (Go's `encoding/json`, many others), trims, or ends a text at NUL takes one name for the other.
fn folds_to(name: &str, wanted: &str) -> bool {
    let folded = |text: &str| -> Vec<char> {
        let bare = text.trim_start_matches(is_blank).split('\0').next().unwrap_or_default().trim_end_matches(is_blank);
        bare.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    };
    folded(name) == folded(wanted)
}
