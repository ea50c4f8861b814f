//! Keygate: a reverse-proxy authentication sidecar for realtime backends.
//!
//! The rooms, and who may know whom (imports only go down; `tests/layering.rs` holds it):
//!
//! ```text
//! app                                  the composition root: the only one that knows every room
//!  ├─ edge                             accept, head, HTTP, tunnels: the only room that names pingora
//!  ├─ admin                            status listener, control socket
//!  ├─ keystore                         where key sets come from, and watching them
//!  ├─ config                           YAML as typed → policy as used
//!  ├─ telemetry                        one struct per event → metrics and log together
//!  ├─ dialect                          PURE: incremental readers of frames
//!  ├─ upstream                         PURE: where permitted requests go, as values
//!  ├─ downstream                       PURE: how clients are served, as values
//!  └─ gate                             PURE: the decision
//! ```

#![forbid(unsafe_code)]
#![warn(unused_qualifications)]
#![warn(
    clippy::await_holding_lock,
    clippy::dbg_macro,
    clippy::expect_used,
    clippy::manual_let_else,
    clippy::missing_errors_doc,
    clippy::print_stdout,
    clippy::todo,
    clippy::unwrap_used,
    clippy::use_self,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod dialect;
pub mod downstream;
pub mod edge;
pub mod gate;
pub mod keystore;
pub mod telemetry;
pub mod upstream;
