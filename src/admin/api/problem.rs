//! Every error of the API, in one table: code, status, title, and the way out. All of them are problem JSON (RFC 9457).
//!
//! Knows nothing of calls. `type` leads to the table itself, which the API serves at `/v1/problems`.

use std::fmt::Write as _;

use axum::{
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{admin::FieldProblem, gate::keys::Refused};

/// Where the table is served.
pub(super) const TABLE_PATH: &str = "/v1/problems";

macro_rules! problems {
    ($($variant:ident { $code:literal, $status:literal, $title:literal, $way_out:literal })+) => {
        /// What went wrong. Closed: a new error is a new row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Kind {
            $(#[doc = $way_out] $variant),+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code),+ } }

            /// The HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),+ } }

            /// What it is, in a sentence.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),+ } }

            /// The way out, for whoever asked.
            pub const fn way_out(self) -> &'static str { match self { $(Self::$variant => $way_out),+ } }
        }
    };
}

problems! {
    BadRequest { "bad_request", 400, "The request cannot be read.", "`detail` says which part of the head is wrong. Nothing was changed." }
    BadQuery { "bad_query", 400, "The query is wrong.", "`errors` names each parameter that is unknown here or has a value that it cannot have." }
    BadBody { "bad_body", 400, "The body is no JSON, or can be read in two ways.", "`detail` says where. A name may stand in an object once." }
    Unauthenticated { "unauthenticated", 401, "A token is needed.", "Send an operator's token, or a secret key with the right `keygate:keys`, as `Authorization: Bearer …`. `keygate admin-token create` makes the first token." }
    InvalidToken { "invalid_token", 401, "The token is not valid.", "It is unknown, revoked, expired or mistyped. An owner can make another." }
    Forbidden { "forbidden", 403, "You may not do this.", "`detail` says who may. The attempt stands in the audit trail." }
    CrossOrigin { "cross_origin", 403, "Pages of other sites may not ask.", "Open the console at this listener's own address. Programs send neither `Origin` nor `Sec-Fetch-Site`." }
    NotFound { "not_found", 404, "There is no such thing.", "`detail` says what there is not. Ids of keys are not their texts." }
    NoRoute { "no_route", 404, "There is nothing at this path.", "`/v1/openapi.json` lists what there is." }
    MethodNotAllowed { "method_not_allowed", 405, "The path has another method.", "`Allow` says which." }
    Timeout { "timeout", 408, "The body did not arrive in time.", "It was given ten seconds. Nothing was changed." }
    Exists { "exists", 409, "There is one already.", "Choose another id." }
    SameText { "same_text", 409, "Another key has this text.", "Every key has a text of its own; rotate the other one, or import it once." }
    KeyRevoked { "key_revoked", 409, "The key is revoked.", "That is for good; create another one." }
    KeyExpired { "key_expired", 409, "The key has expired.", "Give it a later `expires_at` first, or create another one." }
    MomentIsPast { "moment_is_past", 409, "The moment is over already.", "To end a key now, disable or revoke it." }
    TooManyPrevious { "too_many_previous", 409, "Too many earlier secrets are still good.", "Rotate with a grace period of 0 to end them, or wait." }
    ReadOnly { "read_only", 409, "Keys cannot be changed here.", "They come from a file or from another gate; `detail` says where they can be." }
    TrailDiffers { "trail_differs", 409, "The audit trail is not the one that is expected.", "`detail` says how. It was cut short or written anew, or the number and hash in `expect` are of another store." }
    GateFollows { "gate_follows", 409, "The gate follows now.", "Only a gate that has ended can be forgotten, and this one is connected: stop it first." }
    NoGate { "no_gate", 409, "No gate runs here.", "The command works on the store itself; ask a running gate." }
    VersionMismatch { "version_mismatch", 412, "It was changed meanwhile.", "Read it again, and decide again. `If-Match` said another version than it has." }
    TooLarge { "too_large", 413, "The body is too large.", "At most 64 KiB." }
    UnsupportedMediaType { "unsupported_media_type", 415, "The body is not said to be JSON.", "Send `Content-Type: application/json`; for a PATCH, `application/merge-patch+json` will do too." }
    Misdirected { "misdirected", 421, "This listener has another name.", "`Host` must be its address, `localhost`, a loopback address, or a name from `admin.hosts`." }
    Invalid { "invalid", 422, "The fields are wrong.", "`errors` names each field by its path, what is wrong with it, and what would be right." }
    KeyReused { "idempotency_key_reused", 422, "The Idempotency-Key was used for another request.", "Use a new one for a new request." }
    TooManyRefusals { "too_many_refusals", 429, "Too many wrong tokens or refused calls came from this address.", "Wait as long as `Retry-After` says. Meanwhile, what is right and allowed is done all the same." }
    Broken { "broken", 500, "It broke off.", "The gate's log says why." }
    StoreDamaged { "store_damaged", 500, "The key store is damaged.", "The gate's log says what was found. The gate goes on with the keys that it has; restore the store from a copy." }
    StoreFailed { "store_failed", 503, "The key store cannot be read or written now.", "Nothing was changed. The gate's log says why." }
    NotNoted { "not_noted", 503, "The audit trail cannot be written.", "What cannot be remembered is not done. The gate's log says why." }
    Busy { "busy", 503, "There is too much of this at once.", "`detail`, if there is one, says of what; otherwise, too many streams are open. Come back when `Retry-After` says." }
    TimedOut { "timed_out", 503, "It took too long.", "Whether it happened is not known here. Ask again with the same `Idempotency-Key`, or read the key." }
    Full { "full", 507, "The disk is full.", "Nothing was changed, and the gate goes on. Make room and ask again." }
}

/// An error on its way to whoever asked.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldProblem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Marks an answer as a refusal that belongs into the audit trail, and says why it was.
#[derive(Clone)]
pub(super) struct Refusal(pub String);

impl Problem {
    /// With a sentence about this one, which must hold nothing that is secret.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// With what is wrong with each field or parameter.
    pub fn of(kind: Kind, errors: Vec<FieldProblem>) -> Self {
        let told: Vec<_> = errors.iter().map(told).collect();
        Self { errors, ..Self::new(kind, told.join("; ")) }
    }

    /// With what is wrong with one of them.
    pub fn at(kind: Kind, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::of(kind, vec![FieldProblem { path: path.into(), message: message.into() }])
    }

    /// With a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With the challenge of a 401 (RFC 6750 section 3): an `error` only where a token was sent.
    pub fn challenge(self, sent: bool) -> Self {
        let bare = r#"Bearer realm="keygate-admin""#;
        let failed = r#"Bearer realm="keygate-admin", error="invalid_token""#;
        self.with(WWW_AUTHENTICATE, HeaderValue::from_static(if sent { failed } else { bare }))
    }

    /// With the methods that a path has.
    pub fn allow(self, methods: &str) -> Self {
        match HeaderValue::from_str(methods) {
            Ok(value) => self.with(ALLOW, value),
            Err(_) => self,
        }
    }

    /// With the seconds after which it is worth another try.
    pub fn after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        Self::new(kind, kind.way_out())
    }
}

/// What the life of a key does not allow.
impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        let kind = match why {
            Refused::Revoked => Kind::KeyRevoked,
            Refused::Expired => Kind::KeyExpired,
            Refused::Past => Kind::MomentIsPast,
            Refused::Grace => return Self::at(Kind::Invalid, "grace", why.to_string()),
            Refused::TooManyPrevious => Kind::TooManyPrevious,
            Refused::SameText => Kind::SameText,
        };
        Self::new(kind, why.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, errors, headers } = self;
        let mut body = json!({
            "type": format!("{TABLE_PATH}#{}", kind.code()),
            "title": kind.title(),
            "status": kind.status(),
            "detail": detail,
            "code": kind.code(),
        });
        if !errors.is_empty() {
            body["errors"] = json!(errors);
        }
        let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response();
        response.headers_mut().extend(headers);
        if kind == Kind::Forbidden {
            response.extensions_mut().insert(Refusal(detail));
        }
        response
    }
}

/// The table, as it is served: an object of codes.
pub(super) fn table() -> Value {
    let rows = Kind::ALL.iter().map(|kind| {
        let row = json!({ "status": kind.status(), "title": kind.title(), "way_out": kind.way_out() });
        (kind.code().to_owned(), row)
    });
    Value::Object(rows.collect())
}

fn told(error: &FieldProblem) -> String {
    let mut told = String::new();
    let colon = if error.path.is_empty() { "" } else { ": " };
    let _ = write!(told, "{}{colon}{}", error.path, error.message);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_one_of_its_kind() {
        let mut codes: Vec<_> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(
                (400..600).contains(&kind.status()) && kind.title().ends_with('.') && kind.way_out().ends_with('.'),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_a_key_s_life_refuses_has_its_own_name() {
        for why in [Refused::Revoked, Refused::Expired, Refused::Past, Refused::TooManyPrevious, Refused::SameText] {
            assert_eq!(Problem::from(why).kind.code(), why.code());
        }
        assert_eq!(Problem::from(Refused::Grace).errors[0].path, "grace");
    }
}
