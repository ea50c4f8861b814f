//! Lists of those whose word is taken: `trusted_proxies`, and `trusted` of `proxy_protocol`.

use super::{
    fault::Place,
    raw::{self, List, Text},
};
use crate::gate::peer::{NetworkError, Networks, UNIX};

/// The proxies of a list: networks, and `unix`. `None` only after a fault.
pub(super) fn proxies(typed: &List<Text>, place: &Place<'_>) -> Option<Networks> {
    let (mut unix, mut networks) = (false, Vec::new());
    let mut whole = true;
    typed.each(place, |place, _, text| match Networks::parse(text) {
        _ if **text == *UNIX => unix = true,
        Ok(network) => networks.push(network),
        Err(error) => {
            place.fault(message(error));
            whole = false;
        }
    });
    let networks = place.take(Networks::new(networks).map_err(message))?;
    whole.then(|| if unix { networks.and_unix() } else { networks })
}

/// The proxies that speak the PROXY protocol to a listener, which is a Unix socket if `is_unix`. `None` only after a fault.
pub(super) fn proxy_protocol(typed: &raw::ProxyProtocol, is_unix: bool, place: &Place<'_>) -> Option<Networks> {
    let trusted = place.required("trusted", typed.trusted.as_ref())?;
    let place = place.field("trusted");
    if trusted.0.is_empty() {
        place.fault("must not be empty: no connection would be taken");
    }
    let proxies = proxies(trusted, &place)?;
    if is_unix && !trusted.0.is_empty() && proxies != Networks::default().and_unix() {
        place.fault("must be `[unix]`: nobody who connects through a Unix socket has an address");
    }
    if !is_unix && trusted.0.iter().flatten().any(|text| **text == *UNIX) {
        place.fault("must not hold `unix`: everybody who connects over TCP has an address");
    }
    Some(proxies)
}

fn message(error: NetworkError) -> String {
    match error {
        NetworkError::Unreadable => {
            "must be an address or a network, such as `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`, or `unix` for whoever connects \
             through a Unix socket"
                .to_owned()
        }
        NetworkError::HostBits(meant) => {
            format!("has bits behind its prefix; write `{meant}` for the network, or the address without a prefix for it alone")
        }
        NetworkError::Everything => {
            "is every address there is: any client could then say that it is somebody else; name the networks of your proxies"
                .to_owned()
        }
    }
}
