//! The certificate of a run: made for it, presented by every peer, trusted by the load.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What the certificate is good for.
const NAME: &str = "localhost";

#[derive(Clone)]
pub struct Identity {
    certificate: String,
    key: String,
    connector: TlsConnector,
}

impl Identity {
    /// ECDSA over P-256, as certificates are issued today: what a handshake costs is the same for every peer.
    pub fn generate() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(client));
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem(), connector })
    }

    /// Certificate and key, each alone and, as HAProxy wants them, in one file.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let Self { certificate, key, .. } = self;
        fs::write(folder.join("tls.crt"), certificate)?;
        fs::write(folder.join("tls.key"), key)?;
        Ok(fs::write(folder.join("tls.pem"), format!("{certificate}{key}"))?)
    }

    /// Whoever connects by this, and to whom.
    pub fn client(&self) -> (TlsConnector, ServerName<'static>) {
        (self.connector.clone(), ServerName::try_from(NAME).expect("a name"))
    }
}
