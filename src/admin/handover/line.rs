//! A talk in lines over a Unix socket, where a line can bring a descriptor.
//!
//! Knows nothing of what is said.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};

/// The longest line: a state file.
const MAX_LINE_BYTES: usize = 32 * 1024 * 1024;
/// The most descriptors that come with one piece; the other side sends one with each.
const DESCRIPTORS: usize = 4;

/// One end of a talk.
pub struct Lines {
    stream: UnixStream,
    unread: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Lines {
    /// A talk on `stream`, of which `unread` was read already.
    #[must_use]
    pub fn new(stream: UnixStream, unread: &[u8]) -> Self {
        Self { stream, unread: unread.to_vec(), descriptors: VecDeque::new() }
    }

    /// Says a line.
    ///
    /// # Errors
    /// The system's.
    pub async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\n").as_bytes()).await
    }

    /// Says a line that brings a descriptor.
    ///
    /// # Errors
    /// The system's.
    pub async fn pass(&mut self, line: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let line = format!("{line}\n");
        let sent = self.stream.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            let descriptors = [descriptor];
            if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(sendmsg(&self.stream, &[IoSlice::new(line.as_bytes())], &mut beside, SendFlags::NOSIGNAL)?)
        });
        let sent = sent.await?;
        self.stream.write_all(&line.as_bytes()[sent..]).await
    }

    /// The next line, without its end. Descriptors that came so far are taken by [`Lines::descriptor`].
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the other side has gone, `InvalidData` for what is no line.
    pub async fn hear(&mut self) -> io::Result<String> {
        let mut looked = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread[looked..]) {
                let mut line: Vec<u8> = self.unread.drain(..=looked + end).collect();
                line.pop();
                return String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            looked = self.unread.len();
            if looked > MAX_LINE_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The earliest descriptor that nobody has taken yet.
    pub fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    async fn receive(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let (read, descriptors) = self
            .stream
            .async_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
                let mut beside = RecvAncillaryBuffer::new(&mut space);
                let flags = RecvFlags::CMSG_CLOEXEC;
                let received = recvmsg(&self.stream, &mut [IoSliceMut::new(&mut piece)], &mut beside, flags)?;
                if received.flags.contains(ReturnFlags::CTRUNC) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a descriptor could not be received"));
                }
                let mut descriptors = Vec::new();
                for message in beside.drain() {
                    if let RecvAncillaryMessage::ScmRights(received) = message {
                        descriptors.extend(received);
                    }
                }
                Ok((received.bytes, descriptors))
            })
            .await?;
        self.unread.extend_from_slice(&piece[..read]);
        self.descriptors.extend(descriptors);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[tokio::test]
    async fn lines_and_descriptors_arrive_in_order_and_the_end_is_told() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut here, mut there) = (Lines::new(here, b""), Lines::new(there, b"early\nha"));
        let sockets: Vec<_> = (0..20).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        here.say("lf").await.unwrap();
        for (nth, socket) in sockets.iter().enumerate() {
            here.pass(&format!("socket {nth}"), socket.as_fd()).await.unwrap();
        }
        let long = "x".repeat(1 << 20);
        let (said, heard) = tokio::join!(here.say(&long), async {
            let mut heard = Vec::new();
            for _ in 0..23 {
                heard.push(there.hear().await.unwrap());
            }
            heard
        });
        said.unwrap();
        assert_eq!(heard[..3], ["early", "half", "socket 0"]);
        assert_eq!((heard[21].as_str(), &heard[22]), ("socket 19", &long));
        for socket in &sockets {
            let received = std::net::TcpListener::from(there.descriptor().unwrap());
            assert_eq!(received.local_addr().unwrap(), socket.local_addr().unwrap());
        }
        assert!(there.descriptor().is_none());
        drop(here);
        assert_eq!(there.hear().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
