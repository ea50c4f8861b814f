//! A full disk, and a limit on the size of files: nothing is half done, all that is there can be read, and it goes on when there is room.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use keygate::{
    gate::keys::{Key, State, Step},
    keystore::{App, Deed, KeyStore as _, SqliteStore, StoreError},
};

use crate::support::{NOW, all, app, change, folder, key, step};

const FILE: &str = "KEYGATE_TEST_FULL_STORE";

/// A small disk, while it is mounted.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nothing may be mounted.
    fn mount(at: &Path) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.into()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn many(from: usize, count: usize) -> Vec<Key> {
    (from..from + count).map(|n| key(&format!("many{n:05}"))).collect()
}

fn store(path: &Path) -> SqliteStore {
    SqliteStore::create(path, NOW).unwrap();
    let store = SqliteStore::open(path).unwrap();
    store.commit(change(Deed::CreateApp(app("demo"), vec![key("a"), key("b")]))).unwrap();
    store
}

/// Makes keys until there is no room, and says how many there are.
fn fill(store: &SqliteStore) -> usize {
    let mut made = 2;
    for n in 0.. {
        match store.commit(change(Deed::Create(many(n * 10, 10)))) {
            Ok(_) => made += 10,
            Err(StoreError::Full) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(all(store).unwrap().1.len(), made, "nothing is half done");
    store.verify_audit().unwrap();
    made
}

#[test]
fn a_full_disk_is_told_and_goes_on_when_there_is_room() {
    let folder = folder();
    let Some(_disk) = Disk::mount(folder.path()) else {
        println!("skipped: nothing may be mounted here");
        return;
    };
    let path = folder.path().join("keygate.db");
    let ballast = folder.path().join("ballast");
    let store = store(&path);
    std::fs::write(&ballast, vec![1; 300 * 1024]).unwrap();
    let made = fill(&store);
    assert_eq!(store.commit(change(step("none", Step::Revoke))).unwrap_err(), StoreError::NotFound("key:none".into()));
    assert_eq!(store.backup(&folder.path().join("copy.db")), Err(StoreError::Full));
    assert!(!folder.path().join("copy.db").exists());

    std::fs::remove_file(&ballast).unwrap();
    store.commit(change(step("a", Step::Revoke))).unwrap();
    // What is too large fails alone.
    let (import, revoke) = std::thread::scope(|scope| {
        let import = scope.spawn(|| store.commit(change(Deed::Import(many(100_000, 3_000)))));
        let revoke = scope.spawn(|| store.commit(change(step("b", Step::Revoke))));
        (import.join().unwrap(), revoke.join().unwrap())
    });
    assert_eq!(import.map(drop).unwrap_err(), StoreError::Full);
    assert_eq!(revoke.unwrap().keys[0].life.state, State::Revoked);
    store.commit(change(Deed::CreateApp(App { id: "x".into(), ..app("x") }, vec![]))).unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(all(&store).unwrap().1.len(), made);
    store.verify_audit().unwrap();
}

/// A quota is an error of the write too, as this limit is; SQLite calls neither a full disk.
#[test]
fn a_limit_on_the_size_of_files_is_told_and_goes_on_when_it_is_raised() {
    let folder = folder();
    let me = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        // Without the signal, a write beyond the limit is EFBIG (setrlimit(2)).
        .args(["-c", "trap '' XFSZ; ulimit -S -f 400; exec \"$0\" --ignored --exact full::under_a_limit --nocapture"])
        .arg(me)
        .env(FILE, folder.path().join("keygate.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let full = lines.by_ref().any(|line| line == "full");
    if full {
        let raised = Command::new("prlimit").args(["--fsize=unlimited:", "--pid", &child.id().to_string()]).status();
        assert!(raised.is_ok_and(|status| status.success()), "prlimit of util-linux raises the limit");
        child.stdin.take().unwrap().write_all(b"raised\n").unwrap();
    }
    let rest: Vec<_> = lines.collect();
    assert!(child.wait().unwrap().success() && full, "{rest:?}");
}

#[test]
#[ignore = "the child of the test above"]
fn under_a_limit() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let store = store(Path::new(&path));
    let made = fill(&store);
    assert_eq!(store.commit(change(step("a", Step::Revoke))).map(drop), Err(StoreError::Full));
    println!("\nfull");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "raised\n");
    store.commit(change(step("a", Step::Revoke))).unwrap();
    drop(store);
    let store = SqliteStore::open(Path::new(&path)).unwrap();
    assert_eq!(all(&store).unwrap().1.len(), made);
    assert_eq!(store.key("a").unwrap().unwrap().life.state, State::Revoked);
}
