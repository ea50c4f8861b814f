//! Speaking to a running gate's control socket, for the commands of the command line.

use std::path::Path;

use axum::{
    body::Bytes,
    http::{
        Method, Request,
        header::{CONTENT_TYPE, HOST},
    },
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// Why a call came to nothing.
#[derive(Debug)]
pub enum ControlError {
    /// Nobody answers there.
    Unreachable(String),
    /// The gate answered that it will not, and why.
    Refused(String),
}

impl std::fmt::Display for ControlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Refused(why) => f.write_str(why),
        }
    }
}

/// Sends one request to the gate whose control socket is at `path`, with a JSON body where there is one.
///
/// # Errors
/// Why there is no answer, or what the gate said against it.
pub async fn call(path: &Path, method: Method, target: &str, body: Option<&Value>) -> Result<Value, ControlError> {
    let unreachable =
        |error: &dyn std::fmt::Display| ControlError::Unreachable(format!("no gate answers at {}: {error}", path.display()));
    let stream = UnixStream::connect(path).await.map_err(|error| unreachable(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target).header(HOST, "keygate");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(body.map(Value::to_string).map(Bytes::from).unwrap_or_default()));
    let answer = sender.send_request(request.map_err(|error| unreachable(&error))?).await.map_err(|error| unreachable(&error))?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|error| unreachable(&error))?.to_bytes();
    driver.abort();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    let said = value["error"].as_str().map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned);
    Err(ControlError::Refused(said))
}
