//! The same calls over the control socket, where nobody is asked for a token, and in this process, where no gate runs.

use std::sync::Arc;

use keygate::admin::{ControlSocket, Managing, offline_routes, serve_control};
use serde_json::json;
use tokio::net::{TcpListener, UnixStream};

use crate::{
    client::Ask,
    fake::{FakeGate, FakeManager},
};

#[tokio::test]
async fn whoever_can_open_the_control_socket_may_do_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let manager: Arc<dyn Managing> = Arc::new(FakeManager::default());
    let socket = ControlSocket::bind(&path).expect("a socket");
    let served = tokio::spawn(serve_control(socket, Arc::new(FakeGate::default()), Some(manager)));
    let ask = async |ask: Ask<'static>| {
        ask.with("connection", "close").over(UnixStream::connect(&path).await.expect("the socket")).await
    };
    let who = ask(Ask::new("GET", "/v1/whoami")).await.json();
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!(who, json!({ "actor": format!("local:{uid}"), "name": format!("local:{uid}"), "role": "owner" }));
    let made = ask(Ask::new("POST", "/v1/operators").json(&json!({ "name": "Bob", "role": "owner" }))).await;
    assert_eq!(made.status, 201);
    assert_eq!(ask(Ask::new("GET", "/blocks")).await.status, 200, "its own requests stay");
    assert_eq!(ask(Ask::new("GET", "/v1/nowhere")).await.code(), "no_route");
    assert_eq!(ask(Ask::new("GET", "/")).await.code(), "no_route", "and the console is for the network");
    served.abort();
}

#[tokio::test]
async fn a_gate_that_manages_no_keys_has_no_such_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let socket = ControlSocket::bind(&path).expect("a socket");
    let served = tokio::spawn(serve_control(socket, Arc::new(FakeGate::default()), None));
    let stream = UnixStream::connect(&path).await.expect("the socket");
    let answer = Ask::new("GET", "/v1/whoami").with("connection", "close").over(stream).await;
    assert_eq!(answer.status, 409);
    assert!(answer.json()["error"].as_str().is_some_and(|told| told.contains("no keys are managed here")), "{answer:?}");
    served.abort();
}

#[tokio::test]
async fn where_no_gate_runs_nothing_is_live() {
    let routes = offline_routes(Arc::new(FakeManager::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move { axum::serve(listener, routes).await });
    assert_eq!(Ask::new("GET", "/v1/keys").send(to).await.status, 200);
    let request = json!({ "method": "GET", "target": "/" });
    for ask in [
        Ask::new("GET", "/v1/connections"),
        Ask::new("POST", "/v1/connections/cut").json(&json!({ "all": true })),
        Ask::new("POST", "/v1/explain").json(&request),
    ] {
        let answer = ask.send(to).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "no_gate"));
    }
    served.abort();
}
