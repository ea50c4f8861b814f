//! The files of each version, and asking for them to be read.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use keygate::admin::{ControlError, call};
use tokio::time::interval;

use super::super::{
    load::Crowd,
    support::{Setup, keys_text, secret_key},
};

/// Versions whose folders are kept: a reader may still be in the one before.
const KEPT: u64 = 50;

/// What the files say, but for the version.
pub struct Files {
    config: String,
    /// For even versions and for odd ones.
    keys: [String; 2],
}

/// Whether the files of this version are bad.
pub const fn is_bad(version: u64) -> bool {
    version % 10 == 9
}

impl Files {
    /// Those of a setup whose routes are `ROUTES`, with so many keys.
    pub fn new(setup: &Setup, keys: usize) -> Self {
        let all = (0..keys).map(|key| secret_key(&Crowd::key_id(key), &Crowd::key_text(key), ""));
        let all: Vec<_> = all.map(|entry| entry.replace("app: demo", "app: VERSION")).collect();
        let with_turn = |turn: u32| {
            let turn = secret_key(&format!("turn{turn}"), &format!("sk_live_turn{turn}"), "");
            keys_text(&[all.clone(), vec![turn.replace("app: demo", "app: VERSION")]].concat())
        };
        Self { config: setup.text(), keys: [with_turn(0), with_turn(1)] }
    }

    /// Publishes a version: both files at once.
    pub fn publish(&self, folder: &Path, version: u64) {
        let turn = version % 2;
        let set = format!("set_headers: {{ X-Version: '{version}' }}");
        let routes = format!(
            "
  - {{ name: publish, match: {{ path: /realtime, methods: [POST] }}, operation: publish, channel: {{ json: /channel }}, {set} }}
  - {{ name: turn, match: {{ path: /turn{turn}/** }}, operation: any, enforce_inside: backend, {set} }}
  - {{ name: any, match: {{ path: /any/** }}, operation: any, enforce_inside: backend, {set} }}"
        );
        let mut config = self.config.replace("ROUTES", &routes);
        let mut keys = self.keys[usize::try_from(turn).expect("0 or 1")].replace("app: VERSION", &format!("app: a{version}"));
        if is_bad(version) {
            match version / 10 % 3 {
                0 => config.push_str("unheard_of: true\n"),
                1 => keys.truncate(keys.len() / 2),
                _ => keys = keys.replacen("sha256$", "sha255$", 1),
            }
        }
        let here = folder.join(format!("..{version}"));
        fs::create_dir(&here).expect("a folder");
        fs::write(here.join("keygate.yaml"), config).expect("a file");
        fs::write(here.join("keys.yaml"), keys).expect("a file");
        symlink(format!("..{version}"), folder.join("..new")).expect("a link");
        fs::rename(folder.join("..new"), folder.join("..data")).expect("a rename");
        if let Some(old) = version.checked_sub(KEPT) {
            let _ = fs::remove_dir_all(folder.join(format!("..{old}")));
        }
    }

    /// Makes what the gate is told to read: links into what is published.
    pub fn link(&self, folder: &Path) {
        for name in ["keygate.yaml", "keys.yaml"] {
            symlink(format!("..data/{name}"), folder.join(name)).expect("a link");
        }
    }
}

/// Asks the gate to read its files. The generation in force then, or what is wrong with them.
pub async fn reload(socket: &Path) -> Result<u64, String> {
    match call(socket, http::Method::POST, "/reload", None).await {
        Ok(answer) => Ok(answer["generation"].as_u64().expect("a generation")),
        Err(ControlError::Refused(_, why)) => Err(why),
        Err(error @ ControlError::Unreachable(_)) => panic!("{error}"),
    }
}

/// Asks every so often, or as often as it is answered, until told to stop. How often the files were taken, and how often refused.
pub async fn reload_again_and_again(socket: PathBuf, every: Duration, stop: Arc<AtomicBool>) -> (u64, u64) {
    let (mut applied, mut refused) = (0, 0);
    let mut pace = interval(every);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        match reload(&socket).await {
            Ok(_) => applied += 1,
            Err(_) => refused += 1,
        }
    }
    (applied, refused)
}
