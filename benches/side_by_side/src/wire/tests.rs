//! What a client does where the other side does nothing. The clock is stopped, and goes to the next deadline when all wait.

use super::*;
use tokio::net::TcpListener;

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_waited_for_with_a_deadline() -> Result<()> {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut wire = Wire::connect(silent.local_addr()?.port(), None).await?;
    wire.send(b"GET / HTTP/1.1\r\n\r\n").await?;
    let error = wire.head().await.err().context("an answer of nobody")?;
    assert_eq!(error.to_string(), "waited 20s for an answer, in vain");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_waited_for_with_a_deadline() -> Result<()> {
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut wire = Wire::connect(deaf.local_addr()?.port(), None).await?;
    // More than the buffers of two sockets hold.
    let error = wire.send(&vec![0; 64 << 20]).await.err().context("somebody has read")?;
    assert_eq!(error.to_string(), "waited 20s for what was sent to be taken in, in vain");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_handshake_is_waited_for_with_a_deadline() -> Result<()> {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let identity = Identity::generate()?;
    let connecting = Wire::connect(silent.local_addr()?.port(), Some(&identity));
    let error = connecting.await.err().context("a handshake with nobody")?;
    assert_eq!(error.to_string(), "waited 20s for the handshake of TLS, in vain");
    Ok(())
}
