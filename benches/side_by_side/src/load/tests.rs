use super::*;

#[tokio::test]
async fn a_stream_that_stays_is_not_waited_for_for_ever() -> Result<()> {
    let backend = &Backend::start()?;
    let target = Target { port: backend.port, origin: false, identity: None };
    let load = Load { target, backend };
    let socket = WebSocket::open(&load.target).await?;
    // From here on the clock goes to the next deadline when there is nothing else to do.
    time::pause();
    let error = load.all_closed().await.err().context("an open socket was overlooked")?;
    assert_eq!(error.to_string(), "1 streams are open to the backend 20s after their clients left");
    time::resume();
    drop(socket);
    load.all_closed().await
}
