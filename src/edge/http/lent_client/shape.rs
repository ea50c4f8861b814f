//! The shape in which pingora takes a connection. Of what it may ask it needs little: the gate keeps its own account of who is at
//! the other end, and of when.

use std::{
    fmt,
    os::fd::{AsFd as _, AsRawFd as _},
    sync::Arc,
};

use async_trait::async_trait;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID, UniqueIDType,
    raw_connect::ProxyDigest,
};
use tokio::io::AsyncWriteExt as _;

use super::LentClient;

/// Says nothing of what flows in it.
impl fmt::Debug for LentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LentClient")
    }
}

#[async_trait]
impl Shutdown for LentClient {
    async fn shutdown(&mut self) {
        // The peer may be gone already, and there is nobody left to tell.
        let _ = self.stream.shutdown().await;
    }
}

impl UniqueID for LentClient {
    fn id(&self) -> UniqueIDType {
        self.stream.get_ref().as_fd().as_raw_fd()
    }
}

impl Ssl for LentClient {}
impl Peek for LentClient {}

impl GetTimingDigest for LentClient {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for LentClient {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for LentClient {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
