//! The side of the process that takes over.

use std::{
    fmt, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{
        Method, Request, StatusCode,
        header::{CONNECTION, HOST, UPGRADE},
    },
};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};

use super::{PROTOCOL, Role, line::Lines};
use crate::{admin::ControlSocket, downstream::ListenAddress};

/// How long the running gate may take for a word.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate that runs, and whose place is to be taken. As long as [`Predecessor::take_over`] has not returned it goes on by itself.
pub struct Predecessor {
    lines: Lines,
    control: PathBuf,
    sockets: Vec<(Role, ListenAddress, OwnedFd)>,
}

/// Why no gate was met.
#[derive(Debug)]
pub enum MeetError {
    /// None runs there.
    Nobody(PathBuf),
    /// One may run there, but does not hand over.
    Refused(String),
}

impl fmt::Display for MeetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(path) => write!(
                f,
                "no gate runs at {}, so there is nothing to take over; start without `--upgrade`, or with `--upgrade=if-running`; if \
                 a gate runs elsewhere, `control: {{ socket: … }}` must be as it is there",
                path.display()
            ),
            Self::Refused(why) => write!(f, "the running gate does not hand over, and goes on: {why}"),
        }
    }
}

impl From<io::Error> for MeetError {
    fn from(error: io::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

impl Predecessor {
    /// Asks the gate whose control socket is at `control` for its sockets.
    ///
    /// # Errors
    /// If there is none, or it does not hand over.
    pub async fn meet(control: &Path) -> Result<Self, MeetError> {
        let stream = UnixStream::connect(control).await.map_err(|error| {
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
                MeetError::Nobody(control.to_owned())
            } else {
                MeetError::Refused(format!("{}: {error}", control.display()))
            }
        })?;
        // Whoever else can bind that path must not get to give us sockets; and what it holds must be ours to hold.
        let (theirs, ours) = (stream.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
        if theirs != ours {
            return Err(MeetError::Refused(format!("it runs as the user {theirs}, and this process as {ours}")));
        }
        let asking = async {
            let mut lines = ask(stream).await?;
            lines.say("sockets").await?;
            let mut sockets = Vec::new();
            loop {
                let line = lines.hear().await?;
                if line == "end" {
                    return Ok::<_, MeetError>((lines, sockets));
                }
                let socket = socket(&line).zip(lines.descriptor());
                let ((role, address), descriptor) = socket.ok_or_else(|| strange(&line))?;
                sockets.push((role, address, descriptor));
            }
        };
        let (lines, sockets) = timeout(PATIENCE, asking).await.map_err(io::Error::from)??;
        Ok(Self { lines, control: control.to_owned(), sockets })
    }

    /// Its socket for this, if it has one that was not taken yet. `address` is what the configuration asks for; where both ask for
    /// any port, it is the one that the gate has.
    pub fn take(&mut self, role: Role, address: &ListenAddress) -> Option<OwnedFd> {
        let same = self.sockets.iter().position(|(is, at, _)| (*is, at) == (role, address))?;
        Some(self.sockets.remove(same).2)
    }

    /// What is blocked, as the text of a state file. From now on the running gate changes it no more.
    ///
    /// # Errors
    /// If it has gone or takes too long.
    pub async fn blocks(&mut self) -> io::Result<String> {
        self.lines.say("prepared").await?;
        let line = timeout(PATIENCE, self.lines.hear()).await??;
        line.strip_prefix("blocks ").map(str::to_owned).ok_or_else(|| strange(&line))
    }

    /// Takes over: from now on the path of the control socket leads to `socket`, and the other one leaves. Returns where it listened
    /// and nobody does any more: its sockets that were not taken.
    ///
    /// # Errors
    /// If the running gate goes on.
    pub async fn take_over(mut self, socket: &ControlSocket) -> io::Result<Vec<ListenAddress>> {
        let answer = async {
            self.lines.say("ready").await?;
            self.lines.hear().await
        };
        match timeout(PATIENCE, answer).await.unwrap_or_else(|late| Err(late.into())) {
            Ok(word) if word == "yours" => {}
            // It has taken the one step that counts, whatever became of it then.
            _ if socket.is_at(&self.control) => {}
            Ok(word) => return Err(strange(&word)),
            // It goes on, and says why in its own log.
            Err(error) if is_served(&self.control).await => return Err(error),
            // It died. The sockets are here.
            Err(_) => socket.rename(&self.control)?,
        }
        socket.is_now_at(&self.control);
        Ok(self.sockets.into_iter().map(|(_, address, _)| address).collect())
    }
}

/// Whether somebody accepts there.
async fn is_served(control: &Path) -> bool {
    UnixStream::connect(control).await.is_ok()
}

/// Makes a connection of the control socket a talk in lines.
async fn ask(stream: UnixStream) -> Result<Lines, MeetError> {
    let failed = |error: &dyn fmt::Display| MeetError::Refused(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
    tokio::spawn(connection.with_upgrades());
    let request = Request::builder().method(Method::POST).uri("/upgrade").header(HOST, "keygate");
    let request = request.header(CONNECTION, "upgrade").header(UPGRADE, PROTOCOL).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|error| failed(&error))?).await.map_err(|error| failed(&error))?;
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::NOT_FOUND => return Err(failed(&"its version has no upgrade; stop it and start this one")),
        _ => {
            let body = answer.into_body().collect().await.map_err(|error| failed(&error))?.to_bytes();
            let said: Value = serde_json::from_slice(&body).unwrap_or_default();
            return Err(failed(&said["error"].as_str().unwrap_or("it does not say why")));
        }
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(|error| failed(&error))?;
    let parts = upgraded.downcast::<TokioIo<UnixStream>>().map_err(|_| failed(&"the connection is of another kind"))?;
    Ok(Lines::new(parts.io.into_inner(), &parts.read_buf))
}

fn socket(line: &str) -> Option<(Role, ListenAddress)> {
    let (role, address) = line.split_once(' ')?;
    Some((Role::of_name(role)?, address.parse().ok()?))
}

fn strange(line: &str) -> io::Error {
    let shown: String = line.chars().take(40).collect();
    io::Error::new(io::ErrorKind::InvalidData, format!("the running gate says `{shown}`, which is not of {PROTOCOL}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
    };

    /// Speaks as a gate does until `ready`, and then leaves the talk; the listener goes on if it is given back.
    async fn mute_at_last(listener: UnixListener, lives: bool) -> Option<UnixListener> {
        let (mut stream, _) = listener.accept().await.unwrap();
        let switching = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n");
        let talk = [("\r\n\r\n", &*switching), ("sockets\n", "end\n"), ("prepared\n", "blocks {}\n"), ("ready\n", "")];
        let mut heard = Vec::new();
        for (word, answer) in talk {
            while !heard.ends_with(word.as_bytes()) {
                assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "{word}");
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        lives.then_some(listener)
    }

    async fn taken_over(control: &Path, lives: bool) -> (io::Result<Vec<ListenAddress>>, ControlSocket) {
        let gate = tokio::spawn(mute_at_last(UnixListener::bind(control).unwrap(), lives));
        let mut predecessor = Predecessor::meet(control).await.unwrap();
        assert!(predecessor.take(Role::Gate, &"unix:/run/gate".parse().unwrap()).is_none());
        let socket = ControlSocket::bind_beside(control).unwrap();
        assert_eq!(predecessor.blocks().await.unwrap(), "{}");
        let (taken, _alive) = tokio::join!(predecessor.take_over(&socket), gate);
        (taken, socket)
    }

    #[tokio::test]
    async fn who_dies_at_the_last_word_is_replaced_and_who_goes_on_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        let (taken, socket) = taken_over(&at("dies"), false).await;
        taken.unwrap();
        assert!(socket.is_at(&at("dies")));
        drop(socket);
        assert!(!at("dies").exists());

        let (taken, socket) = taken_over(&at("lives"), true).await;
        assert!(taken.is_err());
        drop(socket);
        assert!(at("lives").exists(), "nobody removes what is another's");
        assert!(!at("lives.next").exists());
        assert!(matches!(Predecessor::meet(&at("none")).await, Err(MeetError::Nobody(_))));
    }
}
