//! The control socket's file: where it is, and that only its owner can speak to it.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
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
    place: Arc<Place>,
}

impl ControlSocket {
    /// Binds the socket at `path`, readable and writable by its owner only.
    ///
    /// # Errors
    /// If another gate answers there, or the system refuses; says what to do.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let told = |error| unusable(path, &error);
        if let Some(folder) = path.parent()
            && !folder.exists()
        {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(folder).map_err(told)?;
        }
        if path.exists() {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                let other = format!("control socket {}: another gate answers there; `--upgrade` takes its place", path.display());
                return Err(io::Error::new(io::ErrorKind::AddrInUse, other));
            }
            remove_socket(path)?;
        }
        Self::bind_free(path).map_err(told)
    }

    /// Binds a socket beside the one at `path`, which another gate has and gives up later ([`Place::give_way`]).
    ///
    /// # Errors
    /// If the system refuses; says what to do.
    pub fn bind_beside(path: &Path) -> io::Result<Self> {
        let beside = beside(path, "next");
        if beside.symlink_metadata().is_ok() {
            // Of a process that was to take over, and was killed: there is one at a time.
            remove_socket(&beside)?;
        }
        Self::bind_free(&beside).map_err(|error| unusable(&beside, &error))
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Whether `path` leads to it.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        identity(path).is_ok_and(|identity| identity == self.place.identity)
    }

    /// Gives it this path, in place of whatever is there.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, path: &Path) -> io::Result<()> {
        fs::rename(&*self.place.path.lock(), path)
    }

    /// It was given this path.
    pub fn is_now_at(&self, path: &Path) {
        path.clone_into(&mut self.place.path.lock());
    }

    fn bind_free(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let place = Place { path: Mutex::new(path.to_owned()), identity: identity(path)? };
        Ok(Self { listener, place: Arc::new(place) })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let path = self.place.path.lock();
        // Another process may have cleaned up already, or have bound its own there.
        if self.is_at(&path) {
            let _ = fs::remove_file(&*path);
        }
    }
}

/// Where a control socket is, and which file it is, for the path may come to lead to another.
pub struct Place {
    path: Mutex<PathBuf>,
    identity: (u64, u64),
}

impl Place {
    /// Lets the path lead to the socket that was bound beside ([`ControlSocket::bind_beside`]), with no moment at which it leads
    /// nowhere. Returns where this one is from now on: beside, under the number of this process.
    ///
    /// # Errors
    /// The system's; then nothing has changed.
    pub fn give_way(&self) -> io::Result<PathBuf> {
        let mut path = self.path.lock();
        let aside = beside(&path, &std::process::id().to_string());
        // What a process with this number left behind.
        let _ = fs::remove_file(&aside);
        // Not every file system can; then this one cannot be asked any more.
        let _ = fs::hard_link(&*path, &aside);
        fs::rename(beside(&path, "next"), &*path).inspect_err(|_| _ = fs::remove_file(&aside))?;
        path.clone_from(&aside);
        Ok(aside)
    }
}

fn beside(path: &Path, name: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".");
    beside.push(name);
    beside.into()
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let about = fs::symlink_metadata(path)?;
    Ok((about.dev(), about.ino()))
}

/// Removes what a gate that was killed left behind.
fn remove_socket(path: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(path).map_err(|error| unusable(path, &error))?;
    if !about.file_type().is_socket() {
        let other = format!("control socket {}: a file that is no socket is there already", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, other));
    }
    fs::remove_file(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &io::Error) -> io::Error {
    let advice = "set `control: { socket: … }` to a place that this user can write to";
    io::Error::new(error.kind(), format!("control socket {}: {error}; {advice}", path.display()))
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

    #[tokio::test]
    async fn a_path_is_given_over_and_nobody_removes_what_is_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let old = ControlSocket::bind(&path).unwrap();
        assert!(old.place().give_way().is_err() && old.is_at(&path), "there is nobody to give way to");
        drop(ControlSocket::bind_beside(&path).unwrap());
        let new = ControlSocket::bind_beside(&path).unwrap();
        assert_eq!(fs::metadata(beside(&path, "next")).unwrap().mode() & 0o777, 0o600);
        let aside = old.place().give_way().unwrap();
        assert!(new.is_at(&path) && old.is_at(&aside) && !old.is_at(&path));
        new.is_now_at(&path);
        drop(old);
        assert!(path.exists() && !aside.exists());
        drop(new);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
