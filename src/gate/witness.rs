//! Watching a decision: how `explain` sees each step without the decision knowing of it.

/// One step of a decision, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Peer,
    Route,
    Credential,
    Key,
    Environment,
    Address,
    Browser,
    Origin,
    Operation,
    Limits,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 10] = [
        Self::Peer,
        Self::Route,
        Self::Credential,
        Self::Key,
        Self::Environment,
        Self::Address,
        Self::Browser,
        Self::Origin,
        Self::Operation,
        Self::Limits,
    ];

    /// The name that `explain` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Route => "route",
            Self::Credential => "credential",
            Self::Key => "key",
            Self::Environment => "environment",
            Self::Address => "address",
            Self::Browser => "browser",
            Self::Origin => "origin",
            Self::Operation => "operation",
            Self::Limits => "limits",
        }
    }
}

/// Told of each step that a request passes.
pub trait Witness {
    /// `detail` is asked for only by a witness that wants it; it never holds the text of a key.
    fn passed(&mut self, step: Step, detail: impl FnOnce() -> String);
}

/// Nobody watches: costs nothing.
impl Witness for () {
    fn passed(&mut self, _: Step, _: impl FnOnce() -> String) {}
}
