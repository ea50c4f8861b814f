//! Asking a gate to do something, for the commands of the command line: over its control socket, over the management API of a gate elsewhere,
//! or in this process, on a store that no gate serves.

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
};

use axum::{
    Router,
    body::Body,
    http::{
        HeaderName, HeaderValue, Method, Request, StatusCode,
        header::{CONTENT_TYPE, HOST},
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1, service::Service as _};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::Value;
use tokio::net::UnixStream;

use crate::keystore::HttpClient;

/// A way to whoever can be asked.
pub enum Way {
    /// A running gate's control socket.
    Socket(PathBuf),
    /// The management API of a gate elsewhere.
    Elsewhere(HttpClient),
    /// The management API in this process.
    Here(Router),
}

/// A question.
#[derive(Default)]
pub struct Question<'q> {
    /// A JSON body.
    pub body: Option<&'q Value>,
    /// Further fields of the head.
    pub fields: &'q [(HeaderName, HeaderValue)],
}

/// Why a call came to nothing.
#[derive(Debug)]
pub enum ControlError {
    /// Nobody answers there.
    Unreachable(String),
    /// The gate answered that it will not, and why.
    Refused(StatusCode, String),
}

impl Way {
    /// Asks, and waits for the answer, which is JSON; `null` where it has none.
    ///
    /// # Errors
    /// Why there is no answer, or what was said against it.
    pub async fn ask(&self, method: Method, target: &str, question: Question<'_>) -> Result<Value, ControlError> {
        let (status, body) = self.ask_for_bytes(method, target, question).await?;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(ControlError::Refused(status, said_against(&value, &body))) }
    }

    /// Asks, and waits for the answer, whatever it is.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask_for_bytes(
        &self,
        method: Method,
        target: &str,
        Question { body, fields }: Question<'_>,
    ) -> Result<(StatusCode, Bytes), ControlError> {
        let mut request = Request::builder().method(method).uri(target);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in fields {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.map(Value::to_string).map(Bytes::from).unwrap_or_default()));
        let mut request = request.map_err(|error| ControlError::Unreachable(error.to_string()))?;
        let unreachable = |error: &dyn Display| ControlError::Unreachable(error.to_string());
        match self {
            Self::Socket(path) => {
                let nobody =
                    |error: &dyn Display| ControlError::Unreachable(format!("no gate answers at {}: {error}", path.display()));
                request.headers_mut().insert(HOST, HeaderValue::from_static("keygate"));
                let stream = UnixStream::connect(path).await.map_err(|error| nobody(&error))?;
                let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| nobody(&error))?;
                let driver = tokio::spawn(connection);
                let answer = whole(sender.send_request(request).await.map_err(|error| nobody(&error))?).await;
                driver.abort();
                answer.map_err(|error| nobody(&error))
            }
            Self::Elsewhere(client) => {
                let answer = client.send(request).await.map_err(|error| unreachable(&error))?;
                whole(answer).await.map_err(|error| unreachable(&error))
            }
            Self::Here(router) => {
                let Ok(answer) = TowerToHyperService::new(router.clone()).call(request.map(Body::new)).await;
                let status = answer.status();
                let body = answer.into_body().collect().await.map_err(|error| unreachable(&error))?;
                Ok((status, body.to_bytes()))
            }
        }
    }
}

async fn whole(answer: hyper::Response<Incoming>) -> hyper::Result<(StatusCode, Bytes)> {
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

/// What a refusal says, for people: RFC 9457's `detail`, or its `title`, and each field that is wrong.
fn said_against(value: &Value, body: &[u8]) -> String {
    let text = |name: &str| value[name].as_str();
    let Some(said) = text("error").or_else(|| text("detail")).or_else(|| text("title")) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    let errors = value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut said = said.to_owned();
    for error in errors {
        let (path, message) = (error["path"].as_str().unwrap_or_default(), error["message"].as_str().unwrap_or_default());
        said.push_str(&if path.is_empty() { format!("\n  {message}") } else { format!("\n  {path}: {message}") });
    }
    said
}

impl Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Refused(_, why) => f.write_str(why),
        }
    }
}

/// Asks the gate whose control socket is at `path`, with a JSON body where there is one.
///
/// # Errors
/// Why there is no answer, or what the gate said against it.
pub async fn call(path: &Path, method: Method, target: &str, body: Option<&Value>) -> Result<Value, ControlError> {
    Way::Socket(path.to_owned()).ask(method, target, Question { body, fields: &[] }).await
}
