//! Health checks: pingora counts what passes and fails in a row, the question is asked here, over connections as streams have them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use pingora::{
    Error, ErrorType, Result,
    lb::{Backend, health_check::HealthCheck},
    protocols::l4::socket::SocketAddr,
};
use tokio::{
    io::AsyncWriteExt as _,
    time::{sleep, timeout},
};

use super::{
    Address, UpstreamStream,
    pool::{Pool, place},
};
use crate::{
    edge::tunnel::{parse_answer, read_answer},
    upstream::HealthChecks,
};

/// How the addresses of an upstream are checked.
pub struct Check {
    upstream: Arc<str>,
    health: HealthChecks,
    addresses: Vec<(SocketAddr, Arc<Address>)>,
}

/// Checks the addresses of `pool` again and again, `interval` after the last answer. Ends only by being aborted.
pub async fn check_for_ever(pool: Arc<Pool>, interval: Duration) {
    loop {
        pool.check().await;
        sleep(interval).await;
    }
}

impl Check {
    /// Checks the `addresses` of `upstream`.
    pub fn new(upstream: &Arc<str>, health: &HealthChecks, addresses: &[Arc<Address>]) -> Self {
        let addresses = addresses.iter().map(|address| (place(address), Arc::clone(address))).collect();
        Self { upstream: Arc::clone(upstream), health: health.clone(), addresses }
    }

    fn address(&self, server: &Backend) -> Option<&Arc<Address>> {
        self.addresses.iter().find(|(place, _)| *place == server.addr).map(|(_, address)| address)
    }

    /// Asks once.
    async fn ask(&self, address: &Address) -> std::result::Result<(), &'static str> {
        let (mut stream, _) = address.connect(b"").await.map_err(|_| "it cannot be connected to")?;
        match &self.health.path {
            None => Ok(()),
            Some(path) => ask_for(path, address, &mut stream).await,
        }
    }
}

async fn ask_for(path: &str, address: &Address, stream: &mut UpstreamStream) -> std::result::Result<(), &'static str> {
    let host = address.authority();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: keygate\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.map_err(|_| "it closes the connection")?;
    stream.flush().await.map_err(|_| "it closes the connection")?;
    let mut answer = Vec::new();
    let end = read_answer(stream, &mut answer).await.map_err(|_| "it gives no answer")?;
    match parse_answer(&answer[..end], |_| false).map(|answered| answered.status) {
        Ok(200..=299) => Ok(()),
        Ok(_) => Err("its answer is no 2xx"),
        Err(_) => Err("it gives no answer"),
    }
}

#[async_trait]
impl HealthCheck for Check {
    async fn check(&self, server: &Backend) -> Result<()> {
        let Some(address) = self.address(server) else { return Ok(()) };
        let asked = timeout(self.health.timeout, self.ask(address)).await.unwrap_or(Err("it takes too long"));
        asked.map_err(|why| Error::explain(ErrorType::Custom("health check"), why))
    }

    async fn health_status_change(&self, server: &Backend, healthy: bool) {
        if let Some(address) = self.address(server) {
            address.health().store(healthy, Ordering::Relaxed);
        }
    }

    /// What pingora's log line begins with.
    fn backend_summary(&self, server: &Backend) -> String {
        let address = self.address(server).map_or("", |address| address.label());
        format!("{address} of {}", self.upstream)
    }

    fn health_threshold(&self, success: bool) -> usize {
        let count = if success { self.health.healthy } else { self.health.unhealthy };
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}
