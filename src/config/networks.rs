//! Lists of networks whose word is taken: `trusted_proxies`, and `trusted` of `proxy_protocol`.

use super::{
    fault::Place,
    raw::{self, List, Text},
};
use crate::gate::peer::{NetworkError, Networks};

/// The networks of a list. `None` only after a fault.
pub(super) fn networks(typed: &List<Text>, place: &Place<'_>) -> Option<Networks> {
    let read = typed.map(place, |place, text| place.take(Networks::parse(text).map_err(message)));
    let whole = read.len() == typed.0.len();
    let networks = place.take(Networks::new(read).map_err(message))?;
    whole.then_some(networks)
}

/// The proxies that speak the PROXY protocol to a listener. `None` only after a fault.
pub(super) fn proxy_protocol(typed: &raw::ProxyProtocol, place: &Place<'_>) -> Option<Networks> {
    let trusted = place.required("trusted", typed.trusted.as_ref())?;
    let place = place.field("trusted");
    if trusted.0.is_empty() {
        place.fault("must not be empty: no connection would be taken");
    }
    networks(trusted, &place)
}

fn message(error: NetworkError) -> String {
    match error {
        NetworkError::Unreadable => {
            "must be an address or a network, such as `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`".to_owned()
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
