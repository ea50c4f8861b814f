//! Capabilities of a hundred patterns, by what the patterns are like, and the channels that they are asked about. Shared with
//! `tests/decision_alloc.rs`.

use keygate::gate::capability::{AdminRights, Capabilities, Operation, Operations, Pattern};

/// A set, a channel that one of its patterns matches, and one that none does though much of its name is known.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) capabilities: Capabilities,
    pub(crate) held: &'static str,
    pub(crate) not_held: &'static str,
}

/// How many patterns a set has.
pub(crate) const PATTERNS: usize = 100;

pub(crate) fn sets() -> [Set; 4] {
    let set = |name, pattern: fn(usize) -> String, held, not_held| {
        let subscribe = Operations::NONE.with(Operation::Subscribe);
        let parsed = (0..PATTERNS).map(|at| Pattern::parse(&pattern(at)).expect("a pattern"));
        Set { name, capabilities: Capabilities::new(parsed.map(|parsed| (parsed, subscribe)), AdminRights::None), held, not_held }
    };
    [
        set("literal", |at| format!("chat:room-{at}"), "chat:room-77", "chat:room-177"),
        set("last star", |at| format!("chat:room-{at}:*"), "chat:room-77:typing", "chat:room-177:typing"),
        set("inner star", |at| format!("chat:*:room-{at}:typing"), "chat:a:room-77:typing", "chat:a:room-77:typed"),
        set("of all kinds", mixed, "team-72:anne:status", "team-72:anne:state"),
    ]
}

fn mixed(at: usize) -> String {
    match at % 4 {
        0 => format!("team-{at}:*:status"),
        1 => format!("team-{at}:*"),
        2 => format!("*:room-{at}:*"),
        _ => format!("notifications:{at}"),
    }
}
