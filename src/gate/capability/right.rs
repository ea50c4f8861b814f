//! The names that stand in the lists of a capability and in the `operation` of a route: one reader for both.

use super::{AdminRight, Operation};

/// What one name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// An operation on channels.
    Operation(Operation),
    /// `*`: every operation on channels.
    Every,
    /// `admin`, or a part of it.
    Admin(AdminRight),
    /// [`Right::KEYS`]: to manage Keygate's own keys. No operation, and no right to a backend's management: nothing else implies it.
    Keys,
}

/// Why a text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightError {
    /// Nothing is called that.
    Unknown,
    /// What stands behind `admin:` is not the name of a part.
    AdminPart,
}

impl Right {
    /// The name of the right to manage Keygate's own keys.
    pub const KEYS: &str = "keygate:keys";

    /// Reads a name.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, RightError> {
        if text == "*" {
            return Ok(Self::Every);
        }
        if text == Self::KEYS {
            return Ok(Self::Keys);
        }
        if let Some(operation) = Operation::from_name(text) {
            return Ok(Self::Operation(operation));
        }
        let error = if text.starts_with("admin:") { RightError::AdminPart } else { RightError::Unknown };
        AdminRight::parse(text).map(Self::Admin).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_right() {
        for &operation in Operation::ALL {
            assert_eq!(Right::parse(operation.name()), Ok(Right::Operation(operation)));
        }
        assert_eq!(Right::parse("*"), Ok(Right::Every));
        assert_eq!(Right::parse("admin"), Ok(Right::Admin(AdminRight::WHOLE)));
        assert_eq!(Right::parse("keygate:keys"), Ok(Right::Keys));
        assert!(matches!(Right::parse("admin:clients"), Ok(Right::Admin(right)) if right.part() == Some("clients")));
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "any",
            "Publish",
            "publish ",
            "publish_",
            "**",
            "administer",
            "keygate",
            "keygate:",
            "keygate:*",
            "keygate:Keys",
            "keys",
        ] {
            assert_eq!(Right::parse(text), Err(RightError::Unknown), "{text}");
        }
        for text in ["admin:", "admin:*", "admin:Acl"] {
            assert_eq!(Right::parse(text), Err(RightError::AdminPart), "{text}");
        }
    }
}
