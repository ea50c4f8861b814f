//! The file of a Unix socket that clients connect to: who may, and who removes it.
//!
//! Knows nothing of what is said over the socket.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::edge::drain::Drain;

/// The file of a listening socket. Removed when dropped, where that is this process's part.
pub struct SocketFile {
    path: PathBuf,
    /// Who may connect: whoever may write (unix(7)).
    mode: u32,
    /// Device and inode, for the path may come to lead to another file.
    identity: (u64, u64),
    remover: Remover,
}

/// Who removes the file.
enum Remover {
    /// This process.
    Us,
    /// This process, unless another one has taken over.
    UsUnlessReplaced(Arc<Drain>),
    /// Another process, which listens.
    Another,
}

impl SocketFile {
    /// Makes way for a socket at `path`: a file that a killed process left behind is removed, if it is a socket's and nobody answers.
    ///
    /// # Errors
    /// If something else is there, or somebody listens; says which.
    pub fn make_way(path: &Path) -> io::Result<()> {
        let about = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            about => about?,
        };
        if !about.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there already"));
        }
        // Never waits: where the queue of whoever listens is full, it says so.
        let asking = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        asking.set_nonblocking(true)?;
        match asking.connect(&SockAddr::unix(path)?) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
            _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there")),
        }
    }

    /// The file of a socket that was just bound at `path` and does not listen yet: whoever may not connect never could.
    ///
    /// # Errors
    /// The system's; then the file is gone.
    pub fn of_bound(path: &Path, mode: u32) -> io::Result<Self> {
        let file = Self { path: path.to_owned(), mode, identity: identity(path)?, remover: Remover::Us };
        file.set_mode()?;
        Ok(file)
    }

    /// The file of a socket that another process bound at `path`, which goes on as it is until [`SocketFile::take_over`].
    ///
    /// # Errors
    /// The system's.
    pub fn of_another(path: &Path, mode: u32) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), mode, identity: identity(path)?, remover: Remover::Another })
    }

    /// Its path and its mode.
    pub fn place(&self) -> (&Path, u32) {
        (&self.path, self.mode)
    }

    /// Takes it over, until `drain` says that another process has. `false` if it is gone: whoever held it ended, and removed it.
    ///
    /// # Errors
    /// The system's.
    pub fn take_over(&mut self, drain: Arc<Drain>) -> io::Result<bool> {
        if !self.is_there() {
            return Ok(false);
        }
        self.set_mode()?;
        self.remover = Remover::UsUnlessReplaced(drain);
        Ok(true)
    }

    fn set_mode(&self) -> io::Result<()> {
        fs::set_permissions(&self.path, Permissions::from_mode(self.mode))
    }

    fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = match &self.remover {
            Remover::Us => true,
            Remover::UsUnlessReplaced(drain) => !drain.was_replaced(),
            Remover::Another => false,
        };
        if ours && self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the file of a socket that nobody accepts on any more; anything else there is left.
pub fn remove_abandoned(path: &Path) {
    if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
        let _ = fs::remove_file(path);
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let about = fs::symlink_metadata(path)?;
    Ok((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn only_what_nobody_listens_on_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        SocketFile::make_way(&at("nothing")).unwrap();

        let listener = UnixListener::bind(at("gate")).unwrap();
        assert_eq!(SocketFile::make_way(&at("gate")).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // A queue that is full, as it is with the connection that just asked, is somebody's too.
        socket2::SockRef::from(&listener).listen(0).unwrap();
        assert_eq!(SocketFile::make_way(&at("gate")).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        SocketFile::make_way(&at("gate")).unwrap();
        assert!(!at("gate").exists(), "a killed gate's");

        let _log = UnixDatagram::bind(at("log")).unwrap();
        assert!(SocketFile::make_way(&at("log")).is_err());
        fs::write(at("data"), "precious").unwrap();
        std::os::unix::fs::symlink(at("data"), at("link")).unwrap();
        for name in ["data", "link"] {
            assert_eq!(SocketFile::make_way(&at(name)).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{name}");
            remove_abandoned(&at(name));
        }
        assert!(at("log").exists() && fs::read_to_string(at("link")).unwrap() == "precious");
    }

    #[test]
    fn a_file_is_removed_by_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate");
        let bind = || UnixListener::bind(&path).unwrap();
        let mode = || fs::metadata(&path).unwrap().mode() & 0o777;

        let _bound = bind();
        let own = SocketFile::of_bound(&path, 0o620).unwrap();
        assert_eq!(mode(), 0o620);
        let mut new = SocketFile::of_another(&path, 0o600).unwrap();
        drop(SocketFile::of_another(&path, 0o600).unwrap());
        assert_eq!(mode(), 0o620, "as it is while the other one serves");

        let (old_drain, new_drain) = (Arc::<Drain>::default(), Arc::<Drain>::default());
        let mut old = own;
        assert!(old.take_over(Arc::clone(&old_drain)).unwrap() && new.take_over(Arc::clone(&new_drain)).unwrap());
        // Replaced, and told to end before it has looked: closed is later than replaced, and must not make it forget.
        old_drain.replace();
        old_drain.close();
        drop(old);
        assert_eq!(mode(), 0o600);
        new_drain.close();
        drop(new);
        assert!(!path.exists());

        // What came to stand there meanwhile is left.
        let _first = bind();
        let first = SocketFile::of_bound(&path, 0o600).unwrap();
        fs::rename(&path, folder.path().join("aside")).unwrap();
        let _second = bind();
        drop(first);
        assert!(path.exists());
        let mut lost = SocketFile::of_another(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!lost.take_over(new_drain).unwrap());
    }
}
