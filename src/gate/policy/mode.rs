//! Whether what would be refused is refused.

/// What becomes of a refusal. Said of all requests, of a route or of a key; the most special word counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is one.
    #[default]
    Enforce,
    /// It is counted and logged, and the request passes.
    Report,
}
