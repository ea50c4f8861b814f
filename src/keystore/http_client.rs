//! Asking a gate elsewhere, over HTTP/1.1 or HTTPS: what a command asks of its management API, and what a gate that follows another one
//! asks for its keys.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{AUTHORIZATION, HOST},
    uri::Scheme,
};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// How long the other side may take to accept a connection, and TLS with it.
const CONNECT: Duration = Duration::from_secs(5);

/// Somebody to ask.
pub struct HttpClient {
    /// `host:port`, as `Host` has it.
    authority: String,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    /// `Bearer …`; marked as sensitive, so that nothing prints it.
    authorization: Option<HeaderValue>,
}

/// A connection to somebody, for one request.
pub struct Connection<'c> {
    client: &'c HttpClient,
    sender: SendRequest<Full<Bytes>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The address cannot be used; why.
    Address(String),
    /// Nobody is reached there, or not in time.
    Unreachable(String),
}

impl HttpClient {
    /// Asks at the origin of `url` (`http://host:port`, `https://host:port`; a path is not looked at), with a bearer `token`. A certificate
    /// is checked against those that this machine trusts and those in the PEM file `ca`.
    ///
    /// # Errors
    /// If that is no such address, or the token or the certificates cannot be used.
    pub fn new(url: &str, token: Option<&str>, ca: Option<&Path>) -> Result<Self, NoAnswer> {
        let wrong = |why: &str| NoAnswer::Address(format!("`{url}` {why}, such as `https://keys.example.com:9181`"));
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("must begin with `https://` or `http://`")),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(|| wrong("must name a host, and no user"))?;
        let authorization = token.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| NoAnswer::Address("the token holds a character that no token has".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self {
            authority: authority.as_str().to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            tls: secure.then(|| connector(ca)).transpose()?,
            authorization: authorization.transpose()?,
        })
    }

    /// Sends `request`, whose target is a path, on a connection of its own.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, NoAnswer> {
        self.connect().await?.send(request).await
    }

    /// A connection for one request.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self) -> Result<Connection<'_>, NoAnswer> {
        let unreachable = |error: &dyn fmt::Display| NoAnswer::Unreachable(format!("{}: {error}", self.authority));
        let late = |_: Elapsed| NoAnswer::Unreachable(format!("{}: nobody answers", self.authority));
        let connected = timeout(CONNECT, TcpStream::connect((&*self.host, self.port))).await.map_err(late)?;
        let stream = connected.map_err(|error| unreachable(&error))?;
        let _ = stream.set_nodelay(true);
        let sender = match &self.tls {
            None => begun(TokioIo::new(stream)).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(|error| unreachable(&error))?;
                let stream = timeout(CONNECT, tls.connect(name, stream)).await.map_err(late)?;
                begun(TokioIo::new(stream.map_err(|error| unreachable(&error))?)).await
            }
        };
        Ok(Connection { client: self, sender: sender.map_err(|error| unreachable(&error))? })
    }
}

impl Connection<'_> {
    /// Sends `request`, whose target is a path.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(mut self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, NoAnswer> {
        let HttpClient { authority, authorization, .. } = self.client;
        let unreachable = |error: &dyn fmt::Display| NoAnswer::Unreachable(format!("{authority}: {error}"));
        request.headers_mut().insert(HOST, HeaderValue::try_from(&**authority).map_err(|error| unreachable(&error))?);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.sender.send_request(request).await.map_err(|error| unreachable(&error))
    }
}

async fn begun<S>(stream: S) -> hyper::Result<SendRequest<Full<Bytes>>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await?;
    // Ends with the answer's body.
    tokio::spawn(connection);
    Ok(sender)
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, NoAnswer> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca {
        let wrong = |error: &dyn fmt::Display| NoAnswer::Address(format!("{}: {error}", file.display()));
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(why) | Self::Unreachable(why) => f.write_str(why),
        }
    }
}
