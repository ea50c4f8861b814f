//! Server-sent events as they come (WHATWG HTML, section 9.2), of whoever this gate asks, who may be anybody: nothing is kept beyond a
//! bound, no byte is moved twice for what stands before it, and whatever comes gives way to others. A library would do but for that.
//!
//! Lines end with LF, as a manager writes them. The standard also knows CR and CRLF: they end nothing here, and what has no other ends comes
//! to its bound and is refused.

use std::{fmt, str};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use memchr::memmem;
use tokio::task::coop;

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
    /// What stands before it in `read` was taken.
    begin: usize,
    /// From `begin` to here no end of an event was found.
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
        Self { body, read: Vec::new(), begin: 0, looked: 0, most }
    }

    /// The next event that says something. Each that says nothing, and each piece of the body, costs of the task's budget: however many come
    /// at once, others have their turn, and so has the timer of whoever waits for this.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn next(&mut self) -> Result<Event, NoEvent> {
        loop {
            coop::consume_budget().await;
            if let Some(event) = self.block() {
                let event = event?;
                if event != Event::default() {
                    return Ok(event);
                }
                continue;
            }
            let frame = self.body.frame().await.ok_or(NoEvent::Ended)?;
            let frame = frame.map_err(|error| NoEvent::Broken(error.to_string()))?;
            if let Ok(bytes) = frame.into_data() {
                self.add(bytes);
            }
        }
    }

    /// What stands before the next empty line, if that was read.
    fn block(&mut self) -> Option<Result<Event, NoEvent>> {
        let Some(found) = memmem::find(&self.read[self.looked..], b"\n\n") else {
            self.looked = self.read.len().saturating_sub(1).max(self.begin);
            return (self.read.len() - self.begin > self.most).then_some(Err(NoEvent::Strange));
        };
        let end = self.looked + found + 2;
        let block = &self.read[self.begin..end];
        (self.begin, self.looked) = (end, end);
        Some(if block.len() > self.most {
            Err(NoEvent::Strange)
        } else {
            str::from_utf8(block).map(parsed).map_err(|_| NoEvent::Strange)
        })
    }

    /// More was read. What was taken goes, and its memory with it, where nothing is left of it.
    fn add(&mut self, bytes: Bytes) {
        if self.begin == self.read.len() {
            self.read = bytes.into();
        } else {
            self.read.drain(..self.begin);
            self.read.extend_from_slice(&bytes);
        }
        self.looked -= self.begin;
        self.begin = 0;
    }
}

fn parsed(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.split('\n') {
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

    fn told(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    /// `text` in pieces that end where `cuts` say.
    fn cut(text: &[u8], mut cuts: Vec<usize>) -> Vec<Vec<u8>> {
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| text[pair[0]..pair[1]].to_vec()).collect()
    }

    fn now<T>(told: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(told)
    }

    proptest! {
        #[test]
        fn the_events_are_the_same_however_they_are_cut(cuts in proptest::collection::vec(0..TEXT.len(), 0..8)) {
            let (events, end) = now(all(cut(TEXT.as_bytes(), cuts), 1000));
            prop_assert_eq!(events, [told("changes", "one\ntwo\n"), told("", "bare\n"), told("behind", "\n")]);
            prop_assert_eq!(end, NoEvent::Ended);
        }

        /// Whatever comes, ends of other systems among it, is what a reading of the whole text by the words of the standard has.
        #[test]
        fn any_text_is_read_in_one_way(
            text in r"(\n|\r|:| |data|event|id|x){0,60}",
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
        ) {
            let cuts = cuts.iter().map(|at| at.index(text.len() + 1)).collect();
            let (events, end) = now(all(cut(text.as_bytes(), cuts), 1000));
            let (mut wanted, mut event) = (Vec::new(), Event::default());
            // What has no empty line behind it is no event.
            let whole = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
            for line in whole.split('\n') {
                match line.split_once(':').unwrap_or((line, "")) {
                    ("", "") if line.is_empty() => {
                        let Event { name, data } = std::mem::take(&mut event);
                        wanted.extend((!(name.is_empty() && data.is_empty())).then_some((name, data)));
                    }
                    ("event", value) => event.name = value.strip_prefix(' ').unwrap_or(value).to_owned(),
                    ("data", value) => event.data += &format!("{}\n", value.strip_prefix(' ').unwrap_or(value)),
                    _ => {}
                }
            }
            prop_assert_eq!((events, end), (wanted, NoEvent::Ended));
        }
    }

    #[tokio::test]
    async fn what_has_no_end_is_not_kept() {
        assert_eq!(all(vec![b"data: ".to_vec(), vec![b'x'; 100], vec![b'x'; 100]], 150).await, (Vec::new(), NoEvent::Strange));
        assert_eq!(all(vec![[&[b'x'; 200][..], b"\n\n"].concat()], 150).await, (Vec::new(), NoEvent::Strange));
        assert_eq!(all(vec![b"data: \xff\n\n".to_vec()], 150).await, (Vec::new(), NoEvent::Strange));
        let other_ends = b"data: x\r\n\r\n".repeat(20);
        assert_eq!(all(vec![other_ends], 150).await, (Vec::new(), NoEvent::Strange));
    }

    /// Were the rest moved for each of these, it would be a terabyte.
    #[tokio::test]
    async fn a_flood_of_nothing_is_read_once() {
        let flood = [&vec![b'\n'; 2 * 1024 * 1024][..], b"data: behind it\n\n"].concat();
        assert_eq!(all(vec![flood], 150).await, (vec![told("", "behind it\n")], NoEvent::Ended));
    }

    /// In one piece or in many: whoever else is on the thread, a timer among them, has its turn.
    #[tokio::test]
    async fn a_flood_of_nothing_gives_way() {
        for pieces in [vec![b":\n\n".repeat(10_000)], vec![b":\n\n".to_vec(); 10_000], vec![b"x".to_vec(); 10_000]] {
            let mut events = stream_of(pieces, 100_000);
            tokio::select! {
                biased;
                end = events.next() => panic!("the thread was held to the end: {end:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }

    #[tokio::test]
    async fn an_event_keeps_no_memory() {
        let large = [b"data: ", &vec![b'x'; 1_000_000][..], b"\n\n"].concat();
        let mut events = stream_of(vec![large, b"data: 1\n\n".to_vec()], 2_000_000);
        events.next().await.unwrap();
        events.next().await.unwrap();
        assert!(events.read.capacity() < 1000, "{}", events.read.capacity());
    }
}
