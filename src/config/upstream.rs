//! `upstream` → what is behind the gate.

use std::path::Path;

use super::used::Upstream;
use crate::gate::origin::{HostPattern, OriginPattern};

const EXPECTED: &str = "must be `host:port`, `http://host:port`, `https://host:port` or `unix:/path`";

/// Reads an upstream; a relative path of a socket starts at `folder`.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Upstream, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() { Err(EXPECTED) } else { Ok(Upstream::Unix(folder.join(path))) };
    }
    let (scheme, authority) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if authority.contains(['/', '?', '#']) {
        return Err("must have no path: requests keep their own");
    }
    if authority.contains('@') {
        return Err("must have no user: the backend's own credentials are not built yet");
    }
    // A host and a port are written as in an origin, whose default ports are those of http and https.
    let (tls, has_default_port) = match scheme {
        None => (false, false),
        Some("http") => (false, true),
        Some("https") => (true, true),
        Some(_) => return Err(EXPECTED),
    };
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    if !has_default_port && !after_host.contains(':') {
        return Err("must have a port");
    }
    let origin = format!("{}://{authority}", if tls { "https" } else { "http" });
    match OriginPattern::parse(&origin) {
        Ok(OriginPattern::Tuple { host: HostPattern::Exact(host), port: port @ 1.., .. }) => {
            let host = host.trim_matches(['[', ']']).to_owned();
            Ok(Upstream::Tcp { host, port, tls })
        }
        _ => Err(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, tls: bool) {
        assert_eq!(parse(text, Path::new("/etc")), Ok(Upstream::Tcp { host: host.to_owned(), port, tls }), "{text}");
    }

    #[test]
    fn reads_what_people_write() {
        check("127.0.0.1:8000", "127.0.0.1", 8000, false);
        check("Backend:8000", "backend", 8000, false);
        check("http://backend", "backend", 80, false);
        check("http://backend:8000", "backend", 8000, false);
        check("https://backend.example.com", "backend.example.com", 443, true);
        check("https://backend.example.com:8443", "backend.example.com", 8443, true);
        check("[::1]:8000", "::1", 8000, false);
        check("https://[::1]", "::1", 443, true);
        assert_eq!(parse("unix:/run/a.sock", Path::new("/etc")), Ok(Upstream::Unix("/run/a.sock".into())));
        assert_eq!(parse("unix:a.sock", Path::new("/etc")), Ok(Upstream::Unix("/etc/a.sock".into())));
    }

    #[test]
    fn and_nothing_else() {
        for text in [
            "",
            "backend",
            "[::1]",
            ":8000",
            "backend:",
            "backend:0",
            "backend:99999",
            "ftp://backend:1",
            "http://",
            "http://a/",
            "u@a:1",
        ] {
            assert!(parse(text, Path::new("/etc")).is_err(), "{text} was taken");
        }
        assert!(parse("*.example.com:80", Path::new("/etc")).is_err() && parse("unix:", Path::new("/etc")).is_err());
    }
}
