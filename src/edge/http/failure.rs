//! An exchange that failed: what the backend did wrong, and what the client is told.

use bytes::Bytes;
use pingora::{Error, ErrorSource, ErrorType, Result, http::ResponseHeader, proxy::Session};

use crate::{
    edge::{answer, exchange::Asked},
    gate::{denial::Denial, limit::Charges},
    telemetry::UpstreamError,
};

/// What the backend did wrong; `None` if it was the client.
#[expect(clippy::wildcard_enum_match_arm, reason = "what pingora may add to its list is a broken answer until told otherwise")]
pub fn upstream_failure(error: &Error) -> Option<UpstreamError> {
    if *error.esource() == ErrorSource::Downstream {
        return None;
    }
    Some(match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => UpstreamError::ConnectTimeout,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::ConnectProxyFailure
        | ErrorType::TLSHandshakeFailure
        | ErrorType::InvalidCert
        | ErrorType::BindError
        | ErrorType::SocketError => UpstreamError::Connect,
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => UpstreamError::HeadTimeout,
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => UpstreamError::Closed,
        _ => UpstreamError::Protocol,
    })
}

/// The gate's own answer, written through pingora's session: it holds the connection.
///
/// # Errors
/// If it could not be written.
pub async fn answer_failure(session: &mut Session, denial: Denial, asked: &Asked) -> Result<()> {
    let body = answer::problem(denial, asked.id.as_str(), &Charges::default());
    let mut header = ResponseHeader::build(denial.status(), None)?;
    header.insert_header("Content-Type", "application/problem+json")?;
    header.insert_header("Content-Length", body.len())?;
    header.insert_header("X-Request-Id", asked.id.as_str())?;
    for (name, value) in asked.cors_headers() {
        header.append_header(name, value)?;
    }
    session.set_keepalive(None);
    session.write_response_header(Box::new(header), false).await?;
    session.write_response_body(Some(Bytes::from(body)), true).await
}
