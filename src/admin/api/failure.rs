//! What whoever manages keys answers instead of doing it → what the API answers.
//!
//! Whoever asks is told what they can do about it; what only the machine's owner can do something about goes into the log.

use tracing::error;

use super::problem::{Kind, Problem};
use crate::{admin::Trouble, keystore::StoreError};

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Forbidden(why) => Self::new(Kind::Forbidden, why),
            Trouble::Invalid(errors) => Self::of(Kind::Invalid, errors),
            Trouble::ReadOnly(why) => Self::new(Kind::ReadOnly, why),
            Trouble::TrailDiffers(how) => Self::new(Kind::TrailDiffers, how),
            Trouble::Store(error) => error.into(),
            Trouble::Follows => Kind::GateFollows.into(),
            Trouble::Busy(why) => Self::new(Kind::Busy, why).after(10),
            Trouble::Broken(why) => {
                error!(why, "a management call broke off");
                Kind::Broken.into()
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(failure: StoreError) -> Self {
        let told = failure.to_string();
        match failure {
            // Not with the id: somebody may have asked for a key by its text.
            StoreError::NotFound(what) => {
                let kind = what.split(':').next().unwrap_or_default();
                Self::new(Kind::NotFound, format!("there is no {kind} with this id"))
            }
            StoreError::Exists(_) => Self::new(Kind::Exists, told),
            StoreError::SameText(_) => Self::new(Kind::SameText, told),
            StoreError::Changed(_) => Self::new(Kind::VersionMismatch, told),
            StoreError::Refused(why) => why.into(),
            StoreError::Reused => Kind::KeyReused.into(),
            StoreError::Full => Kind::Full.into(),
            StoreError::Corrupt(_) | StoreError::TooNew { .. } => {
                error!(error = told, "the key store cannot be used");
                Kind::StoreDamaged.into()
            }
            StoreError::TooFarBack | StoreError::Io(_) => {
                error!(error = told, "the key store cannot be reached");
                Kind::StoreFailed.into()
            }
        }
    }
}
