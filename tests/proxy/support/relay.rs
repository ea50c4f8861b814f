//! A proxy that knows no rule: forwards at once whatever comes. The checks of the rules must find fault with it.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

/// Starts a relay to `backend`, which lives as long as the test's runtime.
pub async fn relay(backend: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut upstream) = TcpStream::connect(backend).await {
                    // Either side may end it as it likes.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                }
            });
        }
    });
    address
}
