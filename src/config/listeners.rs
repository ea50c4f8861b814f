//! `listeners` → where clients connect, and what a connection goes through first.

use std::{collections::HashMap, path::Path};

use super::{
    compile::{MAX_SOCKET_PATH_BYTES, file},
    defaults,
    fault::Place,
    networks::proxy_protocol,
    raw::{self, List, Text},
    used::{Listener, Tls},
};
use crate::downstream::{ListenAddress, UNIX_SCHEME};

const EXPECTED: &str = "must be an IP address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`, or a Unix socket, such as \
     `unix:/run/keygate/gate.sock`";

/// Who may write into a socket's file may connect (unix(7)).
const WRITABLE: u32 = 0o222;

/// The listeners at the top of a file. `None` only after a fault.
pub(super) fn listeners(typed: Option<&List<raw::Listener>>, folder: &Path, root: &Place<'_>) -> Option<Vec<Listener>> {
    let place = root.field("listeners");
    let typed = root.required("listeners", typed)?;
    if typed.0.is_empty() {
        place.fault("must not be empty");
    }
    let mut seen = HashMap::new();
    let listeners = typed.map(&place, |place, typed| {
        let address = address(typed.address.as_ref(), folder, place);
        let tls = typed.tls.as_ref().map(|typed| tls(typed, folder, &place.field("tls")));
        let is_unix = address.as_ref().is_some_and(|address| address.tcp().is_none());
        let proxies = typed.proxy_protocol.as_ref().map(|typed| proxy_protocol(typed, is_unix, &place.field("proxy_protocol")));
        let mode = mode(typed.mode.as_ref(), place);
        let address = address?;
        if is_unix && tls.is_some() {
            place.field("tls").out_of_place("is for TCP: what goes through a Unix socket does not leave this machine");
        }
        if !is_unix && typed.mode.is_some() {
            place.field("mode").out_of_place("means something only for a Unix socket");
        }
        let any_port = address.tcp().is_some_and(|address| address.port() == 0);
        if !any_port && seen.insert(address.clone(), ()).is_some() {
            place.field("address").fault("is the address of another listener already");
        }
        // A listener whose TLS or PROXY protocol is wrong must not come out as one without.
        Some(Listener {
            address,
            mode: mode?,
            tls: tls.map_or(Some(None), |tls| tls.map(Some))?,
            proxy_protocol: proxies.map_or(Some(None), |trusted| trusted.map(Some))?,
        })
    });
    Some(listeners)
}

fn address(typed: Option<&Text>, folder: &Path, place: &Place<'_>) -> Option<ListenAddress> {
    let text = place.required("address", typed)?;
    let place = place.field("address");
    let Some(path) = text.strip_prefix(UNIX_SCHEME) else {
        return place.take(text.parse().map(ListenAddress::Tcp).map_err(|_| EXPECTED));
    };
    let whole = folder.join(path);
    // In the talk between two processes of an upgrade an address is a word of a line.
    place.take(if path.is_empty() || path.ends_with('/') || whole.to_str().is_none_or(|text| text.contains(char::is_control)) {
        Err("must be the path of a file behind `unix:`, such as `unix:/run/keygate/gate.sock`".to_owned())
    } else if whole.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
        Err(format!("is longer than the {MAX_SOCKET_PATH_BYTES} bytes that a socket's path may have"))
    } else {
        Ok(ListenAddress::Unix(whole))
    })
}

/// `"0660"`, in quotes: without them readers of YAML take it for text, for 432 or for 660.
fn mode(typed: Option<&Text>, place: &Place<'_>) -> Option<u32> {
    let Some(text) = typed else { return Some(defaults::SOCKET_MODE) };
    let octal = text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777);
    place.field("mode").take(match mode {
        None => Err("must be the mode of a file in octal digits, in quotes, such as `\"0660\"`"),
        Some(mode) if mode & WRITABLE == 0 => Err("lets nobody connect: to connect takes the right to write, as in `\"0660\"`"),
        Some(mode) => Ok(mode),
    })
}

pub(super) fn tls(typed: &raw::Tls, folder: &Path, place: &Place<'_>) -> Option<Tls> {
    let certificate = file(typed.certificate.as_ref(), "certificate", folder, place);
    let key = file(typed.key.as_ref(), "key", folder, place);
    Some(Tls { certificate: certificate?, key: key? })
}
