//! A manager, and gates that follow it.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;

use super::{
    support::{Backend, Client, Gate, Setup, WebSocket, until},
    wire::{State, Wire},
};

/// A manager with an application, a backend, and what gates need to follow.
pub struct World {
    pub backend: Backend,
    pub manager: Gate,
    pub wire: Wire,
    /// An owner's.
    owner: String,
    token: String,
    verify: String,
}

/// A gate that follows.
pub struct Follower {
    pub gate: Gate,
    pub setup: Setup,
}

fn manager_setup(backend: &Backend) -> Setup {
    Setup {
        place: "{ sqlite: keygate.db }".to_owned(),
        more: "admin: { address: '127.0.0.1:0' }".to_owned(),
        ..Setup::before(backend.address)
    }
}

async fn admin_of(gate: &Gate) -> SocketAddr {
    gate.told("admin listens", 1).await["address"].as_str().and_then(|text| text.parse().ok()).expect("an address")
}

impl World {
    pub async fn start() -> Self {
        let backend = Backend::realtime().await;
        let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
        let setup = manager_setup(&backend);
        std::fs::write(folder.path().join("keygate.yaml"), setup.text()).expect("a file");
        let config = folder.path().join("keygate.yaml").display().to_string();
        let made = ["admin-token", "create", "--name", "first", "-c", &config];
        let mut program = super::support::Program::start(&made, folder.path(), &[]);
        assert_eq!(program.exit().await, Some(0), "{}", program.stderr.whole().await);
        let owner = program.stdout.whole().await.trim().to_owned();
        let manager = Gate::start_by(folder, &setup).await;
        let wire = Wire::to(admin_of(&manager).await).await;
        let mut world = Self { backend, manager, wire, owner, token: String::new(), verify: String::new() };
        world.does(&["apps", "create", "demo", "--origin", "https://app.example.com"]).await;
        world.token = world.does(&["admin-token", "create", "--name", "edge", "--role", "gate"]).await.trim().to_owned();
        world.verify = world.does(&["gates", "verify-key"]).await.trim().to_owned();
        world
    }

    /// What a command prints that must work, at the manager.
    pub async fn does(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.manager.command(arguments).await;
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        out
    }

    /// The same as JSON.
    pub async fn says(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.does(&[arguments, &["-o", "json"]].concat()).await).expect("JSON")
    }

    /// A new secret key that may do everything: its id and its text.
    pub async fn new_key(&self) -> (String, String) {
        let made = self.says(&["keys", "create", "--app", "demo", "--kind", "secret"]).await;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&made["key"]["id"]), text(&made["secret"]))
    }

    /// One that all these gates let in.
    pub async fn new_key_at(&self, gates: &[&Follower]) -> (String, String) {
        let (id, key) = self.new_key().await;
        for gate in gates {
            gate.comes_to(&key, 200).await;
        }
        (id, key)
    }

    /// Revokes a key; the exit code and the receipt.
    pub async fn revoke(&self, id: &str, wait: &str) -> (Option<i32>, Value) {
        let (code, out, error) = self.manager.command(&["keys", "revoke", id, "--yes", "--wait", wait, "-o", "json"]).await;
        let said: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {error}"));
        (code, said)
    }

    /// What the manager's API says. A process that is being replaced may close a connection that has not asked yet: then it is asked again.
    pub async fn api(&self, target: &str) -> Value {
        until("an answer of the API", || self.try_api(target)).await
    }

    async fn try_api(&self, target: &str) -> Option<Value> {
        let address = admin_of(&self.manager).await;
        let head = format!("Host: {address}\r\nAuthorization: Bearer {}\r\nConnection: close", self.owner);
        let mut client = Client::to(address).await;
        client.try_send(format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n")).await.ok()?;
        let answer = client.rest_or_answer().await?;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        Some(serde_json::from_str(answer.text()).expect("JSON"))
    }

    /// A gate that follows, and has come to what the manager has.
    pub async fn follower(&self, max_stale: &str) -> Follower {
        let setup = self.follower_setup(max_stale);
        let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
        let follower = Follower::start(folder, setup).await;
        follower.gate.told("the manager's keys are in force", 1).await;
        follower.is_ready().await;
        follower
    }

    /// The configuration of a gate that follows.
    pub fn follower_setup(&self, max_stale: &str) -> Setup {
        let Self { wire, verify, .. } = self;
        let url = format!("http://{}/v1/snapshot", wire.address);
        Setup {
            place: format!(
                "{{ url: '{url}', token: {{ env: FOLLOW_TOKEN }}, verify: '{verify}', cache: cache.db, name: edge, max_stale: {max_stale} }}"
            ),
            environment: vec![("FOLLOW_TOKEN".to_owned(), self.token.clone())],
            ..Setup::before(self.backend.address)
        }
    }

    /// Ends the manager as a crash does, does something to its folder, and starts it again behind the same wire.
    pub async fn restart_manager(&mut self, meanwhile: impl FnOnce(&std::path::Path)) {
        self.kill_manager().await;
        meanwhile(self.manager.folder.path());
        self.start_manager().await;
    }

    /// The same, with a command that works on its files meanwhile.
    pub async fn restart_manager_after(&mut self, arguments: &[&str]) {
        self.kill_manager().await;
        self.does_offline(arguments).await;
        self.start_manager().await;
    }

    /// The same, and what the command says as JSON, whose exit code is this.
    pub async fn restart_manager_asking(&mut self, arguments: &[&str], code: i32) -> Value {
        self.kill_manager().await;
        let mut program = super::support::Program::start(arguments, self.manager.folder.path(), &[]);
        assert_eq!(program.exit().await, Some(code), "{arguments:?}: {}", program.stderr.whole().await);
        let said = program.stdout.whole().await;
        self.start_manager().await;
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
    }

    async fn kill_manager(&mut self) {
        self.manager.program.signal(rustix::process::Signal::KILL);
        self.manager.program.exit().await;
    }

    async fn start_manager(&mut self) {
        let folder = std::mem::replace(&mut self.manager.folder, TempDir::new().expect("a folder"));
        self.manager = Gate::start_by(folder, &manager_setup(&self.backend)).await;
    }

    /// A command that works on files, in the manager's folder.
    pub async fn does_offline(&self, arguments: &[&str]) {
        let mut program = super::support::Program::start(arguments, self.manager.folder.path(), &[]);
        assert_eq!(program.exit().await, Some(0), "{arguments:?}: {}", program.stderr.whole().await);
    }

    /// What a wire to this manager is like.
    pub async fn wire_state(&self) -> State {
        State::To(admin_of(&self.manager).await)
    }

    /// What the manager says to a gate that follows from its version on, up to the first change.
    pub async fn recorded_changes(&self) -> Vec<u8> {
        let mut client = self.joined("recorded").await;
        // In one chunk behind the head, its end an empty line.
        let mut bytes = client.read_through(b"signature").await;
        bytes.extend(client.read_through(b"\n\n").await);
        bytes
    }

    /// A gate of its own that has joined the manager under this name, nonce and instance, and is at the version of the first one there.
    pub async fn joined(&self, word: &str) -> Client {
        let version = &self.api("/v1/gates").await["items"][0]["version"];
        let trail = self.api(&format!("/v1/audit?after={}&limit=1", version["sequence"].as_u64().expect("a number") - 1)).await;
        let hash = trail["items"][0]["hash"].as_str().expect("a hash").to_owned();
        let address = admin_of(&self.manager).await;
        let target = format!(
            "/v1/snapshot/events?nonce={word}&instance={word}&name={word}&epoch={}&after={}&hash={hash}&max_stale_ms=60000",
            version["epoch"], version["sequence"]
        );
        let head = format!("Host: {address}\r\nAuthorization: Bearer {}", self.token);
        let mut client = Client::to(address).await;
        client.send(format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n")).await;
        client
    }

    /// What a gate tells the manager, which must take it.
    pub async fn tells(&self, what: &str, said: Value) {
        let (address, body) = (admin_of(&self.manager).await, said.to_string());
        let head = format!(
            "Host: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}",
            self.token,
            body.len()
        );
        let asked = format!("POST /v1/snapshot/{what} HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n{body}");
        let answer = Client::to(address).await.ask(asked).await;
        assert_eq!(answer.status, 204, "{said}: {}", answer.text());
    }

    /// The wire leads to the manager.
    pub async fn mend(&self) {
        self.wire.set(self.wire_state().await);
    }
}

impl Follower {
    pub async fn start(folder: TempDir, setup: Setup) -> Self {
        std::fs::write(folder.path().join("keygate.yaml"), setup.text()).expect("a file");
        Self { gate: Gate::start_by(folder, &setup).await, setup }
    }

    /// Ends it, and starts it again with what it kept.
    pub async fn restart(self, signal: rustix::process::Signal) -> Self {
        self.restart_after(signal, async {}).await
    }

    /// The same, with something done meanwhile.
    pub async fn restart_after(mut self, signal: rustix::process::Signal, meanwhile: impl Future<Output = ()>) -> Self {
        self.gate.program.signal(signal);
        self.gate.program.exit().await;
        meanwhile.await;
        Self::start(self.gate.folder, self.setup).await
    }

    /// The status of the answer to a request with this key.
    pub async fn asks(&self, key: &str) -> u16 {
        let request = format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
        self.gate.connect().await.ask(request).await.status
    }

    /// Waits until requests with this key are answered so. One that is under way when its key ends is cut.
    pub async fn comes_to(&self, key: &str, status: u16) {
        let request = format!("GET /any/1 HTTP/1.1\r\nHost: gate\r\nx-api-key: {key}\r\nConnection: close\r\n\r\n");
        until(&format!("{status}"), || async {
            let mut client = self.gate.connect().await;
            client.send(&request).await;
            client.rest_or_answer().await.is_some_and(|answer| answer.status == status).then_some(())
        })
        .await;
    }

    pub async fn is_ready(&self) {
        until("a gate that is ready", || async { (self.gate.status("/readyz").await.status == 200).then_some(()) }).await;
    }

    /// A live WebSocket of this key.
    pub async fn socket(&self, key: &str) -> WebSocket {
        WebSocket::open(self.gate.connect().await, "/connection/1", key).await
    }
}
