//! The files of a demo: a configuration and fresh keys, in a folder that only its user can read and that goes with the demo.

use std::{io, net::SocketAddr, path::PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use tempfile::TempDir;

use crate::gate::credential::{Digester, Environment, Kind, compose};

/// Where the demo's parts are.
pub struct Addresses {
    /// 0 is any.
    pub gate: u16,
    pub backend: SocketAddr,
    pub page: SocketAddr,
}

/// The folder and the keys in it.
pub struct DemoFiles {
    /// The configuration.
    pub config: PathBuf,
    /// The key file.
    pub keys: PathBuf,
    /// May subscribe, from the page.
    pub publishable_key: String,
    /// May do everything.
    pub secret_key: String,
    _folder: TempDir,
}

impl DemoFiles {
    /// Writes the files. With `quiet`, requests are not logged.
    ///
    /// # Errors
    /// The system's.
    pub fn write(addresses: &Addresses, quiet: bool) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("keygate-demo-").tempdir()?;
        let (config, keys) = (folder.path().join("keygate.yaml"), folder.path().join("keys.yaml"));
        let (publishable_key, secret_key) = (mint(Kind::Publishable)?, mint(Kind::Secret)?);
        std::fs::write(&config, configuration(addresses, quiet))?;
        std::fs::write(&keys, key_file(addresses, &publishable_key, &secret_key))?;
        Ok(Self { config, keys, publishable_key, secret_key, _folder: folder })
    }
}

fn configuration(addresses: &Addresses, quiet: bool) -> String {
    let access = if quiet { "off" } else { "all" };
    let Addresses { gate, backend, .. } = addresses;
    format!(
        "listeners: [{{ address: '127.0.0.1:{gate}' }}]
upstream: {backend}
environments: [live]
keys: {{ file: keys.yaml }}
credentials: {{ header: x-api-key, bearer: true, query: [key], websocket_protocol: true }}
routes:
  - {{ name: publish, match: {{ path: /realtime, methods: [POST] }}, operation: publish }}
  - {{ name: socket, match: {{ path: /connection/** }}, operation: subscribe, enforce_inside: backend }}
  - {{ name: events, match: {{ path: /events, methods: [GET] }}, operation: subscribe }}
  - {{ name: echo, match: {{ path: /echo }}, operation: any, enforce_inside: backend }}
  - {{ name: inspect, match: {{ path: /inspect }}, operation: any }}
limits: {{ key: {{ rate: 20/s, burst: 40, connections: 100 }} }}
log: {{ access: {access}, format: text }}
status: {{ address: '127.0.0.1:0' }}
control: {{ socket: control.sock }}
"
    )
}

fn key_file(addresses: &Addresses, publishable: &str, secret: &str) -> String {
    let digest = Digester::Sha256.stored(secret);
    let page = addresses.page;
    format!(
        "keys:
  - id: web
    app: demo
    name: The page
    kind: publishable
    environment: live
    key: {publishable}
    origins: ['http://{page}']
    capabilities: {{ '*': [subscribe] }}
  - id: server
    app: demo
    name: A server
    kind: secret
    environment: live
    digest: {digest}
"
    )
}

fn mint(kind: Kind) -> io::Result<String> {
    // A third more than is used: some bytes are passed over so that every digit is equally likely.
    let mut random = [0; 64];
    SystemRandom::new().fill(&mut random).map_err(|_| io::Error::other("the system gives no randomness"))?;
    compose(None, kind, Environment::Live, random).ok_or_else(|| io::Error::other("too little randomness"))
}
