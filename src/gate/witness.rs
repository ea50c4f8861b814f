//! Watching a decision: how `explain` sees each step without the decision knowing of it.

use super::denial::Denial;

/// One step of a decision, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Peer,
    Route,
    Credential,
    Key,
    Environment,
    Address,
    Browser,
    Origin,
    Operation,
    Limits,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 10] = [
        Self::Peer,
        Self::Route,
        Self::Credential,
        Self::Key,
        Self::Environment,
        Self::Address,
        Self::Browser,
        Self::Origin,
        Self::Operation,
        Self::Limits,
    ];

    /// The step that refuses for this reason; `None` where it is not the decision that does.
    #[must_use]
    pub const fn of(denial: Denial) -> Option<Self> {
        Some(match denial {
            Denial::PeerBlocked | Denial::PeerLimited => Self::Peer,
            Denial::NoRoute => Self::Route,
            Denial::MissingKey | Denial::AmbiguousKey | Denial::TlsRequired | Denial::KeyInCookie => Self::Credential,
            Denial::NotReady
            | Denial::KeysStale
            | Denial::MalformedKey
            | Denial::UnknownKey
            | Denial::KeyBlocked
            | Denial::KeyRevoked
            | Denial::KeyDisabled
            | Denial::KeyExpired => Self::Key,
            Denial::WrongEnvironment => Self::Environment,
            Denial::AddressRefused => Self::Address,
            Denial::SecretInQuery | Denial::SecretInBrowser => Self::Browser,
            Denial::OriginMissing | Denial::OriginRefused => Self::Origin,
            Denial::NotCapable
            | Denial::BodyTooLarge
            | Denial::BodyType
            | Denial::BodyTimeout
            | Denial::BodyUnreadable
            | Denial::ChannelMissing
            | Denial::ChannelAmbiguous
            | Denial::ChannelInvalid => Self::Operation,
            Denial::KeyConnections | Denial::QuotaExceeded | Denial::RateLimited => Self::Limits,
            Denial::BadRequest
            | Denial::HeadTooLarge
            | Denial::HeadTimeout
            | Denial::PeerConnections
            | Denial::GateConnections
            | Denial::Draining
            | Denial::UpstreamUnreachable
            | Denial::UpstreamProtocol
            | Denial::UpstreamTimeout => return None,
        })
    }

    /// The name that `explain` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Route => "route",
            Self::Credential => "credential",
            Self::Key => "key",
            Self::Environment => "environment",
            Self::Address => "address",
            Self::Browser => "browser",
            Self::Origin => "origin",
            Self::Operation => "operation",
            Self::Limits => "limits",
        }
    }
}

/// Told of each step that a request passes.
pub trait Witness {
    /// `detail` is asked for only by a witness that wants it; it never holds the text of a key.
    fn passed(&mut self, step: Step, detail: impl FnOnce() -> String);
}

/// Nobody watches: costs nothing.
impl Witness for () {
    fn passed(&mut self, _: Step, _: impl FnOnce() -> String) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_by_their_names_in_the_order_of_the_decision() {
        assert_eq!(
            Step::ALL.map(Step::name),
            ["peer", "route", "credential", "key", "environment", "address", "browser", "origin", "operation", "limits"]
        );
        // Of what has no keys to decide by, the step of the keys is told, early as it comes.
        let has_keys = |denial: &&Denial| !matches!(denial, Denial::NotReady | Denial::KeysStale);
        let said: Vec<_> = Denial::ALL.iter().filter(has_keys).copied().filter_map(Step::of).collect();
        assert!(said.is_sorted_by_key(|step| *step as u8), "the table of denials has another order: {said:?}");
        assert!(Step::ALL.iter().all(|step| said.contains(step)), "a step that refuses nothing");
        assert_eq!([Denial::NotReady, Denial::KeysStale].map(Step::of), [Some(Step::Key); 2]);
    }
}
