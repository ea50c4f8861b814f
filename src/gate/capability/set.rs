//! What one key may do: operations by pattern, rights to management, and whether it manages keys. Compiled once, asked by every
//! request.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    hash::{Hash, Hasher},
};

use super::{AdminRights, Channel, Namespace, Operations, Pattern, canonical, tree::Tree};

/// The capabilities of a key. Equal where their canonical texts are. Keys that have the same ones share them.
#[derive(Debug)]
pub struct Capabilities {
    text: Box<str>,
    /// In the order of the patterns' texts, each once, none without operations.
    entries: Box<[(Pattern, Operations)]>,
    admin: AdminRights,
    /// Whether Keygate's own keys may be managed with it.
    keys: bool,
    /// By the number of the namespace.
    trees: [Tree; 3],
    anywhere: Operations,
}

impl Capabilities {
    /// Compiles a set. A pattern that comes twice has the operations of both.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (Pattern, Operations)>, admin: AdminRights) -> Self {
        let mut merged: BTreeMap<Pattern, Operations> = BTreeMap::new();
        for (pattern, operations) in entries.into_iter().filter(|(_, operations)| !operations.is_empty()) {
            let held = merged.entry(pattern).or_default();
            *held = held.union(operations);
        }
        let entries: Box<[_]> = merged.into_iter().collect();
        let mut trees = <[Tree; 3]>::default();
        for (pattern, operations) in &entries {
            for namespace in pattern.namespaces() {
                trees[namespace as usize].insert(pattern.fixed(), pattern.is_open(), *operations);
            }
        }
        let anywhere = union(&entries);
        Self { text: canonical::text(&entries, &admin, false).into(), entries, admin, keys: false, trees, anywhere }
    }

    /// These, and the right `keygate:keys` to manage Keygate's own keys, which nothing else implies.
    #[must_use]
    pub fn with_keys(self) -> Self {
        Self { text: canonical::text(&self.entries, &self.admin, true).into(), keys: true, ..self }
    }

    /// All that a backend knows of, `{"[*]*":["*","admin"]}`: what a secret key has unless told less. Managing Keygate's own keys is
    /// not in it.
    #[must_use]
    pub fn everything() -> Self {
        Self::new([(Pattern::everything(), Operations::ALL)], AdminRights::All)
    }

    /// These operations on every channel, but on no queue and no meta channel: `{"*":[…]}`.
    #[must_use]
    pub fn on_every_channel(operations: Operations) -> Self {
        Self::new([(Pattern::every_channel(), operations)], AdminRights::None)
    }

    /// The operations held on `channel`: those of every pattern that matches it.
    #[must_use]
    pub fn on(&self, channel: &Channel<'_>) -> Operations {
        self.trees[channel.namespace() as usize].on(channel.name())
    }

    /// The operations held on every plain channel. Only `*` and `[*]*` give them: no patterns narrower than every channel have it
    /// for their union (see [`Pattern`]).
    #[must_use]
    pub fn everywhere(&self) -> Operations {
        self.trees[Namespace::Plain as usize].beyond
    }

    /// The operations held on some resource or other.
    #[must_use]
    pub const fn anywhere(&self) -> Operations {
        self.anywhere
    }

    /// The rights to management.
    #[must_use]
    pub const fn admin(&self) -> &AdminRights {
        &self.admin
    }

    /// Whether Keygate's own keys may be managed with it: the right `keygate:keys`.
    #[must_use]
    pub const fn manages_keys(&self) -> bool {
        self.keys
    }

    /// Patterns and what is held on them, in the order of the patterns' texts.
    #[must_use]
    pub fn entries(&self) -> &[(Pattern, Operations)] {
        &self.entries
    }

    /// Ably's canonical text, `{"chat:*":["publish","subscribe"]}`, in ASCII without control characters. Rights to management stand
    /// under `*`, or under `[*]*` where that is named, and so does `keygate:keys`.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.text
    }

    /// What both have, as Ably gives it to a token from the request and the key (Ably docs, auth/capabilities, "Token capability
    /// determination"); `None` where that is nothing.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut common: BTreeMap<Pattern, Operations> = BTreeMap::new();
        let mut made = Vec::new();
        for (own, own_operations) in &self.entries {
            for (others, other_operations) in &other.entries {
                let operations = own_operations.intersection(*other_operations);
                let Some(pattern) = own.intersect(others).filter(|_| !operations.is_empty()) else { continue };
                if pattern == *own || pattern == *others {
                    let held = common.entry(pattern).or_default();
                    *held = held.union(operations);
                } else {
                    made.push((own, others, pattern, operations));
                }
            }
        }
        // A pattern that neither side wrote down says nothing new where one of those that it was made of is held whole: a set's
        // intersection with itself is the set.
        for (own, others, pattern, operations) in made {
            let whole = |pattern| common.get(pattern).is_some_and(|held| held.contains_all(operations));
            if whole(own) || whole(others) {
                continue;
            }
            match common.entry(pattern) {
                Entry::Vacant(place) => drop(place.insert(operations)),
                Entry::Occupied(mut held) => *held.get_mut() = held.get().union(operations),
            }
        }
        let admin = self.admin.intersect(&other.admin);
        let keys = self.keys && other.keys;
        let made = (!common.is_empty() || admin != AdminRights::None || keys).then(|| Self::new(common, admin))?;
        Some(if keys { made.with_keys() } else { made })
    }

    /// Whether everything that `other` has is had here too, on every resource. Exact: one pattern of `other` in one namespace is
    /// contained in the union of patterns here only where it is contained in one of them (see [`Pattern`]).
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let held = |pattern: &Pattern, namespace| {
            let wider = |(own, _): &&(Pattern, _)| own.is_in(namespace) && own.contains_names(pattern);
            union(self.entries.iter().filter(wider))
        };
        (self.keys || !other.keys)
            && self.admin.contains(&other.admin)
            && other.entries.iter().all(|(pattern, operations)| {
                pattern.namespaces().all(|namespace| held(pattern, namespace).contains_all(*operations))
            })
    }
}

fn union<'e>(entries: impl IntoIterator<Item = &'e (Pattern, Operations)>) -> Operations {
    entries.into_iter().fold(Operations::NONE, |all, (_, operations)| all.union(*operations))
}

/// Nothing at all.
impl Default for Capabilities {
    fn default() -> Self {
        Self::new([], AdminRights::None)
    }
}

impl PartialEq for Capabilities {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Capabilities {}

impl Hash for Capabilities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// The canonical text.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
