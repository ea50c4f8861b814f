//! What a key may do: a set of operations.
//!
//! Operations are checked against the route. Channel patterns narrower than "every channel" are refused by the
//! configuration until channels can be read from a request, so that no key is ever held wider than it was written.

mod operation;

pub use operation::{Operation, Operations};
