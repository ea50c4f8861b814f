//! What a request needs its key to hold, and a stream for as long as it lives.

use std::fmt;

use super::{AdminRight, Capabilities, Channel, Operations};

/// What is needed. All of it must be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// These operations.
    pub operations: Operations,
    /// Where they must be held.
    pub place: Place,
    /// A right to management.
    pub admin: Option<AdminRight>,
}

/// Where operations must be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On every plain channel: nobody knows which one it will be.
    Everywhere,
    /// On some resource: somebody else looks at which one it is.
    Anywhere,
    /// On each of these resources; held by nobody where a text names none, or where there are none.
    Channels(Box<[Box<str>]>),
}

impl Need {
    /// Nothing is needed.
    pub const NOTHING: Self = Self { operations: Operations::NONE, place: Place::Everywhere, admin: None };

    /// Whether `held` is enough.
    #[must_use]
    pub fn is_met_by(&self, held: &Capabilities) -> bool {
        let operations = match &self.place {
            Place::Everywhere => held.everywhere(),
            Place::Anywhere => held.anywhere(),
            // Of no names at all something would be held on each.
            Place::Channels(names) if names.is_empty() => Operations::NONE,
            Place::Channels(names) => {
                let on = |text: &str| Channel::parse(text).map_or(Operations::NONE, |channel| held.on(&channel));
                names.iter().fold(Operations::ALL, |all, name| all.intersection(on(name)))
            }
        };
        operations.contains_all(self.operations) && self.admin.as_ref().is_none_or(|right| held.admin().allows(right.part()))
    }
}

/// For people: `publish on every channel`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let and = match (&self.admin, self.operations.is_empty()) {
            (None, true) => return f.write_str("nothing"),
            (Some(right), true) => return right.fmt(f),
            (Some(right), false) => format!("{right} and "),
            (None, false) => String::new(),
        };
        write!(f, "{and}{} on ", self.operations)?;
        match &self.place {
            Place::Everywhere => f.write_str("every channel"),
            Place::Anywhere => f.write_str("some channel"),
            Place::Channels(names) => write!(f, "`{}`", names.join("`, `").escape_debug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::capability::{AdminRights, Operation, Pattern};

    fn held(patterns: &[&str], admin: AdminRights) -> Capabilities {
        let subscribe = Operations::NONE.with(Operation::Subscribe);
        Capabilities::new(patterns.iter().map(|text| (Pattern::parse(text).unwrap(), subscribe)), admin)
    }

    #[test]
    fn a_need_is_met_where_it_is() {
        let need = |place| Need { operations: Operations::NONE.with(Operation::Subscribe), place, admin: None };
        let on = |name: &str| need(Place::Channels([name.into()].into()));
        let met = |need: &Need, patterns: &[&str]| need.is_met_by(&held(patterns, AdminRights::None));
        for (patterns, everywhere, anywhere, on_chat) in [
            (["*"].as_slice(), true, true, true),
            (&["[*]*"], true, true, true),
            (&["chat:*"], false, true, true),
            (&["[*]chat:*"], false, true, true),
            (&["[queue]*", "[meta]*"], false, true, false),
            (&["*:*", "chat"], false, true, true),
            (&[], false, false, false),
        ] {
            assert_eq!(met(&need(Place::Everywhere), patterns), everywhere, "{patterns:?}");
            assert_eq!(met(&need(Place::Anywhere), patterns), anywhere, "{patterns:?}");
            assert_eq!(met(&on("chat:1"), patterns), on_chat, "{patterns:?}");
            assert!(met(&Need::NOTHING, patterns));
        }
        for no_name in ["", ":a", "[*]*", "[a]b", "a\n"] {
            assert!(!met(&on(no_name), &["[*]*"]), "{no_name:?} is no channel");
        }
        let several = |names: &[&str]| need(Place::Channels(names.iter().map(|name| Box::from(*name)).collect()));
        assert!(met(&several(&["chat:1", "news"]), &["chat:*", "news"]));
        assert!(!met(&several(&["chat:1", "news"]), &["chat:*"]) && !met(&several(&["chat:1", ""]), &["*"]));
        assert!(!met(&several(&[]), &["[*]*"]), "a list that names nothing lets nobody in");
    }

    #[test]
    fn all_of_it_must_be_held() {
        let need = Need {
            operations: Operations::NONE.with(Operation::Subscribe),
            place: Place::Anywhere,
            admin: AdminRight::parse("admin:clients"),
        };
        let clients: AdminRights = need.admin.clone().into_iter().collect();
        assert!(need.is_met_by(&held(&["a"], clients.clone())) && need.is_met_by(&held(&["a"], AdminRights::All)));
        assert!(!need.is_met_by(&held(&[], clients)) && !need.is_met_by(&held(&["a"], AdminRights::None)));
        assert_eq!(need.to_string(), "admin:clients and subscribe on some channel");
        let on = Need { place: Place::Channels(["a\n".into()].into()), admin: None, ..need };
        assert_eq!(on.to_string(), r"subscribe on `a\n`");
    }
}
