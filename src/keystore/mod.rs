//! Where key sets come from: files, read whole and watched for change, and stores of managed keys. And where a gate keeps what it must
//! not forget.
//!
//! Knows how to get text and when to get it again; what the text means is the configuration's affair.

mod file;
mod http_client;
mod sqlite;
mod state;
mod store;
mod watch;

pub use file::read_text;
pub use http_client::{HttpClient, NoAnswer};
pub use sqlite::SqliteStore;
pub use state::{read_state, write_state};
pub use store::{
    App, AuditFilter, AuditFrom, AuditHead, AuditRecord, Change, ChangedKeys, Committed, Deed, KeyFilter, KeyStore, Once,
    Operator, Role, StoreError, Usage, Version,
};
pub use watch::{Changes, watch};
