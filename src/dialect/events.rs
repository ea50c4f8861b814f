//! Server-sent events (WHATWG HTML section 9.2.6): where one ends and the next begins, in three flags of state, and how one is written.

/// Follows the boundaries of events in one direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTracker {
    /// The last byte ended a line, or there was none.
    line_ended: bool,
    /// The last byte is a CR, and a LF that follows belongs to it.
    carriage_return: bool,
    /// The last line was empty, or there was none: what follows begins a new event.
    between: bool,
}

impl Default for EventTracker {
    fn default() -> Self {
        Self { line_ended: true, carriage_return: false, between: true }
    }
}

impl EventTracker {
    /// Goes on by `bytes`. Only the line ends at their end are looked at.
    pub fn feed(&mut self, bytes: &[u8]) {
        let is_end = |&b: &u8| b == b'\r' || b == b'\n';
        let ends = match bytes.iter().rposition(|b| !is_end(b)) {
            Some(text) => {
                *self = Self { line_ended: false, carriage_return: false, between: false };
                &bytes[text + 1..]
            }
            None => bytes,
        };
        for &end in ends {
            let belongs = end == b'\n' && std::mem::take(&mut self.carriage_return);
            if !belongs {
                self.between = std::mem::replace(&mut self.line_ended, true);
                self.carriage_return = end == b'\r';
            }
        }
    }

    /// Whether an event of our own may go here.
    #[must_use]
    pub const fn between(&self) -> bool {
        self.between
    }
}

/// An event called `name` with one line of `data`, and, where it is said, after how many milliseconds the client should connect again.
#[must_use]
pub fn event(name: &str, data: &str, retry_ms: Option<u64>) -> Vec<u8> {
    let retry = retry_ms.map(|ms| format!("retry: {ms}\n")).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n{retry}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the standard reads it: by lines.
    fn is_between(text: &str) -> bool {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        lines.is_empty() || lines == "\n" || lines.ends_with("\n\n")
    }

    proptest! {
        #[test]
        fn boundaries_are_empty_lines_however_the_bytes_are_split(
            text in "(data: a|:|b|\r\n|\n|\r){0,12}",
            split in 1usize..5,
        ) {
            let (mut tracker, mut seen) = (EventTracker::default(), String::new());
            for piece in text.as_bytes().chunks(split) {
                tracker.feed(piece);
                seen.push_str(std::str::from_utf8(piece).unwrap());
                prop_assert_eq!(tracker.between(), is_between(&seen), "after {:?}", seen);
            }
        }
    }

    #[test]
    fn an_event_of_our_own_ends_between_two() {
        let mut tracker = EventTracker::default();
        let event = event("keygate", r#"{"code":"draining"}"#, Some(1500));
        assert_eq!(event, b"event: keygate\ndata: {\"code\":\"draining\"}\nretry: 1500\n\n");
        tracker.feed(&event);
        assert!(tracker.between());
    }
}
