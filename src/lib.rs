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
//!  └─ gate                             PURE: the decision
//! ```

pub mod admin;
pub mod app;
pub mod cli;
pub mod config;
pub mod dialect;
pub mod edge;
pub mod gate;
pub mod keystore;
pub mod telemetry;
