//! Why the gate ends a stream: the word for the metric, and the refusal that a client is told.
//!
//! Knows nothing of streams.

use crate::gate::denial::Denial;

/// Why the gate ends a stream. A stream keeps it as its number, in which 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CutReason {
    /// The key or its secret is no longer in the set.
    Removed = 1,
    Revoked,
    Disabled,
    Expired,
    /// Its environment is no longer let in.
    Environment,
    /// It may no longer do what the stream needs.
    Capability,
    /// Somebody asked for it on the control socket.
    Operator,
    /// The gate drains.
    Drain,
    /// The client sent a message where none may pass.
    ClientMessage,
    /// Its key is blocked.
    KeyBlocked,
    /// Its peer is blocked.
    PeerBlocked,
    /// Its key may no longer be used from there.
    Address,
    /// Its key no longer lists its page.
    Origin,
    /// The policy no longer lets in what it asked for.
    Policy,
    /// Nothing flowed in it for too long.
    Idle,
    /// It has lived long enough.
    MaxAge,
    /// Its client did not answer a ping.
    Unanswered,
    /// Its client does not take in what it is sent.
    Stalled,
    /// Its client sent more messages than it or its key may.
    MessageRate,
    /// Its client sent more bytes than it or its key may.
    ByteRate,
    /// Its client sent a message that is larger than one may be.
    MessageTooBig,
    /// A newer stream of its key took its place.
    Evicted,
}

impl CutReason {
    /// Every reason.
    pub const ALL: [Self; 22] = [
        Self::Removed,
        Self::Revoked,
        Self::Disabled,
        Self::Expired,
        Self::Environment,
        Self::Capability,
        Self::Operator,
        Self::Drain,
        Self::ClientMessage,
        Self::KeyBlocked,
        Self::PeerBlocked,
        Self::Address,
        Self::Origin,
        Self::Policy,
        Self::Idle,
        Self::MaxAge,
        Self::Unanswered,
        Self::Stalled,
        Self::MessageRate,
        Self::ByteRate,
        Self::MessageTooBig,
        Self::Evicted,
    ];

    /// The reason whose number this is; 0 is no reason.
    pub(super) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == code)
    }

    /// Whether keys, policy or blocks no longer let the stream in, or its credential has expired.
    #[must_use]
    pub const fn takes_a_right_away(self) -> bool {
        match self {
            Self::Removed
            | Self::Revoked
            | Self::Disabled
            | Self::Expired
            | Self::Environment
            | Self::Capability
            | Self::KeyBlocked
            | Self::PeerBlocked
            | Self::Address
            | Self::Origin
            | Self::Policy => true,
            Self::Operator
            | Self::Drain
            | Self::ClientMessage
            | Self::Idle
            | Self::MaxAge
            | Self::Unanswered
            | Self::Stalled
            | Self::MessageRate
            | Self::ByteRate
            | Self::MessageTooBig
            | Self::Evicted => false,
        }
    }

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Removed => "key_removed",
            Self::Revoked => "key_revoked",
            Self::Disabled => "key_disabled",
            Self::Expired => "key_expired",
            Self::Environment => "wrong_environment",
            Self::Capability => "not_capable",
            Self::Operator => "operator",
            Self::Drain => "drain",
            Self::ClientMessage => "client_message",
            Self::KeyBlocked => "key_blocked",
            Self::PeerBlocked => "peer_blocked",
            Self::Address => "address_refused",
            Self::Origin => "origin_refused",
            Self::Policy => "policy_changed",
            Self::Idle => "idle",
            Self::MaxAge => "max_age",
            Self::Unanswered => "ping_timeout",
            Self::Stalled => "stalled",
            Self::MessageRate => "message_rate",
            Self::ByteRate => "byte_rate",
            Self::MessageTooBig => "message_too_big",
            Self::Evicted => "evicted",
        }
    }
}

impl From<Denial> for CutReason {
    #[expect(clippy::wildcard_enum_match_arm, reason = "`still_stands` gives the reasons above, and whatever a policy refuses")]
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::KeyRevoked => Self::Revoked,
            Denial::KeyDisabled => Self::Disabled,
            Denial::KeyExpired => Self::Expired,
            Denial::WrongEnvironment => Self::Environment,
            Denial::NotCapable => Self::Capability,
            Denial::KeyBlocked => Self::KeyBlocked,
            Denial::PeerBlocked => Self::PeerBlocked,
            Denial::AddressRefused => Self::Address,
            Denial::OriginRefused | Denial::OriginMissing | Denial::SecretInBrowser => Self::Origin,
            Denial::UnknownKey | Denial::NotReady => Self::Removed,
            _ => Self::Policy,
        }
    }
}

/// What a client is told that was not yet told anything when the gate ended its stream.
impl From<CutReason> for Denial {
    fn from(reason: CutReason) -> Self {
        match reason {
            CutReason::Removed => Self::UnknownKey,
            CutReason::Revoked => Self::KeyRevoked,
            CutReason::Disabled => Self::KeyDisabled,
            CutReason::Expired => Self::KeyExpired,
            CutReason::Environment => Self::WrongEnvironment,
            CutReason::Capability | CutReason::ClientMessage => Self::NotCapable,
            // Nothing was taken away from whoever an operator cuts.
            CutReason::Drain | CutReason::Operator => Self::Draining,
            CutReason::KeyBlocked => Self::KeyBlocked,
            CutReason::PeerBlocked => Self::PeerBlocked,
            CutReason::Address => Self::AddressRefused,
            CutReason::Origin => Self::OriginRefused,
            CutReason::Policy => Self::NoRoute,
            // Of streams that are open; whoever waits for the answer of one comes back.
            CutReason::Idle | CutReason::MaxAge | CutReason::Unanswered | CutReason::Stalled => Self::Draining,
            CutReason::MessageRate | CutReason::ByteRate | CutReason::MessageTooBig => Self::Draining,
            CutReason::Evicted => Self::KeyConnections,
        }
    }
}
