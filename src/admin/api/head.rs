//! What the head of a request says of a change: who asks, on what condition, and under which name of the request.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{
        HeaderMap, HeaderName,
        header::{IF_MATCH, IF_NONE_MATCH},
        request::Parts,
    },
};

use super::problem::{Kind, Problem};
use crate::admin::{Asked, Caller, word};

/// A request's own name (draft-ietf-httpapi-idempotency-key-header).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is about what an earlier request of this name has done.
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Somebody who makes something.
pub(super) struct Making(pub Asked);

/// Somebody who changes something.
pub(super) struct Changing(pub Asked);

/// Somebody who reads something.
pub(super) struct By(pub Caller);

/// The id in the path.
pub(super) struct Id(pub Box<str>);

impl<S: Sync> FromRequestParts<S> for Making {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(Asked { by: caller(parts)?, if_version: None, once: once(&parts.headers)? }))
    }
}

impl<S: Sync> FromRequestParts<S> for Changing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let if_version = if_match(&parts.headers)?;
        Ok(Self(Asked { by: caller(parts)?, if_version, once: once(&parts.headers)? }))
    }
}

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        caller(parts).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let no_id =
            || Problem::new(Kind::NotFound, "what the path names can be the id of nothing; the lists tell which there are");
        params.ok().as_ref().and_then(id).map(|id| Self(id.into())).ok_or_else(no_id)
    }
}

/// The id in a path, if it is one: what cannot be the id of anything is not repeated, for it may be the text of a key.
pub(super) fn id(params: &RawPathParams) -> Option<&str> {
    let (_, text) = params.iter().find(|(name, _)| *name == "id")?;
    word("id", text).is_ok().then_some(text)
}

/// Whether the reader has what has this `ETag` already (`If-None-Match`; RFC 9110 section 13.1.2).
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// The `ETag` of a version.
pub(super) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn caller(parts: &Parts) -> Result<Caller, Problem> {
    parts.extensions.get().cloned().ok_or_else(|| Kind::Unauthenticated.into())
}

/// The version that `If-Match` asks for; `None` where it asks for none, or for any. A tag that no key ever has matches none.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let mut said = headers.get_all(IF_MATCH).iter();
    let text = match (said.next(), said.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().unwrap_or_default().trim(),
        (Some(_), Some(_)) => "",
    };
    if text == "*" {
        return Ok(None);
    }
    let (weak, tag) = text.strip_prefix("W/").map_or((false, text), |tag| (true, tag));
    let Some(inner) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).filter(|inner| !inner.contains('"')) else {
        return Err(Problem::new(Kind::BadRequest, "`If-Match` must be one entity tag, such as \"7\", or `*`"));
    };
    // Tags are compared as they are written, and a weak one never matches (RFC 9110 section 13.1.1).
    let version = inner.parse().ok().filter(|version| !weak && etag(*version) == tag);
    version.map(Some).ok_or_else(|| Kind::VersionMismatch.into())
}

fn once(headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    let mut said = headers.get_all(IDEMPOTENCY_KEY).iter();
    let fits = |text: &&str| matches!(text.len(), 1..=255) && text.bytes().all(|b| b.is_ascii_graphic());
    match (said.next(), said.next()) {
        (None, _) => Ok(None),
        (Some(only), None) if only.to_str().is_ok_and(|text| fits(&text)) => Ok(only.to_str().ok().map(Box::from)),
        _ => Err(Problem::new(Kind::BadRequest, "`Idempotency-Key` must be 1 to 255 visible ASCII characters")),
    }
}
