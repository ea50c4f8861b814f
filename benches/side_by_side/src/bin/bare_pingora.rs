//! The floor for keygate's HTTP path: pingora's own proxy service with the cheapest check there is.
//!
//! `bare_pingora <port> <backend port>` compares `x-api-key` to one value, answers 401 through
//! `respond_error` otherwise, and forwards the rest, on one thread.

use std::{env, sync::Arc};

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::server::configuration::ServerConf;

const KEY: &[u8] = b"sk_live_abcdefghijklmnop";

struct Gate {
    backend: u16,
}

#[async_trait]
impl ProxyHttp for Gate {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn request_filter(&self, session: &mut Session, _: &mut ()) -> Result<bool> {
        let key = session.req_header().headers.get("x-api-key");
        if key.is_some_and(|key| key.as_bytes() == KEY) {
            return Ok(false);
        }
        session.respond_error(401).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(("127.0.0.1", self.backend), false, String::new())))
    }
}

fn main() {
    let mut ports = env::args().skip(1).map(|port| port.parse::<u16>());
    let (Some(Ok(port)), Some(Ok(backend))) = (ports.next(), ports.next()) else {
        eprintln!("usage: bare_pingora <port> <backend port>");
        std::process::exit(2);
    };

    let conf = ServerConf { threads: 1, upstream_keepalive_pool_size: 256, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), Gate { backend });
    service.add_tcp(&format!("127.0.0.1:{port}"));
    server.add_service(service);
    server.run_forever();
}
