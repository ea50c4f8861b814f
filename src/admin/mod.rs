//! Watching and steering a running gate: the status listener, which changes nothing, the control socket, which only this machine's owner
//! of the process can open, and the admin listener, where keys are managed.
//!
//! Knows the gate through [`Governed`] and the keys through [`Managing`], which the composition root implements; nothing of sockets that
//! carry traffic.

mod api;
mod blocks;
mod client;
mod connections;
mod console;
mod control;
mod cut;
mod described;
mod handover;
mod lead;
mod manage;
mod socket;
mod status;

use std::time::Duration;

use crate::gate::blocks::Target;

pub use self::{
    api::{Admin, Hosts, offline_routes, openapi_document, serve_admin},
    blocks::{Asker, BlockView, Blocked, Kept, Lifted, Wanted},
    client::{ControlError, Question, Way, call},
    connections::{By, Connection, Connections, Filter, Group, Grouping, Groups, Listing, MAX_NUMBER, MAX_PAGE, word},
    console::{Asset, CONSOLE, CONSOLE_POLICY},
    control::serve_control,
    cut::{Cut, MAX_CUT_WAIT, Severed},
    described::{Described, DescribedHeader},
    handover::{MeetError, Offered, Predecessor, Role},
    lead::{Ended, Followed, GateView, Joining, Leading, Report, ToldCounts, ToldMisuse, ToldUsage},
    manage::{
        AppView, Asked, Caller, Created, CreatedOperator, FieldProblem, GateReceipt, KeyView, KeysWanted, KnownRecord, Managing,
        NewApp, NewOperator, Page, Reach, Receipt, Shown, Stepped, Stepping, Trouble, UsageView,
    },
    socket::{ControlSocket, Place, default_control_path},
    status::serve_status,
};

/// What can be asked of a running gate.
#[async_trait::async_trait]
pub trait Governed: Send + Sync + 'static {
    /// Whether it should receive traffic.
    ///
    /// # Errors
    /// Why it should not.
    fn ready(&self) -> Result<(), &'static str>;

    /// All metrics in the text format.
    ///
    /// # Errors
    /// If they cannot be written out.
    fn metrics(&self) -> Result<Vec<u8>, String>;

    /// Reads configuration and keys again; the new generation, or what is wrong with them.
    async fn reload(&self) -> Result<u64, String>;

    /// Begins to drain and waits up to `wait` for the streams to end; how many are left.
    async fn drain(&self, wait: Duration) -> usize;

    /// A page of the live connections.
    ///
    /// # Errors
    /// If they are of a key that was named by its text.
    fn connections(&self, wanted: &Listing) -> Result<Connections, String>;

    /// The live connections, counted by what they have in common.
    ///
    /// # Errors
    /// As [`Governed::connections`].
    fn grouped_connections(&self, wanted: &Grouping) -> Result<Groups, String>;

    /// Tells live connections to end, and waits for that.
    ///
    /// # Errors
    /// If they are of a key that was named by its text, or none has the id.
    async fn cut(&self, wanted: Cut, asker: Asker) -> Result<Severed, String>;

    /// Blocks, at once; returns when that is kept, or cannot be.
    ///
    /// # Errors
    /// Why nothing was blocked.
    async fn block(&self, wanted: Wanted, asker: Asker) -> Result<Blocked, String>;

    /// Lifts a block; returns when that is kept, or cannot be.
    ///
    /// # Errors
    /// If just that is not blocked.
    async fn unblock(&self, target: Target, asker: Asker) -> Result<Lifted, String>;

    /// What is blocked now.
    fn blocks(&self) -> Vec<BlockView>;

    /// The listening sockets, for the process that is to take over.
    ///
    /// # Errors
    /// Why there are none to be had.
    fn offer(&self) -> Result<Vec<Offered>, String>;

    /// From now on blocks change no more. Returns them as the text of a state file, in one line.
    ///
    /// # Errors
    /// If it broke off.
    async fn freeze_blocks(&self) -> Result<String, String>;

    /// Blocks may change again: nobody took over.
    fn thaw_blocks(&self);

    /// Another process has taken over: accept nothing more, see out what is open, and end.
    fn replaced(&self);

    /// Sets the level of diagnostics.
    ///
    /// # Errors
    /// What is wrong with the directive.
    fn set_log_level(&self, directive: &str) -> Result<(), String>;
}
