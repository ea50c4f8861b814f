//! From where the API may be asked: by the names that its listener has, and by its own pages.
//!
//! A browser that was told a false address for a name (DNS rebinding) says that name as `Host`; a page of another site says whose it is
//! as `Origin` and in `Sec-Fetch-Site` (Fetch Metadata, section 2.3). Programs say neither, and need a token like everybody.

use std::net::IpAddr;

use axum::http::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN},
};

use super::problem::{Kind, Problem};

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// From whom.
    pub peer: IpAddr,
    /// To which of this machine's addresses.
    pub local: IpAddr,
    /// Whether under TLS.
    pub tls: bool,
}

/// Names under which the listener is known beside its address, `localhost` and loopback addresses (`admin.hosts`); without ports.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<Box<str>>);

impl FromIterator<Box<str>> for Hosts {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl Hosts {
    /// Whether the request may be looked at.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap, arrival: Arrival) -> Result<(), Problem> {
        let host = host(uri, headers)?;
        if !self.has(host, arrival.local) {
            return Err(Kind::Misdirected.into());
        }
        let own_page =
            headers.get_all(ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(|text| is_own(text, host, arrival.tls)));
        let own_site = headers.get_all("sec-fetch-site").iter().all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
        if own_page && own_site { Ok(()) } else { Err(Kind::CrossOrigin.into()) }
    }

    fn has(&self, host: Host<'_>, local: IpAddr) -> bool {
        let is_named = |name: &str| name.eq_ignore_ascii_case(host.name);
        match host.address() {
            Some(address) => address.is_loopback() || address == local.to_canonical() || self.0.iter().any(|name| is_named(name)),
            None => is_named("localhost") || self.0.iter().any(|name| is_named(name)),
        }
    }
}

/// A `Host`, taken apart.
#[derive(Clone, Copy)]
struct Host<'a> {
    /// Of an IPv6 address without its brackets.
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'));
        (!name.is_empty() && is_plain).then_some(Self { name, port })
    }

    fn address(&self) -> Option<IpAddr> {
        self.name.parse().ok().map(|address: IpAddr| address.to_canonical())
    }
}

/// The one `Host` of a request. A target in absolute form must name the same (RFC 9112 section 3.2.2).
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Host<'a>, Problem> {
    let unclear = || Problem::new(Kind::BadRequest, "the request must say one `Host`");
    let mut said = headers.get_all(HOST).iter();
    let (Some(only), None) = (said.next(), said.next()) else { return Err(unclear()) };
    let text = only.to_str().map_err(|_| unclear())?;
    if uri.authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(text)) {
        return Err(unclear());
    }
    Host::parse(text).ok_or_else(unclear)
}

/// Whether `origin` is that of a page under `host`. Without TLS here it may be there, at a proxy; with it, a page that came in the clear
/// is another's.
fn is_own(origin: &str, host: Host<'_>, tls: bool) -> bool {
    let (rest, standard) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (None, Some(rest)) if !tls => (rest, 80),
        (None, _) => return false,
    };
    let same = |page: Host<'_>| {
        page.name.eq_ignore_ascii_case(host.name) && page.port.unwrap_or(standard) == host.port.unwrap_or(standard)
    };
    Host::parse(rest).is_some_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, &str)], tls: bool) -> u16 {
        let hosts: Hosts = [Box::from("admin.example.com"), "203.0.113.9".into()].into_iter().collect();
        let arrival = Arrival { peer: [10, 0, 0, 9].into(), local: [10, 0, 0, 1].into(), tls };
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let answer = hosts.check(&"/v1/keys".parse().unwrap(), &headers, arrival);
        answer.err().map_or(200, |problem| axum::response::IntoResponse::into_response(problem).status().as_u16())
    }

    #[test]
    fn only_its_own_names_reach_it() {
        for host in [
            "localhost",
            "LOCALHOST:9181",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]:9181",
            "[::ffff:127.0.0.1]",
            "10.0.0.1:9181",
            "admin.example.com",
            "Admin.Example.com:443",
            "203.0.113.9",
        ] {
            assert_eq!(asked(&[("host", host)], false), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "127.0.0.1.nip.io",
            "0.0.0.0",
            "[::]",
            "10.0.0.2",
            "admin.example.com.",
            "2130706433",
            "127.1",
            "0x7f000001",
            "app.localhost",
        ] {
            assert_eq!(asked(&[("host", host)], false), 421, "{host}");
        }
        for host in [
            "",
            "a b",
            "user@localhost",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "[::1",
            "[::1]x",
            "localhost/",
            "localhost,evil",
        ] {
            assert!([400, 421].contains(&asked(&[("host", host)], false)), "{host}");
        }
        assert_eq!(asked(&[], false), 400);
        assert_eq!(asked(&[("host", "localhost"), ("host", "localhost")], false), 400);
    }

    #[test]
    fn only_its_own_pages_ask_it() {
        let with = |name, value, tls| asked(&[("host", "localhost:9181"), (name, value)], tls);
        for (origin, plain, tls) in [
            ("http://localhost:9181", 200, 403),
            ("https://localhost:9181", 200, 200),
            ("https://LOCALHOST:9181", 200, 200),
            ("https://localhost", 403, 403),
            ("https://localhost:9182", 403, 403),
            ("https://127.0.0.1:9181", 403, 403),
            ("https://evil.example", 403, 403),
            ("https://localhost:9181.evil.example", 403, 403),
            ("https://evil.example@localhost:9181", 403, 403),
            ("ftp://localhost:9181", 403, 403),
            ("null", 403, 403),
            ("", 403, 403),
        ] {
            assert_eq!((with("origin", origin, false), with("origin", origin, true)), (plain, tls), "{origin}");
        }
        for (site, status) in
            [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403), ("Same-Origin", 403)]
        {
            assert_eq!(with("sec-fetch-site", site, false), status, "{site}");
        }
        let two = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")];
        assert_eq!(asked(&two, false), 403, "each must be its own");
        assert_eq!(asked(&[("host", "admin.example.com"), ("origin", "https://admin.example.com:443")], true), 200);
    }

    #[test]
    fn a_target_names_the_host_that_is_said() {
        let (hosts, arrival) =
            (Hosts::default(), Arrival { peer: [127, 0, 0, 1].into(), local: [127, 0, 0, 1].into(), tls: false });
        let headers: HeaderMap = [(HOST, "localhost".parse().unwrap())].into_iter().collect();
        assert!(hosts.check(&"http://localhost/v1/keys".parse().unwrap(), &headers, arrival).is_ok());
        assert!(hosts.check(&"http://evil.example/v1/keys".parse().unwrap(), &headers, arrival).is_err());
    }
}
