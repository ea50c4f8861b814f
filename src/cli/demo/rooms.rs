//! Rooms: whoever is in one gets what is published to it. No sockets and no HTTP: what is sent is a text, in the type that a frame
//! takes, so that one copy serves all readers.
//!
//! A room is there while somebody is in it. Nothing is kept for those who come later, and a publisher never waits for a reader:
//! one that falls behind by more than [`CAPACITY`] messages is told how many it missed.

use std::{collections::HashMap, fmt, sync::Arc};

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};

/// The most rooms at one time: far more than a demo has use for, and an end to what clients can make it hold.
pub const MAX_ROOMS: usize = 1_000;
/// The messages that a room keeps for its slowest reader. A power of two, for tokio rounds up to one.
pub const CAPACITY: usize = 256;
/// The longest name of a channel.
pub const MAX_CHANNEL_BYTES: usize = 255;

/// All rooms. Clones are handles to the same rooms.
#[derive(Clone, Debug, Default)]
pub struct Rooms(Arc<Mutex<HashMap<Channel, Room>>>);

/// The name of a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Channel(Arc<str>);

/// A place in a room, given up when dropped.
#[derive(Debug)]
pub struct Member {
    rooms: Rooms,
    channel: Channel,
    messages: broadcast::Receiver<Utf8Bytes>,
}

/// There are [`MAX_ROOMS`] rooms, and this would be one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
struct Room {
    messages: broadcast::Sender<Utf8Bytes>,
    // Counted here, under the lock, and not by the receivers: two that leave at once would each see the other still there.
    members: usize,
}

impl Rooms {
    /// Enters a room, which is made if it is not there. What is published from here on arrives.
    pub fn join(&self, channel: &Channel) -> Result<Member, Full> {
        let mut rooms = self.0.lock();
        if rooms.len() >= MAX_ROOMS && !rooms.contains_key(channel) {
            return Err(Full);
        }
        let room =
            rooms.entry(channel.clone()).or_insert_with(|| Room { messages: broadcast::Sender::new(CAPACITY), members: 0 });
        room.members += 1;
        Ok(Member { rooms: self.clone(), channel: channel.clone(), messages: room.messages.subscribe() })
    }

    /// Sends a message to everybody in the room, and says to how many.
    pub fn publish(&self, channel: &Channel, message: &Value) -> usize {
        let text = json!({ "channel": channel.as_str(), "message": message }).to_string();
        self.0.lock().get(channel).map_or(0, |room| room.messages.send(text.into()).unwrap_or(0))
    }

    fn leave(&self, channel: &Channel) {
        let mut rooms = self.0.lock();
        if let Some(room) = rooms.get_mut(channel) {
            room.members -= 1;
            if room.members == 0 {
                rooms.remove(channel);
            }
        }
    }
}

impl Member {
    /// The next text to send. `None` never comes while the member lives, for its room lives as long. Cancel safe.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        match self.messages.recv().await {
            Ok(text) => Some(text),
            Err(RecvError::Lagged(missed)) => Some(json!({ "error": "lagged", "missed": missed }).to_string().into()),
            Err(RecvError::Closed) => None,
        }
    }

    /// Publishes to the member's own room; the member gets it too.
    pub fn publish(&self, message: &Value) {
        self.rooms.publish(&self.channel, message);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.rooms.leave(&self.channel);
    }
}

impl Channel {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Channel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name.is_empty() || name.len() > MAX_CHANNEL_BYTES || name.contains(char::is_control) {
            return Err(format!("a channel's name is 1 to {MAX_CHANNEL_BYTES} bytes without control characters"));
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {MAX_ROOMS} rooms are taken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> Channel {
        Channel::try_from(name.to_owned()).expect("a good name")
    }

    #[tokio::test]
    async fn everybody_in_the_room_gets_the_message_and_nobody_else() {
        let rooms = Rooms::default();
        let (news, chat) = (channel("news"), channel("chat"));
        let (mut one, mut two, mut other) = (rooms.join(&news).unwrap(), rooms.join(&news).unwrap(), rooms.join(&chat).unwrap());

        assert_eq!(rooms.publish(&news, &json!({ "n": 1 })), 2);
        assert_eq!(rooms.publish(&chat, &json!("hello")), 1);

        assert_eq!(one.next().await.unwrap(), r#"{"channel":"news","message":{"n":1}}"#);
        assert_eq!(two.next().await.unwrap(), r#"{"channel":"news","message":{"n":1}}"#);
        assert_eq!(other.next().await.unwrap(), r#"{"channel":"chat","message":"hello"}"#);
    }

    #[test]
    fn a_room_vanishes_with_its_last_member() {
        let rooms = Rooms::default();
        let news = channel("news");
        let (one, two) = (rooms.join(&news).unwrap(), rooms.join(&news).unwrap());
        drop(one);
        assert_eq!(rooms.publish(&news, &json!(1)), 1);
        drop(two);
        assert_eq!(rooms.publish(&news, &json!(1)), 0);
        assert!(rooms.0.lock().is_empty());
    }

    #[test]
    fn publishing_makes_no_room() {
        let rooms = Rooms::default();
        assert_eq!(rooms.publish(&channel("nobody"), &json!(1)), 0);
        assert!(rooms.0.lock().is_empty());
    }

    #[test]
    fn there_are_so_many_rooms_and_no_more() {
        let rooms = Rooms::default();
        let members: Vec<_> = (0..MAX_ROOMS).map(|n| rooms.join(&channel(&n.to_string())).unwrap()).collect();
        assert_eq!(rooms.join(&channel("one more")).unwrap_err(), Full);
        let guest = rooms.join(&channel("0")).expect("a room that is there can be entered");
        drop((members, guest));
        assert!(rooms.join(&channel("one more")).is_ok());
    }

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_told_what_it_missed_and_goes_on() {
        let rooms = Rooms::default();
        let news = channel("news");
        let mut slow = rooms.join(&news).unwrap();
        for n in 0..CAPACITY + 44 {
            rooms.publish(&news, &json!(n));
        }
        assert_eq!(slow.next().await.unwrap(), r#"{"error":"lagged","missed":44}"#);
        assert_eq!(slow.next().await.unwrap(), r#"{"channel":"news","message":44}"#);
    }

    #[test]
    fn names_are_bounded() {
        let name = |bytes: usize| Channel::try_from("x".repeat(bytes));
        assert!(name(1).is_ok() && name(MAX_CHANNEL_BYTES).is_ok());
        assert!(name(0).is_err() && name(MAX_CHANNEL_BYTES + 1).is_err());
        assert!(Channel::try_from("a\nb".to_owned()).is_err());
    }
}
