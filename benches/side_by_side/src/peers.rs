//! Who takes part: a program, how it is called, and the files it reads.
//!
//! In arguments and files `@PORT@`, `@TLS@`, `@BACKEND@`, `@STATUS@` and `@DIR@` are filled in when the peer starts, in a
//! directory of its own, which holds `tls.crt`, `tls.key` and, both in one, `tls.pem`.

pub struct Peer {
    /// For `--only` and JSON.
    pub name: &'static str,
    /// For readers.
    pub title: &'static str,
    pub program: &'static str,
    pub arguments: &'static [&'static str],
    pub files: &'static [(&'static str, &'static str)],
    /// Whether it listens in TLS too.
    pub tls: bool,
}

pub const NAMES: [&str; 5] = ["nginx", "haproxy", "envoy", "bare-pingora", "keygate"];

static ALL: [Peer; 5] = [
    Peer {
        name: "nginx",
        title: "nginx",
        program: "nginx",
        arguments: &["-p", ".", "-c", "nginx.conf", "-e", "stderr"],
        files: &[("nginx.conf", include_str!("../peers/nginx.conf"))],
        tls: true,
    },
    Peer {
        name: "haproxy",
        title: "HAProxy",
        program: "haproxy",
        arguments: &["-f", "haproxy.cfg"],
        files: &[("haproxy.cfg", include_str!("../peers/haproxy.cfg")), ("keys.map", include_str!("../peers/keys.map"))],
        tls: true,
    },
    Peer {
        name: "envoy",
        title: "Envoy",
        program: "envoy",
        arguments: &["-c", "envoy.yaml", "--concurrency", "1", "-l", "critical", "--disable-hot-restart"],
        files: &[("envoy.yaml", include_str!("../peers/envoy.yaml"))],
        tls: false,
    },
    Peer {
        name: "bare-pingora",
        title: "bare pingora",
        program: "bare_pingora",
        arguments: &["@PORT@", "@BACKEND@"],
        files: &[],
        tls: false,
    },
    Peer {
        name: "keygate",
        title: "keygate",
        program: "keygate",
        arguments: &["serve", "-c", "keygate.yaml"],
        files: &[
            ("keygate.yaml", include_str!("../peers/keygate.yaml")),
            ("keygate-keys.yaml", include_str!("../peers/keygate-keys.yaml")),
        ],
        tls: true,
    },
];

/// All of them, or those named.
pub fn chosen(only: &[String]) -> Vec<&'static Peer> {
    ALL.iter().filter(|peer| only.is_empty() || only.iter().any(|name| name == peer.name)).collect()
}

pub fn title(name: &str) -> &'static str {
    let peer = ALL.iter().find(|peer| peer.name == name);
    peer.map_or("?", |peer| peer.title)
}
