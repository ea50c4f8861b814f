//! The house, held to its plan: who may know whom, what must not be named where, and how large a room may be.
//! The plan itself is the doc of `src/lib.rs`.

#[path = "layering/source.rs"]
mod source;

use std::{fs, path::Path};

/// Whom each room may know. A new room is a new row.
const MAY_KNOW: [(&str, &[&str]); 13] = [
    ("gate", &[]),
    ("dialect", &[]),
    ("upstream", &["gate"]),
    ("downstream", &[]),
    ("config", &["gate", "upstream", "downstream"]),
    ("telemetry", &["gate", "downstream"]),
    ("keystore", &["gate", "telemetry"]),
    ("admin", &["gate", "telemetry", "downstream", "keystore"]),
    ("edge", &["gate", "telemetry", "dialect", "upstream", "downstream"]),
    ("app", &["gate", "telemetry", "dialect", "upstream", "downstream", "config", "keystore", "admin", "edge"]),
    ("cli", &["gate", "telemetry", "dialect", "upstream", "downstream", "config", "keystore", "admin", "app"]),
    ("main", &["gate", "telemetry", "dialect", "upstream", "downstream", "config", "keystore", "admin", "app", "cli"]),
    ("lib", &["gate", "telemetry", "dialect", "upstream", "downstream", "config", "keystore", "admin", "edge", "app", "cli"]),
];

/// Names that begin so are for some rooms only, or for none. `::` at an end stands for the whole of a name.
const FORBIDDEN: [(&str, Where); 12] = [
    ("::pingora", Where::Outside("edge")),
    ("::tokio::", Where::InPure),
    ("::prometheus", Where::InPure),
    ("::std::fs::", Where::InPure),
    ("::std::env::", Where::InPure),
    ("::std::net::Tcp", Where::InPure),
    ("::std::net::Udp", Where::InPure),
    ("::Instant::now::", Where::InPure),
    ("::SystemTime::now::", Where::InPure),
    ("::rand::", Where::InPure),
    ("::getrandom::", Where::InPure),
    ("::unsafe::", Where::OutsideFiles(&[])),
];

enum Where {
    /// In the rooms that decide, read and say what is wanted: they are functions of their arguments.
    InPure,
    /// In every room but one.
    Outside(&'static str),
    /// In every file but these.
    OutsideFiles(&'static [&'static str]),
}

const PURE: [&str; 4] = ["gate", "dialect", "upstream", "downstream"];
const MAX_LINES: usize = 400;
/// Files above this are named in the test's output.
const LARGE_LINES: usize = 250;

#[test]
fn the_house_is_built_as_planned() {
    let files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "");
    assert!(!files.is_empty(), "no sources were found");
    for (path, text) in &files {
        if text.lines().count() > LARGE_LINES {
            println!("src/{path} has {} lines", text.lines().count());
        }
    }
    let complaints: Vec<_> = files.iter().flat_map(|(path, text)| complaints(path, text)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The negative control: each rule finds a file that breaks it, and only that.
#[test]
fn every_rule_finds_what_breaks_it() {
    let long = format!("//! Doc.\n{}", "\n".repeat(MAX_LINES));
    let cases = [
        ("gate/a.rs", "//! Doc.\nuse crate::edge::Tunnel;", "gate must not know edge"),
        ("gate/a.rs", "//! Doc.\nuse crate::{gate::Gate, config::load};", "gate must not know config"),
        ("gate/a/b.rs", "//! Doc.\nfn f() { super::super::super::app::run() }", "gate must not know app"),
        ("admin.rs", "//! Doc.\nuse crate::edge;", "admin must not know edge"),
        ("cli/serve.rs", "//! Doc.\nuse crate::edge;", "cli must not know edge"),
        ("main.rs", "//! Doc.\nfn main() { keygate::edge::run() }", "main must not know edge"),
        ("attic/mod.rs", "//! Doc.", "attic is not in the table of rooms"),
        ("gate/a.rs", "//! Doc.\nuse std::{fs, io};", "std::fs"),
        ("gate/a.rs", "//! Doc.\nfn f() { std::time::Instant::now(); }", "Instant::now"),
        ("dialect/a.rs", "//! Doc.\nuse std::net::{IpAddr, TcpStream};", "std::net::Tcp"),
        ("dialect/a.rs", "//! Doc.\nuse tokio::io::AsyncRead;", "tokio"),
        ("admin/a.rs", "//! Doc.\nuse pingora_core::server::Server;", "pingora"),
        ("edge/a.rs", "//! Doc.\nfn f() { unsafe { g() } }", "unsafe"),
        ("edge/a.rs", "use pingora::proxy;", "does not open with //!"),
        ("edge/a.rs", &long, "401 lines"),
    ];
    for (path, text, expected) in cases {
        let complaints = complaints(path, text);
        assert!(complaints.len() == 1 && complaints[0].contains(expected), "{path} {text:?}: {complaints:?}");
    }
    let fine = "//! No crate::edge here.\nuse crate::gate::{Gate, operand};\nuse pingora::proxy;\n// unsafe\nconst A: &str = \"unsafe\";";
    assert_eq!(complaints("edge/mod.rs", fine), Vec::<String>::new());
}

/// What is wrong with the file `path` of `src`.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let room = path.split(['/', '.']).next().unwrap_or_default();
    let Some((_, known)) = MAY_KNOW.iter().find(|(name, _)| *name == room) else {
        return vec![format!("src/{path}: {room} is not in the table of rooms")];
    };
    let mut complaints = Vec::new();
    for name in source::paths(text) {
        if let Some(other) = room_of(&name, path).filter(|other| *other != room && !known.contains(other)) {
            complaints.push(format!("src/{path}: {room} must not know {other}: `{name}`"));
        }
        for (forbidden, place) in &FORBIDDEN {
            if place.takes_in(room, path) && format!("::{name}::").contains(forbidden) {
                complaints.push(format!("src/{path}: `{}` has no place here: `{name}`", forbidden.trim_matches(':')));
            }
        }
    }
    // The tests of a room stand in its own file or beside it, as `tests.rs`.
    if !text.starts_with("//!") && !path.ends_with("/tests.rs") {
        complaints.push(format!("src/{path}: does not open with //!"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        complaints.push(format!("src/{path}: {lines} lines; {MAX_LINES} are the most"));
    }
    complaints
}

impl Where {
    fn takes_in(&self, room: &str, path: &str) -> bool {
        match self {
            Self::InPure => PURE.contains(&room),
            Self::Outside(owner) => room != *owner,
            Self::OutsideFiles(files) => !files.contains(&path),
        }
    }
}

/// The room that a path leads into, from the root of the crate: by `crate::`, `keygate::`, or enough `super::`.
fn room_of<'n>(name: &'n str, file: &str) -> Option<&'n str> {
    let module_depth = file.trim_end_matches("/mod.rs").split('/').count();
    let mut parts = name.split("::");
    let root = parts.next()?;
    let supers = if root == "super" { 1 + name.split("::").skip(1).take_while(|part| *part == "super").count() } else { 0 };
    let first = parts.find(|part| *part != "super")?;
    let from_root = matches!(root, "crate" | "keygate") || supers >= module_depth;
    MAY_KNOW.iter().map(|(room, _)| *room).find(|room| from_root && *room == first).and(Some(first))
}

fn files_below(folder: &Path, prefix: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path(), &format!("{name}/")));
        } else if name.ends_with(".rs") {
            files.push((name, fs::read_to_string(entry.path()).expect("a source")));
        }
    }
    files.sort();
    files
}
