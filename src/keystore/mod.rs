//! Where key sets come from: files, read whole and watched for change, and stores of managed keys. And where a gate keeps what it must
//! not forget.
//!
//! Knows how to get text and when to get it again; what the text means is the configuration's affair.

mod event_stream;
mod file;
mod http_client;
mod parcel;
mod sqlite;
mod state;
mod store;
mod watch;

pub use event_stream::{Event, EventStream, NoEvent};
pub use file::read_text;
pub use http_client::{HttpClient, NoAnswer};
pub use parcel::{
    Heading, MAX_CHANGES_BYTES, MAX_SNAPSHOT_BYTES, Opened, ParcelError, Says, Signer, Way, open as open_parcel,
    seal as seal_parcel, verify as verify_parcel,
};
pub use sqlite::{Restored, SqliteStore, WentOn};
pub use state::{read_state, write_state};
pub use store::{
    App, AuditFilter, AuditFrom, AuditHead, AuditRecord, Change, ChangedKeys, Checkpoint, Committed, Deed, KeyFilter, KeyStore,
    Once, Operator, RecordHash, Role, StoreError, Usage, Version,
};
pub use watch::{Changes, watch};
