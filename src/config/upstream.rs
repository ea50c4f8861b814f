//! `upstream` → the servers behind the gate, how one is chosen, and how they are checked.

use std::{path::Path, sync::Arc};

use super::{
    defaults,
    fault::Place,
    raw::{self, List, Text, TextOr},
    timeouts,
    token::is_token,
};
use crate::{
    gate::{
        origin::{HostPattern, OriginPattern},
        request::check_path,
    },
    upstream::{Backend, Balance, HashOn, HealthChecks, MAX_ADDRESSES, UpstreamSpec, UpstreamTimeouts},
};

const EXPECTED: &str = "must be `host:port`, `http://host:port`, `https://host:port` or `unix:/path`";

/// What holds for every upstream of a file.
pub(super) struct Surroundings<'s> {
    /// Where relative paths of sockets start.
    pub folder: &'s Path,
    /// What holds where an upstream says nothing.
    pub timeouts: UpstreamTimeouts,
}

/// Reads the upstream that stands at `place` and is called `name` in metrics. `None` only after a fault.
pub(super) fn upstream(
    typed: &raw::Upstream,
    name: String,
    around: &Surroundings<'_>,
    place: &Place<'_>,
) -> Option<Arc<UpstreamSpec>> {
    let name = name.into();
    let pool = match typed {
        TextOr::Text(text) => {
            let addresses = vec![place.take(address(text, around.folder))?];
            let timeouts = around.timeouts;
            return Some(Arc::new(UpstreamSpec { name, addresses, balance: Balance::RoundRobin, health: None, timeouts }));
        }
        TextOr::Map(pool) => pool,
    };
    let addresses = addresses(pool.addresses.as_ref(), around.folder, place);
    let balance = balance(pool, place);
    let health = pool.health.as_ref().map(|health| self::health(health, &place.field("health")));
    let timeouts = timeouts::of_upstream(pool.timeouts.as_ref(), around.timeouts, &place.field("timeouts"));
    Some(Arc::new(UpstreamSpec { name, addresses: addresses?, balance: balance?, health, timeouts }))
}

fn addresses(typed: Option<&List<Text>>, folder: &Path, place: &Place<'_>) -> Option<Vec<Backend>> {
    let typed = place.required("addresses", typed)?;
    let place = place.field("addresses");
    match typed.0.len() {
        0 => place.fault("must not be empty"),
        1..=MAX_ADDRESSES => {}
        _ => place.fault(format!("must not hold more than {}", MAX_ADDRESSES)),
    }
    let mut addresses = Vec::new();
    typed.each(&place, |place, _, text| {
        let Some(address) = place.take(address(text, folder)) else { return };
        if addresses.contains(&address) {
            place.fault("stands here twice");
        }
        addresses.push(address);
    });
    Some(addresses)
}

fn balance(typed: &raw::Pool, place: &Place<'_>) -> Option<Balance> {
    let balance = match typed.balance {
        None | Some(raw::Balance::RoundRobin) => Balance::RoundRobin,
        Some(raw::Balance::LeastConnections) => Balance::LeastConnections,
        Some(raw::Balance::ConsistentHash) => {
            let place = place.field("hash_on");
            return typed.hash_on.as_ref().map_or(Some(HashOn::Key), |typed| hash_on(typed, &place)).map(Balance::ConsistentHash);
        }
    };
    if typed.hash_on.is_some() && !place.field("balance").is_faulty() {
        place.field("hash_on").out_of_place("means something only with `balance: consistent_hash`");
    }
    Some(balance)
}

fn hash_on(typed: &TextOr<raw::HashOn>, place: &Place<'_>) -> Option<HashOn> {
    let of = match typed {
        TextOr::Text(text) => {
            return place.take(match &**text {
                "key" => Ok(HashOn::Key),
                "ip" => Ok(HashOn::Ip),
                _ => Err("must be `key`, `ip`, `{header: NAME}` or `{query: NAME}`"),
            });
        }
        TextOr::Map(of) => of,
    };
    match (&of.header, &of.query) {
        (Some(name), None) => {
            let name = is_token(name).then(|| HashOn::Header(Box::from(&**name)));
            place.field("header").take(name.ok_or("must be the name of a header"))
        }
        (None, Some(name)) => {
            let plain = !name.is_empty() && !name.bytes().any(|b| b.is_ascii_control() || matches!(b, b'=' | b'&' | b'#' | b' '));
            place.field("query").take(plain.then(|| HashOn::Query(Box::from(&**name))).ok_or("must be the name of a parameter"))
        }
        (Some(_), Some(_)) => {
            place.field("query").out_of_place("must not stand beside `header`: one of them is enough");
            None
        }
        (None, None) => {
            place.missing("needs `header` or `query`");
            None
        }
    }
}

fn health(typed: &raw::Health, place: &Place<'_>) -> HealthChecks {
    let path = typed.path.as_ref().map(|path| {
        let place = place.field("path");
        if path.contains('?') {
            place.fault("must have no query");
        } else if let Err(rule) = check_path(path) {
            place.fault(format!("is no path: {rule}"));
        }
        Box::from(&**path)
    });
    let interval = timeouts::one(typed.interval, "interval", defaults::HEALTH_INTERVAL, place);
    if interval < defaults::MIN_HEALTH_INTERVAL && !interval.is_zero() {
        place.field("interval").fault("must not be shorter than `100ms`");
    }
    HealthChecks {
        path,
        interval,
        timeout: timeouts::one(typed.timeout, "timeout", defaults::HEALTH_TIMEOUT, place),
        healthy: typed.healthy.map_or(defaults::HEALTHY_AFTER, |count| count.0),
        unhealthy: typed.unhealthy.map_or(defaults::UNHEALTHY_AFTER, |count| count.0),
    }
}

/// Reads an address; a relative path of a socket starts at `folder`.
fn address(text: &str, folder: &Path) -> Result<Backend, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() { Err(EXPECTED) } else { Ok(Backend::Unix(folder.join(path))) };
    }
    let (scheme, authority) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if authority.contains(['/', '?', '#']) {
        return Err("must have no path: requests keep their own");
    }
    if authority.contains('@') {
        return Err("must have no user: the backend's own credentials go into `set_headers` of a route");
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
            Ok(Backend::Tcp { host, port, tls })
        }
        _ => Err(EXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, tls: bool) {
        assert_eq!(address(text, Path::new("/etc")), Ok(Backend::Tcp { host: host.to_owned(), port, tls }), "{text}");
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
        assert_eq!(address("unix:/run/a.sock", Path::new("/etc")), Ok(Backend::Unix("/run/a.sock".into())));
        assert_eq!(address("unix:a.sock", Path::new("/etc")), Ok(Backend::Unix("/etc/a.sock".into())));
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
            assert!(address(text, Path::new("/etc")).is_err(), "{text} was taken");
        }
        assert!(address("*.example.com:80", Path::new("/etc")).is_err() && address("unix:", Path::new("/etc")).is_err());
    }
}
