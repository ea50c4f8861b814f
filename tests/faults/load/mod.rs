//! Crowds: thousands of light clients, and a backend for them that keeps no bytes. Where one exchange is looked at closely, `support`
//! is the better tool: it records everything.
//!
//! Entry points: [`Upstream`] is the backend, [`Crowd`] holds streams open through a gate, [`Asker`] sends requests one by one,
//! [`alone`] gives a run the machine to itself.

mod asker;
mod crowd;
mod heard;
mod member;
mod process;
mod socket;
mod times;
mod told;
mod upstream;

use tokio::sync::{Mutex, MutexGuard};

pub use self::{
    asker::{Asker, body_of, request, sum_of},
    crowd::{Crowd, Ends},
    member::{Kind, Member},
    process::{memory, processor_time},
    socket::{Socket, events_request},
    times::Times,
    told::Farewell,
    upstream::Upstream,
};

/// Key limits and peer limits that no crowd crosses.
pub const UNLIMITED: &str = "{ key: { rate: off, connections: off }, ip: { rate: off, connections: off } }";

static MACHINE: Mutex<()> = Mutex::const_new(());

/// Waits until no other run of this program is under way: the largest take nearly all descriptors that a process may have, and one
/// keeps everything on one processor.
pub async fn alone() -> MutexGuard<'static, ()> {
    MACHINE.lock().await
}
