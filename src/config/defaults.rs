//! What holds where nothing is said. `unlimited` is among it only where there is nothing to protect by a number of ours.

use std::time::Duration;

/// 1000 requests a second: above what one page or server sends when it is well, below what hurts a backend when it is not.
pub(super) const KEY_REQUESTS_PER_S: u32 = 1000;
/// Two seconds' worth: after a restart of the backend, every client of a key comes back at once.
pub(super) const KEY_BURST: u32 = 2000;
/// What one gate holds with common limits of file descriptors, two for each stream.
pub(super) const KEY_CONNECTIONS: u32 = 10_000;

/// The gate's own user and group: whoever else is to connect is put into the group.
pub(super) const SOCKET_MODE: u32 = 0o660;

/// An honest client sends a head in one packet; this is for a phone in a tunnel.
pub(super) const HEAD: Duration = Duration::from_secs(10);
/// As nginx' `keepalive_timeout` and load balancers in front have it, give or take.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// As nginx' `client_body_timeout` and `send_timeout` have it, but for 16 KiB rather than for any byte.
pub(super) const BODY: Duration = Duration::from_secs(60);
/// The backend is a neighbour: what takes longer is down.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// As nginx' `proxy_read_timeout`.
pub(super) const UPSTREAM_HEAD: Duration = Duration::from_secs(60);
/// As nginx' `proxy_read_timeout` and `proxy_send_timeout`, which are between two operations too.
pub(super) const UPSTREAM_IDLE: Duration = Duration::from_secs(60);
/// Kubernetes kills 30 seconds after it asked (`terminationGracePeriodSeconds`).
pub(super) const DRAIN: Duration = Duration::from_secs(25);

/// A longer wait is a mistake in the unit.
pub(super) const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// As long as a manager may be away before what it has revoked must be taken to be unknown.
pub(super) const MAX_STALE: Duration = Duration::from_secs(3600);
/// Shorter, and a manager that is restarted would take its gates with it.
pub(super) const MIN_MAX_STALE: Duration = Duration::from_secs(1);

/// Between rounds of health checks: a dead server is passed over within a quarter of a minute.
pub(super) const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// A neighbour that takes longer to say that it is well is not.
pub(super) const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// As HAProxy's `rise`: one answer between two failures is no recovery.
pub(super) const HEALTHY_AFTER: u32 = 2;
/// As HAProxy's `fall`: one lost packet takes nobody out.
pub(super) const UNHEALTHY_AFTER: u32 = 3;
/// More often would be load of its own.
pub(super) const MIN_HEALTH_INTERVAL: Duration = Duration::from_millis(100);
