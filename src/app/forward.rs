//! Routes and upstreams of the configuration, in the words of the edge: neither room knows the other.

use crate::{
    config,
    edge::{Backend, Balance, ForwardSpec, HashOn, HealthChecks, SetHeaders, UpstreamSpec, UpstreamTimeouts},
};

/// What the edge is told of a route.
///
/// # Errors
/// If a header cannot be sent, which the configuration has made sure of.
pub fn spec(forward: &config::Forward) -> Result<ForwardSpec, String> {
    Ok(ForwardSpec {
        live: forward.live.as_deref().map(upstream),
        test: forward.test.as_deref().map(upstream),
        rewrite: forward.rewrite.clone(),
        headers: SetHeaders::new(forward.headers.iter().map(|header| (&*header.name, &*header.value)))?,
    })
}

fn upstream(upstream: &config::Upstream) -> UpstreamSpec {
    let config::UpstreamTimeouts { connect, head, idle } = upstream.timeouts;
    UpstreamSpec {
        name: upstream.name.clone(),
        addresses: upstream.addresses.iter().map(backend).collect(),
        balance: balance(&upstream.balance),
        health: upstream.health.as_ref().map(health),
        timeouts: UpstreamTimeouts { connect, head, idle },
    }
}

fn backend(address: &config::Address) -> Backend {
    match address {
        config::Address::Tcp { host, port, tls } => Backend::Tcp { host: host.clone(), port: *port, tls: *tls },
        config::Address::Unix(path) => Backend::Unix(path.clone()),
    }
}

fn balance(balance: &config::Balance) -> Balance {
    match balance {
        config::Balance::RoundRobin => Balance::RoundRobin,
        config::Balance::LeastConnections => Balance::LeastConnections,
        config::Balance::ConsistentHash(on) => Balance::ConsistentHash(match on {
            config::HashOn::Ip => HashOn::Ip,
            config::HashOn::Key => HashOn::Key,
            config::HashOn::Header(name) => HashOn::Header(name.clone()),
            config::HashOn::Query(name) => HashOn::Query(name.clone()),
        }),
    }
}

fn health(health: &config::Health) -> HealthChecks {
    HealthChecks {
        path: health.path.clone(),
        interval: health.interval,
        timeout: health.timeout,
        healthy: health.healthy,
        unhealthy: health.unhealthy,
    }
}
