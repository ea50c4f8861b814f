//! Whose the keys are, and who manages them.

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Unique.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// When it was made, in Unix milliseconds.
    pub created_at_ms: i64,
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Follows the manager: gets the keys with their digests, and tells what becomes of them. Sees nothing else.
    Gate,
    /// Sees everything but secrets, which nobody sees.
    Viewer,
    /// Manages keys.
    Operator,
    /// Manages operators too.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Gate, Self::Viewer, Self::Operator, Self::Owner];

    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// `gate`, `viewer`, `operator` or `owner`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }
}

/// Somebody who manages keys, by the token that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Unique; stands in the token.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// What they may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// When the token was made, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When it ends; `i64::MAX` is never.
    pub expires_at_ms: i64,
    /// Whether it was revoked, which is for good.
    pub revoked: bool,
}
