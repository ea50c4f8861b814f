//! A listener with the API on it, and what is behind.

use std::{net::SocketAddr, sync::Arc};

use keygate::admin::{Admin, Hosts, Managing, serve_admin};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot};
use tokio_rustls::TlsAcceptor;

use crate::{
    client::{Answer, Ask},
    fake::{FakeGate, FakeManager},
};

pub struct World {
    pub address: SocketAddr,
    pub manager: Arc<FakeManager>,
    pub gate: Arc<FakeGate>,
    end: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(None).await
    }

    pub async fn with(tls: Option<TlsAcceptor>) -> Self {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
        let address = listener.local_addr().expect("an address");
        let (manager, gate) = (Arc::new(FakeManager::default()), Arc::new(FakeGate::default()));
        let hosts: Hosts = [Box::from("admin.example.com")].into_iter().collect();
        let managing: Arc<dyn Managing> = manager.clone();
        let admin = Admin { manager: managing, gate: gate.clone(), hosts, tls };
        let (end, ended) = oneshot::channel();
        let served = tokio::spawn(serve_admin(listener, admin, async move { drop(ended.await) }));
        Self { address, manager, gate, end: Some(end), served }
    }

    /// Ends the listener, and waits for that.
    pub async fn end(mut self) {
        drop(self.end.take());
        (&mut self.served).await.expect("no panic").expect("an end");
    }

    pub async fn get(&self, target: &str) -> Answer {
        Ask::new("GET", target).token("owner").send(self.address).await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        Ask::new("POST", target).token("owner").json(body).send(self.address).await
    }
}
