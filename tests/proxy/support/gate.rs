//! The real program, started on free ports that it tells in its log.

use std::{
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    sync::Notify,
};

use super::{
    client::Client,
    config::{Setup, keys_text},
    metrics::Metrics,
    within,
};

/// What the program wrote so far to one of its outputs.
#[derive(Clone, Default)]
pub struct Output {
    state: Arc<Mutex<Written>>,
    grown: Arc<Notify>,
}

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ended: bool,
}

impl Output {
    fn read(from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let this = Self::default();
        let (output, mut from) = (this.clone(), from);
        tokio::spawn(async move {
            let mut buffer = Vec::new();
            while from.read_buf(&mut buffer).await.is_ok_and(|length| length > 0) {
                output.state.lock().bytes.append(&mut buffer);
                output.grown.notify_waiters();
            }
            output.state.lock().ended = true;
            output.grown.notify_waiters();
        });
        this
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.state.lock().bytes).into_owned()
    }

    /// All of it, once the program has closed it.
    pub async fn whole(&self) -> String {
        let ended = async {
            loop {
                let grown = self.grown.notified();
                if self.state.lock().ended {
                    return self.text();
                }
                grown.await;
            }
        };
        within("the last output", ended).await
    }

    /// What `find` finds in the lines so far, as soon as it does.
    async fn find<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        loop {
            let grown = self.grown.notified();
            if let Some(found) = self.text().lines().find_map(&mut find) {
                return found;
            }
            grown.await;
        }
    }
}

/// A process of the program, killed by its id when dropped.
pub struct Program {
    child: Child,
    pub stdout: Output,
    pub stderr: Output,
}

impl Program {
    /// Starts `keygate` with these arguments.
    pub fn start(arguments: &[&str], folder: &Path, environment: &[(String, String)]) -> Self {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keygate"));
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("KEYGATE_CONFIG").env_remove("KEYGATE_SOCKET").env_remove("RUST_LOG");
        command.envs(environment.iter().map(|(name, value)| (name, value))).process_group(0);
        let mut child = Command::from(command).kill_on_drop(true).spawn().expect("the program starts");
        let stdout = Output::read(child.stdout.take().expect("a pipe"));
        let stderr = Output::read(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the program runs")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a signal is sent");
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for the `nth` diagnostic whose message begins like this.
    pub async fn told(&self, message: &str, nth: usize) -> Value {
        within(message, async {
            loop {
                let grown = self.stderr.grown.notified();
                let text = self.stderr.text();
                let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let mut same = lines.filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
                if let Some(line) = same.nth(nth - 1) {
                    return line;
                }
                grown.await;
            }
        })
        .await
    }

    /// Waits until it says where it listens: for clients, and for the status.
    async fn listens(&mut self) -> (Vec<SocketAddr>, SocketAddr) {
        let listening = self.stderr.clone();
        let told = async {
            loop {
                let grown = listening.grown.notified();
                let (mut addresses, mut status) = (Vec::new(), None);
                for line in listening.text().lines() {
                    let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                    let address = || line["address"].as_str().and_then(|text| text.parse().ok());
                    match line["message"].as_str() {
                        Some("gate listens") => addresses.extend(address()),
                        Some("status listens") => status = address(),
                        Some("control socket") => return (addresses, status.expect("a status listener")),
                        _ => {}
                    }
                }
                grown.await;
            }
        };
        tokio::select! {
            listening = within("the gate to listen", told) => listening,
            exit = self.child.wait() => panic!("the gate ended: {exit:?}\n{}", listening.text()),
        }
    }

    /// The exit code, once there is one; `None` where a signal ended it.
    pub async fn exit(&mut self) -> Option<i32> {
        within("the program to exit", self.child.wait()).await.expect("a child").code()
    }
}

/// A gate that listens.
pub struct Gate {
    pub program: Program,
    pub folder: TempDir,
    /// Where clients connect, listener by listener.
    pub addresses: Vec<SocketAddr>,
    pub status: SocketAddr,
}

impl Gate {
    /// Starts a gate and waits until it says where it listens.
    pub async fn start(setup: Setup) -> Self {
        let folder = tempfile::Builder::new().prefix("keygate-test-").tempdir().expect("a folder");
        std::fs::write(folder.path().join("keys.yaml"), setup.keys_text()).expect("a file");
        Self::start_in(folder, setup).await
    }

    /// Starts a gate in a folder that already holds its keys.
    pub async fn start_in(folder: TempDir, setup: Setup) -> Self {
        std::fs::write(folder.path().join("keygate.yaml"), setup.text()).expect("a file");
        Self::start_by(folder, &setup).await
    }

    /// Starts a gate in a folder that already holds its configuration and its keys.
    pub async fn start_by(folder: TempDir, setup: &Setup) -> Self {
        let config = folder.path().join("keygate.yaml");
        let config = config.to_str().expect("a path of text");
        let mut program = Program::start(&["serve", "-c", config], folder.path(), &setup.environment);
        let (addresses, status) = program.listens().await;
        Self { program, folder, addresses, status }
    }

    /// Starts another process of the same configuration, which is to take this one's place.
    pub fn successor(&self) -> Program {
        self.successor_with(&[])
    }

    fn successor_with(&self, environment: &[(String, String)]) -> Program {
        let config = self.path("keygate.yaml");
        Program::start(&["serve", "-c", config.to_str().expect("a path of text"), "--upgrade"], self.folder.path(), environment)
    }

    /// Puts another process in the place of this one, and waits until it listens. Returns the one that is replaced.
    pub async fn upgrade(&mut self) -> Program {
        self.upgrade_with(&[]).await
    }

    /// The same, for a configuration that takes something from the environment.
    pub async fn upgrade_with(&mut self, environment: &[(String, String)]) -> Program {
        let mut new = self.successor_with(environment);
        (self.addresses, self.status) = new.listens().await;
        std::mem::replace(&mut self.program, new)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// A new connection.
    pub async fn connect(&self) -> Client {
        Client::to(self.address()).await
    }

    /// A file beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the key file as an editor does: by another file of the same name.
    pub fn replace_keys(&self, keys: &[String]) {
        self.replace("keys.yaml", &keys_text(keys));
    }

    /// Replaces a file by another of the same name.
    pub fn replace(&self, name: &str, text: &str) {
        let new = self.path(&format!(".{name}.new"));
        std::fs::write(&new, text).expect("a file");
        std::fs::rename(new, self.path(name)).expect("a rename");
    }

    /// Waits for the line that tells of a reload, `nth` from the first (1). Returns it.
    pub async fn reloaded(&self, nth: usize) -> Value {
        self.told("reloaded", nth).await
    }

    /// Waits for the `nth` diagnostic whose message begins like this.
    pub async fn told(&self, message: &str, nth: usize) -> Value {
        self.program.told(message, nth).await
    }

    /// The first line of the access log about this path.
    pub async fn logged(&self, path: &str) -> Value {
        let line = |line: &str| serde_json::from_str(line).ok().filter(|value: &Value| value["path"] == path);
        within("a line of the access log", self.program.stdout.find(line)).await
    }

    /// Asks the status listener.
    pub async fn status(&self, path: &str) -> super::Answer {
        let mut client = Client::to(self.status).await;
        client.ask(format!("GET {path} HTTP/1.1\r\nHost: status\r\nConnection: close\r\n\r\n")).await
    }

    /// All metrics.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.status("/metrics").await;
        assert_eq!(answer.status, 200);
        Metrics::read(answer.text())
    }

    /// Waits until the metrics are as `look` wants them.
    #[track_caller]
    pub fn metric<T>(&self, what: &str, mut look: impl FnMut(&Metrics) -> Option<T>) -> impl Future<Output = T> {
        within(what, async move {
            loop {
                if let Some(found) = look(&self.metrics().await) {
                    return found;
                }
            }
        })
    }

    /// Waits until a series has a value.
    #[track_caller]
    pub fn series_is(&self, series: &str, value: f64) -> impl Future<Output = ()> {
        let what = format!("{series} to be {value}");
        async move {
            let same = |metrics: &Metrics| (metrics.value(series) == Some(value)).then_some(());
            self.metric(&what, same).await;
        }
    }

    /// Runs another command of the program against this gate; its exit code, standard output and standard error.
    pub async fn command(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let socket = self.path("control.sock");
        let mut all = arguments.to_vec();
        all.extend(["--socket", socket.to_str().expect("a path of text")]);
        let mut program = Program::start(&all, self.folder.path(), &[]);
        let code = program.exit().await;
        (code, program.stdout.whole().await, program.stderr.whole().await)
    }
}
