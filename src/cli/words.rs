//! Words that options can have, as the configuration and the management API have them.

use crate::{
    gate::{
        credential::{Environment, Kind},
        keys::State,
    },
    keystore::Role,
};

/// Kinds of keys.
pub(super) const KINDS: [&str; 2] = [Kind::Publishable.name(), Kind::Secret.name()];
/// Environments of keys.
pub(super) const ENVIRONMENTS: [&str; 2] = [Environment::Live.name(), Environment::Test.name()];
/// States of keys.
pub(super) const STATES: [&str; 3] = [State::Active.name(), State::Disabled.name(), State::Revoked.name()];
/// Roles of operators.
pub(super) const ROLES: [&str; 4] = [Role::Gate.name(), Role::Viewer.name(), Role::Operator.name(), Role::Owner.name()];
