//! The socket's file: who may connect, what it may take the place of, and that it outlives an upgrade and nothing else.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use rustix::process::Signal;

use super::{KEY, LISTENERS, connect, get, setup, socket};
use crate::support::{Backend, Client, Gate, Program, Setup, WebSocket, until, within};

fn mode(gate: &Gate) -> u32 {
    let about = std::fs::symlink_metadata(socket(gate)).unwrap();
    assert!(about.file_type().is_socket());
    about.mode() & 0o777
}

#[tokio::test]
async fn a_file_lets_in_whom_its_mode_says() {
    let backend = Backend::realtime().await;
    assert_eq!(mode(&Gate::start(setup(&backend)).await), 0o660);
    let listeners = LISTENERS.replace("gate.sock'", "gate.sock', mode: '0622'");
    assert_eq!(mode(&Gate::start(Setup { listeners, ..setup(&backend) }).await), 0o622);
}

#[tokio::test]
async fn a_killed_gate_s_file_gives_way_and_nothing_else_does() {
    let backend = Backend::realtime().await;
    let mut gate = Gate::start(setup(&backend)).await;
    // Of another control socket, so that this one alone is in the way.
    let beside = setup(&backend).text().replace("control.sock", "beside.sock").replace("gate.sock", "GATE");
    let start = |name: &str, config: &str| {
        gate.replace(name, config);
        Program::start(&["serve", "-c", gate.path(name).to_str().unwrap()], gate.folder.path(), &[])
    };
    std::fs::write(gate.path("precious.db"), "data").unwrap();
    for (path, why) in
        [("gate.sock", "another process answers there"), ("precious.db", "a file that is no socket is there already")]
    {
        let mut second = start("second.yaml", &beside.replace("GATE", path));
        assert_eq!(second.exit().await, Some(1));
        let told = second.stderr.whole().await;
        assert!(told.contains(&format!("{path}: {why}")), "{told}");
    }
    assert_eq!(std::fs::read_to_string(gate.path("precious.db")).unwrap(), "data");
    assert_eq!(connect(&gate).await.ask(get("/any/", KEY)).await.status, 200);

    gate.program.signal(Signal::KILL);
    gate.program.exit().await;
    assert!(socket(&gate).exists());
    let mut third = Program::start(&["serve", "-c", gate.path("keygate.yaml").to_str().unwrap()], gate.folder.path(), &[]);
    third.told("control socket", 1).await;
    assert_eq!(connect(&gate).await.ask(get("/any/", KEY)).await.status, 200);
    third.signal(Signal::TERM);
    assert_eq!(third.exit().await, Some(0));
    assert!(!socket(&gate).exists());
}

#[tokio::test]
async fn an_upgrade_hands_the_file_over_and_refuses_nobody() {
    let backend = Backend::realtime().await;
    let mut gate = Gate::start(setup(&backend)).await;
    let mut held = WebSocket::open(connect(&gate).await, "/connection/1", "sk_live_server").await;
    let path = socket(&gate);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let asking = tokio::spawn(async move {
        let mut answered = 0;
        while stopped.try_recv().is_err() {
            // A request of its own each time: an idle connection may be left by the gate that goes.
            assert_eq!(Client::unix(&path).await.ask(get("/any/", &format!("{KEY}Connection: close\r\n"))).await.status, 200);
            answered += 1;
        }
        answered
    });
    gate.replace(
        "keygate.yaml",
        &Setup { listeners: LISTENERS.replace("gate.sock'", "gate.sock', mode: '0666'"), ..setup(&backend) }.text(),
    );
    let mut first = gate.upgrade().await;
    held.is_closed_with(1012).await;
    assert_eq!(first.exit().await, Some(0), "{}", first.stderr.text());
    assert_eq!(mode(&gate), 0o666, "it stays, and has its new mode");
    let mut second = gate.upgrade().await;
    assert_eq!(second.exit().await, Some(0));
    let _ = stop.send(());
    assert!(within("the last answer", asking).await.unwrap() > 0);

    // One that cannot start leaves it as it is.
    let text = setup(&backend).text();
    let late = LISTENERS.replace("}]", "}, { address: '127.0.0.1:0', tls: { certificate: none.pem, key: none.pem } }]");
    gate.replace("keygate.yaml", &Setup { listeners: late, ..setup(&backend) }.text());
    assert_eq!(gate.successor().exit().await, Some(1));
    assert_eq!(mode(&gate), 0o666);
    assert_eq!(connect(&gate).await.ask(get("/any/", KEY)).await.status, 200);

    // One that listens there no more cleans up.
    gate.replace("keygate.yaml", &text.replace(", { address: 'unix:gate.sock' }", ""));
    let mut third = gate.upgrade().await;
    assert_eq!(third.exit().await, Some(0));
    let is_gone = || async { (!socket(&gate).exists()).then_some(()) };
    until("the file to go", is_gone).await;
    assert_eq!(gate.connect().await.ask(get("/any/", KEY)).await.status, 200);
}
