//! How much a key and a peer may do: rates by GCRA, quotas by the calendar, places by leases, and what goes through a stream. State is a few words that outlive
//! any reload.

mod charges;
mod gcra;
mod lease;
mod peers;
mod period;
mod quotas;
mod stream;

pub use charges::{Charge, Charges, LimitName};
pub use gcra::{Gcra, Pace, Quota};
pub use lease::{Lease, Places};
pub use peers::{PeerKey, PeerLease, PeerPlaces, PeerTable};
pub use period::Period;
pub use quotas::{Meters, Quotas, Tallies, Tally};
pub use stream::{Allowance, Beyond, OverRate, Scope, StreamLimit, StreamLimits, StreamMeter, StreamRate, StreamRates};
