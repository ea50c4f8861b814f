//! One peer, started on the proxy's core: waited for, metered, and stopped when dropped.

use std::fs::{self, File};
use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time;

use crate::bench::Plan;
use crate::client::{Client, RIGHT_KEY, Target};
use crate::machine::Cores;
use crate::peers::Peer;
use crate::processes;

const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// No peer takes near as long for one row, unless it goes on and on without ever being silent.
const WORKS_WITHIN: Duration = Duration::from_secs(180);

pub struct Proxy {
    pub target: Target,
    /// The same in TLS; `None` where it does not speak it.
    pub in_tls: Option<Target>,
    child: Child,
    directory: TempDir,
}

impl Proxy {
    /// Started, and answering.
    pub async fn start(peer: &Peer, backend: u16, plan: &Plan, cores: Cores) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let [port, tls, status] = free_ports()?;
        let place = directory.path().to_string_lossy().into_owned();
        let fill = |template: &str| {
            template
                .replace("@PORT@", &port.to_string())
                .replace("@TLS@", &tls.to_string())
                .replace("@BACKEND@", &backend.to_string())
                .replace("@STATUS@", &status.to_string())
                .replace("@DIR@", &place)
        };
        for (name, template) in peer.files {
            fs::write(directory.path().join(name), fill(template))?;
        }
        plan.identity.write(directory.path())?;
        let log = File::create(directory.path().join("log"))?;

        let mut command = Command::new(peer.program);
        command
            .args(peer.arguments.iter().map(|argument| fill(argument)))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = cores
            .for_proxy(|| command.spawn())?
            .with_context(|| format!("starting {} (leave it out with --only)", peer.program))?;

        let target = Target { port, origin: plan.origin, identity: None };
        let in_tls = peer.tls.then(|| Target { port: tls, identity: Some(plan.identity.clone()), ..target.clone() });
        let mut proxy = Self { target, in_tls, child, directory };
        match proxy.answers().await {
            Ok(()) => Ok(proxy),
            Err(error) => Err(proxy.explained(&error)),
        }
    }

    /// Does `work` with it, which must end, and says what the peer printed if it fails.
    pub async fn at<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = time::timeout(WORKS_WITHIN, work).await;
        let done = done.unwrap_or_else(|_| Err(anyhow!("not done within {WORKS_WITHIN:?}")));
        done.map_err(|error| self.explained(&error))
    }

    /// What `work` costs it, in seconds of CPU.
    pub async fn cpu_of<T>(&self, work: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
        let before = processes::cpu_seconds(self.child.id())?;
        let done = work.await?;
        Ok((processes::cpu_seconds(self.child.id())? - before, done))
    }

    /// Its memory in bytes, once it has come to rest.
    pub async fn memory(&self) -> Result<f64> {
        let mut last = processes::memory_bytes(self.child.id())?;
        for _ in 0..20 {
            time::sleep(Duration::from_millis(250)).await;
            let now = processes::memory_bytes(self.child.id())?;
            if (now - last).abs() < 0.002 * last {
                return Ok(now);
            }
            last = now;
        }
        bail!("its memory does not come to rest")
    }

    /// A failure with the end of what the peer printed, without the place it ran in.
    fn explained(&self, error: &Error) -> Error {
        let log = fs::read(self.directory.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).replace(&*self.directory.path().to_string_lossy(), ".");
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(20)..];
        match end {
            [] => anyhow!("{error:#}; it printed nothing"),
            end => anyhow!("{error:#}; it printed:\n{}", end.join("\n")),
        }
    }

    async fn answers(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once, {status}");
            }
            let found = match Client::new(&self.target, RIGHT_KEY).ask().await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => format!("it answers {}", answer.status),
                Err(error) => format!("{error:#}"),
            };
            if started.elapsed() > STARTS_WITHIN {
                bail!("not ready after {STARTS_WITHIN:?}: {found}");
            }
            time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Proxy {
    /// Without grace: nothing is worth a peer's drain, and none may outlive the run.
    fn drop(&mut self) {
        for process in processes::family(self.child.id()) {
            if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                // One that has ended by itself is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// Held together until all are known, so that they differ.
fn free_ports() -> Result<[u16; 3]> {
    let bind = || TcpListener::bind(("127.0.0.1", 0));
    let listeners = [bind()?, bind()?, bind()?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port(), listeners[2].local_addr()?.port()])
}
