//! The second stage: the configuration as typed → as used. Everything is looked at before anything is given up, so that one run
//! finds every mistake.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    admin, credentials,
    fault::Place,
    forward::Forwarding,
    limits,
    listeners::listeners,
    manager,
    networks::proxies,
    raw::{self, Text},
    routes, secret_file, streams, timeouts,
    used::{Config, ConnectionLimits, KeyPlace, KeySource, Log, LogFormat},
    wording,
};
use crate::{
    downstream::{ListenAddress, Logged},
    gate::{
        credential::{Environment, Pepper},
        peer::Networks,
        policy::{Mode, Policy},
    },
};

/// What fits into the `sun_path` of a socket's address on Linux, with its end.
pub(super) const MAX_SOCKET_PATH_BYTES: usize = 107;

/// What `typed` means. `None` only after a fault.
pub(super) fn config(typed: &raw::Config, folder: &Path, root: &Place<'_>) -> Option<Config> {
    let listeners = listeners(typed.listeners.as_ref(), folder, root);
    let environments = environments(typed, root);
    let timeouts = timeouts::timeouts(typed.timeouts.as_ref(), &root.field("timeouts"));
    let streams = streams::streams(typed.websocket.as_ref(), typed.sse.as_ref(), root);
    let forwarding = Forwarding::of(typed, environments.as_deref(), folder, timeouts.upstream, root);
    let keys = keys(typed.keys.as_ref(), folder, root);
    let locations = credentials::locations(typed.credentials.as_ref(), &root.field("credentials"));
    let mode = typed.mode.map(Mode::from).unwrap_or_default();
    let routes = routes::routes(typed.routes.as_ref(), mode, &forwarding, root);
    let connection = typed.limits.as_ref().and_then(|limits| limits.connection.as_ref());
    let (key_limits, ip) = limits::limits(typed.limits.as_ref(), &root.field("limits"));
    let trusted_proxies = match &typed.trusted_proxies {
        Some(list) => proxies(list, &root.field("trusted_proxies")),
        None => Some(Networks::default()),
    };
    let status = typed.status.as_ref().and_then(|status| address(status.address.as_ref(), &root.field("status")));
    let admin = typed.admin.as_ref().map(|typed| admin::admin(typed, keys.as_ref(), folder, &root.field("admin")));
    let audit_keep = typed.audit.as_ref().and_then(|typed| admin::audit_keep(typed, keys.as_ref(), &root.field("audit")));
    let control = typed.control.as_ref().and_then(|control| socket(control, folder, &root.field("control")));
    let state = typed.state.as_ref().and_then(|state| file(state.file.as_ref(), "file", folder, &root.field("state")));
    if let (Some(status), Some(listeners)) = (status, &listeners)
        && status.port() != 0
        && listeners.iter().any(|listener| listener.address.tcp() == Some(status))
    {
        root.field("status").field("address").fault("is the address of a listener already");
    }
    if let (Some(control), Some(listeners)) = (&control, &listeners)
        && listeners.iter().any(|listener| listener.address == ListenAddress::Unix(control.clone()))
    {
        root.field("control").field("socket").fault("is the address of a listener already");
    }
    later(typed, root);
    let connections = typed.limits.as_ref().and_then(|limits| limits.connections);
    let (routes, forwards) = routes?;
    Some(Config {
        listeners: listeners?,
        forwards,
        keys: keys?,
        key_limits: Arc::new(key_limits),
        policy: Policy {
            environments: environments?,
            locations: locations?,
            routes,
            mode,
            peer_refusals: ip.rate,
            streams: limits::of_connection(connection, &root.field("limits").field("connection")),
            trusted_proxies: trusted_proxies?,
        },
        limit_headers: limits::headers(typed.limits.as_ref()),
        limits: ConnectionLimits { connections: connections.map(|count| count.0), per_peer: ip.connections },
        timeouts,
        streams,
        handshake_refusal: streams::refusal(typed.websocket.as_ref()),
        log: log(typed.log.as_ref()),
        status,
        admin: admin.map_or(Some(None), |admin| admin.map(Some))?,
        audit_keep,
        control,
        state,
    })
}

fn environments(typed: &raw::Config, root: &Place<'_>) -> Option<Vec<Environment>> {
    let place = root.field("environments");
    let list = root.required("environments", typed.environments.as_ref())?;
    if list.0.is_empty() {
        place.fault("must not be empty: no key would be let in");
    }
    let mut environments = Vec::new();
    list.each(&place, |place, _, environment| {
        let environment = Environment::from(*environment);
        if environments.contains(&environment) {
            place.fault("stands here twice");
        } else {
            environments.push(environment);
        }
    });
    Some(environments)
}

fn keys(typed: Option<&raw::Keys>, folder: &Path, root: &Place<'_>) -> Option<KeySource> {
    let place = root.field("keys");
    let typed = root.required("keys", typed)?;
    let key_place = key_place(typed, folder, &place);
    let pepper = match &typed.pepper {
        None => None,
        Some(pepper) => {
            let place = place.field("pepper");
            let path = file(pepper.file.as_ref(), "file", folder, &place)?;
            let place = place.field("file");
            let bytes = place.take(secret_file::read(&path).map_err(|error| format!("cannot be read: {error}")))?;
            Some(Arc::new(place.take(Pepper::new(&bytes))?))
        }
    };
    Some(KeySource { place: key_place?, pepper })
}

/// Where the keys are, which is one place.
fn key_place(typed: &raw::Keys, folder: &Path, place: &Place<'_>) -> Option<KeyPlace> {
    let beside = |name: &str| {
        place.field(name).out_of_place(
            "must not stand beside another place: keys are in a `file` that somebody else writes, in a store (`sqlite`) that this gate manages, \
             or come from a manager (`url`)",
        );
        None
    };
    if typed.url.is_none() {
        manager::nothing_of(typed, place);
    }
    match (&typed.file, &typed.sqlite, &typed.url) {
        (_, None, None) => file(typed.file.as_ref(), "file", folder, place).map(KeyPlace::File),
        (None, Some(_), None) => file(typed.sqlite.as_ref(), "sqlite", folder, place).map(KeyPlace::Sqlite),
        (None, None, Some(url)) => {
            manager::manager(url, typed, folder, place).map(|manager| KeyPlace::Manager(Box::new(manager)))
        }
        (Some(_), Some(_), _) => beside("sqlite"),
        (_, _, Some(_)) => beside("url"),
    }
}

fn log(typed: Option<&raw::Log>) -> Log {
    let access = match typed.and_then(|log| log.access) {
        None | Some(raw::AccessLog::Refused) => Logged::Refused,
        Some(raw::AccessLog::All) => Logged::All,
        Some(raw::AccessLog::Off) => Logged::Off,
    };
    let format = match typed.and_then(|log| log.format) {
        None | Some(raw::LogFormat::Json) => LogFormat::Json,
        Some(raw::LogFormat::Text) => LogFormat::Text,
    };
    Log { access, format }
}

fn socket(typed: &raw::Control, folder: &Path, place: &Place<'_>) -> Option<PathBuf> {
    let path = file(typed.socket.as_ref(), "socket", folder, place)?;
    if path.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
        place.field("socket").fault(format!("is longer than the {MAX_SOCKET_PATH_BYTES} bytes that a socket's path may have"));
    }
    Some(path)
}

/// What may be said as long as it says what holds anyway.
fn later(typed: &raw::Config, root: &Place<'_>) {
    let per_key = typed.metrics.as_ref().and_then(|metrics| metrics.per_key);
    if per_key.is_some_and(|per_key| per_key != raw::PerKey::Off) {
        root.field("metrics").field("per_key").fault(wording::not_built("per_key"));
    }
}

/// The field `address` at `place`.
pub(super) fn address(typed: Option<&Text>, place: &Place<'_>) -> Option<SocketAddr> {
    const EXPECTED: &str = "must be an IP address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`";
    let text = place.required("address", typed)?;
    place.field("address").take(text.parse().map_err(|_| EXPECTED))
}

/// The file that the field `name` at `place` names.
pub(super) fn file(typed: Option<&Text>, name: &str, folder: &Path, place: &Place<'_>) -> Option<PathBuf> {
    let text = place.required(name, typed)?;
    if text.is_empty() {
        place.field(name).fault("is empty");
        return None;
    }
    Some(folder.join(&**text))
}

impl From<raw::Mode> for Mode {
    fn from(typed: raw::Mode) -> Self {
        match typed {
            raw::Mode::Enforce => Self::Enforce,
            raw::Mode::Report => Self::Report,
        }
    }
}

impl From<raw::Environment> for Environment {
    fn from(typed: raw::Environment) -> Self {
        match typed {
            raw::Environment::Live => Self::Live,
            raw::Environment::Test => Self::Test,
        }
    }
}
