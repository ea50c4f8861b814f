//! The control socket's file: where it is, and that only its owner can speak to it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};

/// The socket of a gate whose configuration names none: for root and in containers `/run/keygate/control.sock`, for anyone else in
/// the runtime folder of the session or a private one of their own.
#[must_use]
pub fn default_control_path() -> PathBuf {
    let system = Path::new("/run/keygate");
    let uid = rustix::process::geteuid();
    if uid.is_root() || fs::metadata(system).is_ok_and(|about| about.uid() == uid.as_raw() || about.mode() & 0o002 != 0) {
        return system.join("control.sock");
    }
    let folder = std::env::var_os("XDG_RUNTIME_DIR")
        .map_or_else(|| std::env::temp_dir().join(format!("keygate-{}", uid.as_raw())), |run| PathBuf::from(run).join("keygate"));
    folder.join("control.sock")
}

/// A bound control socket; removes its file when dropped.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket at `path`, readable and writable by its owner only.
    ///
    /// # Errors
    /// If another gate answers there, or the system refuses; says what to do.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let told = |error: io::Error| {
            let advice = "set `control: { socket: … }` to a place that this user can write to";
            io::Error::new(error.kind(), format!("control socket {}: {error}; {advice}", path.display()))
        };
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(folder).map_err(told)?;
        }
        if path.exists() {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                let other = format!("control socket {}: another gate answers there", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, other));
            }
            let about = fs::symlink_metadata(path).map_err(told)?;
            if !about.file_type().is_socket() {
                let other = format!("control socket {}: a file that is no socket is there already", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, other));
            }
            // What a gate that was killed left behind.
            fs::remove_file(path).map_err(told)?;
        }
        let listener = UnixListener::bind(path).map_err(told)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(told)?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Another process may have cleaned up already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Accepts only the process's own user and root: the mode of the file says so too, but a file can be moved.
impl axum::serve::Listener for ControlSocket {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            let own = rustix::process::geteuid().as_raw();
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == own || peer.uid() == 0 => return (stream, address),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "control socket: another user was turned away"),
                Err(error) => tracing::warn!(%error, "control socket: a peer without credentials was turned away"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_private_and_not_taken_from_another_gate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private/control.sock");
        let first = ControlSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        let second = ControlSocket::bind(&path).err().unwrap();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(ControlSocket::bind(&path).is_ok(), "what a killed gate left is replaced");
        let precious = folder.path().join("precious.db");
        fs::write(&precious, "data").unwrap();
        assert_eq!(ControlSocket::bind(&precious).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&precious).unwrap(), "data");
    }
}
