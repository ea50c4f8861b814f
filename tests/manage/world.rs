//! A gate whose keys are in a store, and the commands that manage them.

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Backend, Gate, Program, Setup, WebSocket};

/// A gate that serves a store.
pub struct World {
    pub backend: Backend,
    pub gate: Gate,
}

/// A folder with a configuration of a gate before `backend`, and an empty store.
pub async fn folder(backend: &Backend) -> (TempDir, Setup) {
    let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
    let setup = Setup { place: "{ sqlite: keygate.db }".to_owned(), ..Setup::before(backend.address) };
    std::fs::write(folder.path().join("keygate.yaml"), setup.text()).expect("a file");
    let (code, token, error) = offline(&folder, &["admin-token", "create", "--name", "first"]).await;
    assert_eq!(code, Some(0), "{error}");
    assert!(token.starts_with("keygate_at_") && error.contains("making the key store"), "{token} {error}");
    (folder, setup)
}

/// What a command does that works on the store itself: its exit code, standard output and standard error.
pub async fn offline(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, String, String) {
    let config = folder.path().join("keygate.yaml");
    let all = [arguments, &["-c", config.to_str().expect("a path of text")]].concat();
    let mut program = Program::start(&all, folder.path(), &[]);
    let code = program.exit().await;
    (code, program.stdout.whole().await, program.stderr.whole().await)
}

impl World {
    pub async fn start() -> Self {
        let backend = Backend::realtime().await;
        let (folder, setup) = folder(&backend).await;
        let world = Self { backend, gate: Gate::start_by(folder, &setup).await };
        let made = world.says(&["apps", "create", "demo", "--origin", "https://app.example.com"]).await;
        assert_eq!(made["keys"].as_array().map(Vec::len), Some(2));
        world
    }

    /// What a command prints that must work.
    pub async fn does(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.gate.command(arguments).await;
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        out
    }

    /// The same as JSON.
    pub async fn says(&self, arguments: &[&str]) -> Value {
        let out = self.does(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::from_str(&out).expect("JSON")
    }

    /// A new secret key that may do everything: its id and its text.
    pub async fn new_key(&self, more: &[&str]) -> (String, String) {
        let all = [&["keys", "create", "--app", "demo", "--kind", "secret"], more].concat();
        let made = self.says(&all).await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }

    /// The status of the answer to a request with this key.
    pub async fn asks(&self, key: &str) -> u16 {
        let request = format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
        self.gate.connect().await.ask(request).await.status
    }

    /// A live WebSocket of this key.
    pub async fn socket(&self, key: &str) -> WebSocket {
        WebSocket::open(self.gate.connect().await, "/connection/1", key).await
    }
}
