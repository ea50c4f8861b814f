//! Every way a request can be refused, in one table: reason, status, public code, title, and what to check.
//!
//! The **reason** is for the operator: log, metric, `explain`. The **code** is for the client and says less: an unknown key
//! and a revoked one read alike (RFC 9457 body; RFC 6750 section 3.1), so that nobody can probe which keys exist.

/// The `error` of a `WWW-Authenticate: Bearer` challenge (RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No challenge: a credential would not help.
    None,
    /// A challenge without an `error`: the request held no credential (RFC 6750 section 3).
    Bare,
    /// `error="invalid_token"`.
    InvalidToken,
    /// `error="insufficient_scope"`.
    InsufficientScope,
}

/// Who answers for a refusal: decides whether it is charged to the peer's bucket and whether to come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request is wrong. Charged to the peer, so that guessing is bounded.
    Request,
    /// The client comes too often. Not charged again.
    Pace,
    /// Somebody who runs the gate shut the client out. Not charged: once that is lifted, the client begins anew.
    Operator,
    /// The gate or its backend cannot serve now.
    Service,
}

macro_rules! denials {
    ($($variant:ident { $reason:literal, $status:literal, $code:literal, $challenge:ident, $blame:ident, $title:literal, $check:literal })+) => {
        /// Why a request was refused. Closed: a new reason is a new row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Denial {
            $(#[doc = $check] $variant),+
        }

        impl Denial {
            /// Every denial, in the order in which the gate asks.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The reason for logs, metric labels and `explain`.
            #[must_use]
            pub const fn reason(self) -> &'static str { match self { $(Self::$variant => $reason),+ } }

            /// The HTTP status of the answer.
            #[must_use]
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }

            /// The stable `code` in the problem body.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code),+ } }

            /// The challenge that goes with the status.
            #[must_use]
            pub const fn challenge(self) -> Challenge { match self { $(Self::$variant => Challenge::$challenge),+ } }

            /// Who answers for it.
            #[must_use]
            pub const fn blame(self) -> Blame { match self { $(Self::$variant => Blame::$blame),+ } }

            /// One sentence for the client.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }

            /// Cause and remedy, for the operator.
            #[must_use]
            pub const fn check(self) -> &'static str { match self { $(Self::$variant => $check),+ } }
        }
    };
}

denials! {
    BadRequest { "bad_request", 400, "bad_request", None, Request, "The request can be read in two ways or not at all.",
        "The head or the framing of the body breaks HTTP or leaves room for a second reading: duplicate Host or length, folded lines, encoded slashes, a half WebSocket handshake. The log line names the rule of a head; `docs/strictness.md` lists them all." }
    HeadTooLarge { "head_too_large", 431, "head_too_large", None, Request, "The request head is too large.",
        "More than 16 KiB or 64 headers. Usually cookies of another application on the same host name." }
    HeadTimeout { "head_timeout", 408, "head_timeout", None, Request, "The request head did not arrive in time.",
        "The client sent part of a head and stopped; `timeouts.head` bounds that." }
    PeerBlocked { "peer_blocked", 403, "blocked", None, Operator, "Requests from this address are blocked.",
        "Somebody blocked the address or its network with `keygate block --ip`. `keygate blocks` says since when and why, `keygate unblock` lifts it." }
    NotReady { "not_ready", 503, "not_ready", None, Service, "The key set is not loaded.",
        "The gate has not yet read its keys. `/readyz` says why." }
    KeysStale { "keys_stale", 503, "not_ready", None, Service, "The key set is too old.",
        "The gate follows a manager (`keys.url`) that it has not heard of for `keys.max_stale`, or has never heard of: what was revoked meanwhile is not known here. The log says why; `keygate_keyset_age_seconds` tells for how long." }
    PeerLimited { "peer_limited", 429, "rate_limited", None, Pace, "Too many refused requests from this address.",
        "The peer used up `limits.ip` with requests that were refused. Look for a client with an old key." }
    NoRoute { "no_route", 404, "no_route", None, Request, "There is nothing here.",
        "No entry of `routes` matches host, path and method. `keygate explain` shows which were tried." }
    MissingKey { "missing_key", 401, "missing_key", Bare, Request, "An API key is required.",
        "None of the places named in `credentials` held a key." }
    AmbiguousKey { "ambiguous_key", 400, "ambiguous_key", None, Request, "More than one credential was sent.",
        "Send the key in exactly one place; two are refused even when they are equal." }
    TlsRequired { "tls_required", 401, "tls_required", Bare, Request, "Basic credentials need an encrypted connection.",
        "Basic credentials came in the clear from another machine. Use https, or name the proxy that decrypts in `trusted_proxies`." }
    KeyInCookie { "key_in_cookie", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "The cookie of `credentials.cookie` is for tokens, which this version does not verify yet: a browser would send a key there for any page." }
    MalformedKey { "malformed_key", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "The text has the form of a generated key but its checksum is wrong: a typing or copying error." }
    UnknownKey { "unknown_key", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "No key of the set has this text. Check that the right key file is mounted and was reloaded." }
    KeyBlocked { "key_blocked", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "Somebody blocked the key with `keygate block --key`. `keygate blocks` says since when and why, `keygate unblock` lifts it." }
    KeyRevoked { "key_revoked", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "The key's state is `revoked`." }
    KeyDisabled { "key_disabled", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "The key's state is `disabled`." }
    KeyExpired { "key_expired", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "`expires_at` has passed, or the grace period of a rotated secret." }
    WrongEnvironment { "wrong_environment", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "A test key at a live gate, or the other way round; see `environments`." }
    AddressRefused { "address_refused", 403, "address_refused", None, Request, "This address may not use the API key.",
        "The client's address is not in the key's `ips`. Behind a proxy, the address is the proxy's unless the proxy is trusted." }
    SecretInQuery { "secret_in_query", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "A secret key stood in a URL, where proxies log it. Send it in a header, or set `query_secrets: allow`." }
    SecretInBrowser { "secret_in_browser", 401, "invalid_token", InvalidToken, Request, "The API key is not valid.",
        "A browser sent a secret key: it has leaked into a page. Rotate it and use a publishable key there." }
    OriginMissing { "origin_missing", 403, "origin_refused", None, Request, "This origin may not use the API key.",
        "A publishable key came without an Origin. For native apps set `missing_origin: allow` on the key." }
    OriginRefused { "origin_refused", 403, "origin_refused", None, Request, "This origin may not use the API key.",
        "The Origin is not in the key's `origins`. The log line holds what was sent." }
    NotCapable { "not_capable", 403, "not_capable", InsufficientScope, Request, "The API key may not do this.",
        "The key's `capabilities` do not hold the route's `operation` on the channel that the request names; where it names none, on every channel (with `enforce_inside`, on any). A WebSocket whose messages nobody reads needs every operation." }
    BodyTooLarge { "body_too_large", 413, "body_too_large", None, Request, "The body is too large.",
        "The route reads channels out of bodies, and this one is larger than the 64 KiB that are read." }
    BodyType { "body_type", 415, "unsupported_media_type", None, Request, "The body must be JSON.",
        "The route reads channels out of JSON bodies: `Content-Type: application/json`, in UTF-8, without Content-Encoding." }
    BodyTimeout { "body_timeout", 408, "body_timeout", None, Request, "The body did not arrive in time.",
        "The route reads channels out of bodies, and the client did not send its body within `timeouts.head`." }
    BodyUnreadable { "body_unreadable", 400, "body_unreadable", None, Request, "The body is not valid JSON.",
        "The route reads channels out of JSON bodies, and this is none: one value in UTF-8 without a byte order mark." }
    ChannelMissing { "channel_missing", 400, "channel_missing", None, Request, "The request names no channel.",
        "The route's `channel` says where the channel stands, and there is none, or not in every part of a batch." }
    ChannelAmbiguous { "channel_ambiguous", 400, "channel_ambiguous", None, Request, "The request names its channel in two ways.",
        "The channel stands there twice, or in a second spelling that a backend might take for the first." }
    ChannelInvalid { "channel_invalid", 400, "channel_invalid", None, Request, "The request names a channel that cannot be one.",
        "A channel is 1 to 512 bytes of text without control characters, that does not begin with `[`, has no white space at its ends and is encoded once." }
    KeyConnections { "key_connections", 429, "too_many_connections", None, Pace, "Too many open connections.",
        "The key has as many streams open as its `limits.connections` allows." }
    QuotaExceeded { "quota_exceeded", 429, "quota_exceeded", None, Pace, "The quota of requests is used up.",
        "The key's quota for this day or this month (UTC) is used up; `violated-policies` names which, `Retry-After` says when it is full again. See `limits.quota` of the key and `limits.key.quota`." }
    RateLimited { "rate_limited", 429, "rate_limited", None, Pace, "Too many requests.",
        "The key's rate is used up. `Retry-After` says when the next request passes." }
    PeerConnections { "peer_connections", 429, "too_many_connections", None, Pace, "Too many open connections.",
        "The address has as many connections open as `limits.ip.connections` allows." }
    GateConnections { "gate_connections", 503, "overloaded", None, Service, "The gate is at its limit of connections.",
        "All of `limits.connections` are open. Raise it (and the descriptor limit) or add gates." }
    Draining { "draining", 503, "draining", None, Service, "The gate is shutting down; connect again.",
        "The process received SIGTERM or `keygate drain`; another instance takes new streams." }
    UpstreamUnreachable { "upstream_unreachable", 502, "upstream_unreachable", None, Service, "The backend cannot be reached.",
        "Connecting to the upstream failed, at each of its addresses, or it closed without an answer. Is it running, where the configuration says?" }
    UpstreamProtocol { "upstream_protocol", 502, "upstream_protocol", None, Service, "The backend gave an answer that is not valid.",
        "The backend's answer broke HTTP, or its 101 lacked the right Sec-WebSocket-Accept." }
    UpstreamTimeout { "upstream_timeout", 504, "upstream_timeout", None, Service, "The backend did not answer in time.",
        "Connecting took longer than `timeouts.connect`, or the answer longer than `timeouts.upstream_head`, or what the upstream's own \
         `timeouts` say." }
}

impl Denial {
    /// Whether [`Mode::Report`](super::policy::Mode) can let a request pass all the same. Never where there is no key set: then nobody
    /// knows what would have been refused. And never what is blocked: an incident outranks a trial.
    #[must_use]
    pub fn can_be_reported(self) -> bool {
        !matches!(self, Self::NotReady | Self::KeysStale | Self::PeerBlocked | Self::KeyBlocked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn reasons_are_unique_and_label_like() {
        let reasons: HashSet<_> = Denial::ALL.iter().map(|d| d.reason()).collect();
        assert_eq!(reasons.len(), Denial::ALL.len());
        assert!(reasons.iter().all(|r| r.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn a_client_cannot_tell_why_its_key_is_invalid() {
        let told: HashSet<_> = Denial::ALL
            .iter()
            .filter(|d| d.code() == "invalid_token")
            .map(|d| (d.status(), d.title(), d.challenge() == Challenge::InvalidToken))
            .collect();
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn every_401_challenges_and_only_they_and_scope_do() {
        for &denial in Denial::ALL {
            let challenges = denial.challenge() != Challenge::None;
            assert_eq!(challenges, denial.status() == 401 || denial == Denial::NotCapable, "{denial:?}");
        }
    }
}
