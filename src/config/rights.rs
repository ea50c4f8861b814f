//! The names of operations and of rights as they are typed: one reader for keys and routes, and what it says of others.

use super::wording;
use crate::gate::capability::{AdminRight, Operation, Right, RightError};

/// Reads a name. `others` are words that may stand here too: they are told of, not read.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub(super) fn parse(text: &str, others: &[&str]) -> Result<Right, String> {
    let whole = AdminRight::WHOLE.to_string();
    let names = || Operation::ALL.iter().map(|operation| operation.name()).chain([&*whole]).chain(others.iter().copied());
    Right::parse(text).map_err(|error| match (error, wording::nearest(text, names())) {
        (RightError::AdminPart, _) => {
            "must go on behind `admin:` with 1 to 32 of a-z, 0-9 and `-`, such as `admin:clients`".to_owned()
        }
        (RightError::Unknown, Some(near)) => format!("is not an operation; did you mean `{near}`?"),
        (RightError::Unknown, None) => format!("must be one of {}", wording::listed(names())),
    })
}
