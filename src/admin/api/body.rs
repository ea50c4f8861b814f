//! The body of a request: JSON, of a bounded size, in a bounded time, with one reading, and only with fields that are known.

use std::time::Duration;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, Method, header::CONTENT_LENGTH, header::CONTENT_TYPE},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    problem::{Kind, Problem},
    strict::Strict,
};

/// The largest body, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body.
pub(super) struct Json<T>(pub T);

/// A body that may be left out: nothing is an empty object.
pub(super) struct Perhaps<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, None).await.map(Self)
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Perhaps<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, Some("{}")).await.map(Self)
    }
}

/// `absent` is what no body stands for.
async fn read<T: DeserializeOwned>(request: Request, absent: Option<&'static str>) -> Result<T, Problem> {
    let is_json = is_json(request.headers(), request.method());
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_BYTES) {
        return Err(Kind::TooLarge.into());
    }
    if is_json == Some(false) {
        return Err(Kind::UnsupportedMediaType.into());
    }
    let bytes = match (arrived(request).await?, absent) {
        (bytes, Some(absent)) if bytes.is_empty() => Bytes::from_static(absent.as_bytes()),
        (bytes, _) => bytes,
    };
    if is_json.is_none() && absent.is_none_or(|absent| bytes != absent) {
        return Err(Kind::UnsupportedMediaType.into());
    }
    let Strict(value) = serde_json::from_slice(&bytes).map_err(|error| Problem::new(Kind::BadBody, error.to_string()))?;
    typed(value)
}

async fn arrived(request: Request) -> Result<Bytes, Problem> {
    match timeout(PATIENCE, to_bytes(request.into_body(), MAX_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(Kind::TooLarge.into()),
        Ok(Err(_)) => Err(Problem::new(Kind::BadRequest, "the body broke off")),
        Err(_) => Err(Kind::Timeout.into()),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .any(|error| error.is::<http_body_util::LengthLimitError>())
}

/// Whether the body is said to be JSON; `None` where nothing is said. Parameters are not looked at: JSON is UTF-8 (RFC 8259 section 8.1).
fn is_json(headers: &HeaderMap, method: &Method) -> Option<bool> {
    let mut said = headers.get_all(CONTENT_TYPE).iter();
    let (first, more) = (said.next()?, said.next());
    let essence = first.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = essence == "application/json" || *method == Method::PATCH && essence == "application/merge-patch+json";
    Some(fits && more.is_none())
}

/// The fields, or what is wrong with the first that is. Values are not repeated: one may be the text of a key.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let said = error.into_inner().to_string();
        let message = match said.split_once(", expected ") {
            Some((wrong, expected)) if wrong.starts_with("invalid") => format!("must be {expected}"),
            _ => said,
        };
        Problem::at(Kind::Invalid, if path == "." { String::new() } else { path }, message)
    })
}
