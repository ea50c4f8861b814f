//! Noticing that files changed, by watching the folders that they are in.
//!
//! A file that is replaced is another file, and a Kubernetes volume replaces a link beside it (`..data`), so the folder is what must
//! be watched. Some file systems report nothing at all: a slow poll covers those. What is announced is only that somebody should
//! look; whether anything differs is for who looks to find out.

use std::{path::PathBuf, time::Duration};

use notify::{RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

/// How long it must be quiet before a change is announced: an editor or the kubelet writes in several steps.
const QUIET: Duration = Duration::from_millis(40);
/// How long steps may keep on coming before it is announced all the same.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often to look where nothing is reported.
const POLL: Duration = Duration::from_secs(5);

/// Announcements that something may have changed.
pub struct Changes {
    events: mpsc::Receiver<()>,
    _watcher: Option<notify::RecommendedWatcher>,
}

/// Watches `folders`. Where watching fails, polling remains.
#[must_use]
pub fn watch(folders: &[PathBuf]) -> Changes {
    // One event waiting says as much as a hundred.
    let (sender, events) = mpsc::channel(1);
    let notice = move |event: notify::Result<notify::Event>| {
        let reading = event.as_ref().is_ok_and(|event| event.kind.is_access());
        if !reading {
            let _ = sender.try_send(());
        }
    };
    let watcher = notify::recommended_watcher(notice).and_then(|mut watcher| {
        for folder in folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    if let Err(error) = &watcher {
        tracing::warn!(%error, "cannot watch for changes; looking every {} s", POLL.as_secs());
    }
    Changes { events, _watcher: watcher.ok() }
}

impl Changes {
    /// Ready when somebody should look.
    pub async fn next(&mut self) {
        let poll = Instant::now() + POLL;
        match timeout_at(poll, self.events.recv()).await {
            Ok(Some(())) => {}
            // Nobody watches any more.
            Ok(None) => tokio::time::sleep_until(poll).await,
            Err(_) => return,
        }
        let at_the_latest = Instant::now() + PATIENCE;
        loop {
            let quiet = (Instant::now() + QUIET).min(at_the_latest);
            match timeout_at(quiet, self.events.recv()).await {
                Ok(Some(())) if Instant::now() < at_the_latest => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_that_is_swapped_is_noticed_before_the_poll() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["..one", "..two"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("keys.yaml"), version).unwrap();
        }
        std::os::unix::fs::symlink("..one", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/keys.yaml", at("keys.yaml")).unwrap();
        let mut changes = watch(&[folder.path().to_owned()]);
        std::os::unix::fs::symlink("..two", at("..tmp")).unwrap();
        std::fs::rename(at("..tmp"), at("..data")).unwrap();
        let noticed = tokio::time::timeout(POLL - Duration::from_secs(1), changes.next()).await;
        assert!(noticed.is_ok());
        assert_eq!(std::fs::read_to_string(at("keys.yaml")).unwrap(), "..two");
    }
}
