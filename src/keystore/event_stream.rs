//! Server-sent events as they come (WHATWG HTML, section 9.2), of whoever this gate asks, who may be anybody: nothing is kept beyond a
//! bound. A library would do but for that.

use std::fmt;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use memchr::memmem;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `event`; empty where nothing was said.
    pub name: String,
    /// The lines of `data`.
    pub data: String,
}

/// A body that is a stream of events.
pub struct EventStream<B> {
    body: B,
    read: Vec<u8>,
    /// So far no end of an event was found in what was read.
    looked: usize,
    most: usize,
}

/// Why there is no next event.
#[derive(Debug, PartialEq, Eq)]
pub enum NoEvent {
    /// The stream is over.
    Ended,
    /// It broke off.
    Broken(String),
    /// It is longer than it may be, or no text.
    Strange,
}

impl<B> EventStream<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    /// The events in `body`, each of `most` bytes at most.
    pub const fn new(body: B, most: usize) -> Self {
        Self { body, read: Vec::new(), looked: 0, most }
    }

    /// The next event that says something.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn next(&mut self) -> Result<Event, NoEvent> {
        loop {
            if let Some(block) = self.block() {
                let event = parsed(&block?);
                if event != Event::default() {
                    return Ok(event);
                }
                continue;
            }
            let frame = self.body.frame().await.ok_or(NoEvent::Ended)?;
            let frame = frame.map_err(|error| NoEvent::Broken(error.to_string()))?;
            if let Ok(bytes) = frame.into_data() {
                self.read.extend_from_slice(&bytes);
            }
        }
    }

    /// What stands before the next empty line, if that was read.
    fn block(&mut self) -> Option<Result<String, NoEvent>> {
        let Some(end) = memmem::find(&self.read[self.looked..], b"\n\n") else {
            self.looked = self.read.len().saturating_sub(1);
            return (self.read.len() > self.most).then_some(Err(NoEvent::Strange));
        };
        let rest = self.read.split_off(self.looked + end + 2);
        let block = std::mem::replace(&mut self.read, rest);
        self.looked = 0;
        Some(if block.len() > self.most { Err(NoEvent::Strange) } else { String::from_utf8(block).map_err(|_| NoEvent::Strange) })
    }
}

fn parsed(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "data" => {
                event.data.push_str(value);
                event.data.push('\n');
            }
            // A comment, or a field that says nothing to us.
            _ => {}
        }
    }
    event
}

impl fmt::Display for NoEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the stream ended"),
            Self::Broken(why) => write!(f, "the stream broke off: {why}"),
            Self::Strange => f.write_str("what came is no stream of events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use proptest::prelude::*;

    fn stream_of(pieces: Vec<Vec<u8>>, most: usize) -> EventStream<impl Body<Data = Bytes, Error = std::io::Error> + Unpin> {
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece))));
        EventStream::new(StreamBody::new(stream::iter(frames)), most)
    }

    async fn all(pieces: Vec<Vec<u8>>, most: usize) -> (Vec<(String, String)>, NoEvent) {
        let (mut events, mut found) = (stream_of(pieces, most), Vec::new());
        loop {
            match events.next().await {
                Ok(Event { name, data }) => found.push((name, data)),
                Err(end) => return (found, end),
            }
        }
    }

    const TEXT: &str =
        ": a comment\n\nevent: changes\nid: 1.2\ndata: one\ndata: two\n\ndata:bare\n\nevent: behind\ndata\n\ndata: cut off";

    proptest! {
        #[test]
        fn the_events_are_the_same_however_they_are_cut(cuts in proptest::collection::vec(0..TEXT.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, TEXT.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| TEXT.as_bytes()[pair[0]..pair[1]].to_vec()).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (events, end) = runtime.block_on(all(pieces, 1000));
            let told = |name: &str, data: &str| (name.to_owned(), data.to_owned());
            prop_assert_eq!(events, [told("changes", "one\ntwo\n"), told("", "bare\n"), told("behind", "\n")]);
            prop_assert_eq!(end, NoEvent::Ended);
        }
    }

    #[tokio::test]
    async fn what_has_no_end_is_not_kept() {
        assert_eq!(all(vec![b"data: ".to_vec(), vec![b'x'; 100], vec![b'x'; 100]], 150).await, (Vec::new(), NoEvent::Strange));
        assert_eq!(all(vec![[&[b'x'; 200][..], b"\n\n"].concat()], 150).await, (Vec::new(), NoEvent::Strange));
        assert_eq!(all(vec![b"data: \xff\n\n".to_vec()], 150).await, (Vec::new(), NoEvent::Strange));
    }
}
