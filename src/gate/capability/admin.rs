//! Rights to a backend's management routes: `admin`, or parts of it such as `admin:clients`. They are no operations on channels:
//! Ably's `*` never implies them.

use std::{fmt, sync::Arc};

/// One right to management: `admin`, or one part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AdminRight(Option<Arc<str>>);

/// What a key may manage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdminRights {
    /// Nothing.
    #[default]
    None,
    /// These parts, sorted, each once.
    Parts(Box<[Arc<str>]>),
    /// Everything: `admin`.
    All,
}

const ADMIN: &str = "admin";

impl AdminRight {
    /// `admin` itself, which covers every part.
    pub const WHOLE: Self = Self(None);

    /// Reads `admin` or `admin:<part>`, where a part is 1 to 32 of a-z, 0-9 and `-`. `None` for every other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let part = text.strip_prefix(ADMIN)?;
        if part.is_empty() {
            return Some(Self::WHOLE);
        }
        let part = part.strip_prefix(':')?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (matches!(part.len(), 1..=32) && part.bytes().all(plain)).then(|| Self(Some(part.into())))
    }

    /// The part; `None` is the whole.
    #[must_use]
    pub fn part(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// As it stands in a capability and in a route: `admin:clients`.
impl fmt::Display for AdminRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str(ADMIN),
            Some(part) => write!(f, "{ADMIN}:{part}"),
        }
    }
}

impl AdminRights {
    /// Whether they cover `part`, or with `None` the whole, which no number of parts does.
    #[must_use]
    pub fn allows(&self, part: Option<&str>) -> bool {
        match (self, part) {
            (Self::All, _) => true,
            (Self::Parts(parts), Some(part)) => has(parts, part),
            (Self::Parts(_), None) | (Self::None, _) => false,
        }
    }

    /// Whether they cover everything that `other` does.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match other {
            Self::None => true,
            Self::All => *self == Self::All,
            Self::Parts(parts) => parts.iter().all(|part| self.allows(Some(part))),
        }
    }

    /// What both cover.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, rights) | (rights, Self::All) => rights.clone(),
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Parts(one), Self::Parts(other)) => {
                one.iter().filter(|part| has(other, part)).map(|part| AdminRight(Some(Arc::clone(part)))).collect()
            }
        }
    }

    /// The rights one by one, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = AdminRight> {
        let (whole, parts): (_, &[_]) = match self {
            Self::None => (None, &[]),
            Self::Parts(parts) => (None, parts),
            Self::All => (Some(AdminRight::WHOLE), &[]),
        };
        whole.into_iter().chain(parts.iter().map(|part| AdminRight(Some(Arc::clone(part)))))
    }
}

fn has(parts: &[Arc<str>], part: &str) -> bool {
    parts.binary_search_by(|own| (**own).cmp(part)).is_ok()
}

impl FromIterator<AdminRight> for AdminRights {
    fn from_iter<I: IntoIterator<Item = AdminRight>>(rights: I) -> Self {
        // One right that is no part makes the whole.
        let Some(mut parts) = rights.into_iter().map(|right| right.0).collect::<Option<Vec<_>>>() else { return Self::All };
        parts.sort_unstable();
        parts.dedup();
        if parts.is_empty() { Self::None } else { Self::Parts(parts.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(texts: &[&str]) -> AdminRights {
        texts.iter().map(|text| AdminRight::parse(text).unwrap()).collect()
    }

    #[test]
    fn only_these_are_rights_to_management() {
        for text in ["admin", "admin:clients", "admin:a-1", &format!("admin:{}", "a".repeat(32))] {
            assert_eq!(AdminRight::parse(text).map(|right| right.to_string()).as_deref(), Some(text));
        }
        for text in ["", "Admin", "admin:", "admin:*", "admin:Clients", "admin:a:b", "admin:a_b", "admins", "clients", " admin"] {
            assert_eq!(AdminRight::parse(text), None, "{text}");
        }
        assert_eq!(AdminRight::parse(&format!("admin:{}", "a".repeat(33))), None);
    }

    #[test]
    fn the_whole_covers_its_parts_and_no_parts_cover_the_whole() {
        assert!(rights(&["admin"]).allows(None) && rights(&["admin"]).allows(Some("clients")));
        let parts = rights(&["admin:clients", "admin:acl", "admin:acl"]);
        assert!(parts.allows(Some("acl")) && parts.allows(Some("clients")));
        assert!(!parts.allows(None) && !parts.allows(Some("billing")) && !parts.allows(Some("")));
        assert!(!rights(&[]).allows(None) && !rights(&[]).allows(Some("acl")));
        assert_eq!(rights(&["admin:acl", "admin"]), AdminRights::All);
        assert_eq!(parts.iter().map(|right| right.to_string()).collect::<Vec<_>>(), ["admin:acl", "admin:clients"]);
    }

    #[test]
    fn what_is_covered_by_both_and_by_which() {
        let sets = [rights(&[]), rights(&["admin:a"]), rights(&["admin:b"]), rights(&["admin:a", "admin:b"]), rights(&["admin"])];
        let asked = [None, Some("a"), Some("b"), Some("c")];
        for (one, other) in sets.iter().flat_map(|one| sets.iter().map(move |other| (one, other))) {
            let both = one.intersect(other);
            for part in asked {
                assert_eq!(both.allows(part), one.allows(part) && other.allows(part), "{one:?} and {other:?} of {part:?}");
            }
            let covers = asked.iter().all(|part| one.allows(*part) || !other.allows(*part));
            assert_eq!(one.contains(other), covers, "{one:?} and {other:?}");
        }
    }
}
