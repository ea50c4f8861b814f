//! Live streams page by page, in the order in which they came.
//!
//! The cursor is the id of the last stream of a page. Ids only rise, so a cursor stays good while streams come and go: nobody is on
//! two pages, and whoever lives throughout is on one. Knows nothing of what is looked for.

use std::sync::Arc;

use super::{LiveStream, Registry};

/// Some of the live streams that were looked for.
pub struct Page {
    /// In the order of their ids.
    pub streams: Vec<Arc<LiveStream>>,
    /// How many there are in all, before this page and behind it too.
    pub matching: usize,
    /// What the next page comes after; `None` where this is the last.
    pub next: Option<u64>,
}

impl Registry {
    /// The first `limit` streams that `takes` takes and whose ids are above `after`. Walks over all streams, and holds at most twice
    /// `limit`.
    pub fn page(&self, after: u64, limit: usize, mut takes: impl FnMut(&LiveStream) -> bool) -> Page {
        let mut found = First { streams: Vec::new(), limit, bound: u64::MAX, left_out: false };
        let mut matching = 0;
        self.for_each(|stream| {
            if takes(stream) {
                matching += 1;
                found.offer(after, stream);
            }
        });
        found.prune();
        found.streams.sort_unstable_by_key(|stream| stream.id);
        let next = found.streams.last().filter(|_| found.left_out).map(|stream| stream.id);
        Page { streams: found.streams, matching, next }
    }
}

/// The streams with the lowest ids of those offered so far.
struct First {
    streams: Vec<Arc<LiveStream>>,
    limit: usize,
    /// Nobody above it can be among them.
    bound: u64,
    left_out: bool,
}

impl First {
    fn offer(&mut self, after: u64, stream: &Arc<LiveStream>) {
        if stream.id <= after {
            return;
        }
        if stream.id > self.bound {
            self.left_out = true;
            return;
        }
        self.streams.push(Arc::clone(stream));
        // Not at each one beyond the limit, so that a walk costs no more than its streams.
        if self.streams.len() >= 2 * self.limit {
            self.prune();
        }
    }

    fn prune(&mut self) {
        if self.streams.len() <= self.limit {
            return;
        }
        self.left_out = true;
        if let Some(last) = self.limit.checked_sub(1) {
            self.bound = self.streams.select_nth_unstable_by_key(last, |stream| stream.id).1.id;
        }
        self.streams.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Entered, *};
    use crate::gate::request::Transport;
    use std::net::Ipv4Addr;

    fn enter(registry: &Arc<Registry>) -> Entered {
        registry.enter(LiveStream::new(None, Transport::WebSocket, Ipv4Addr::LOCALHOST.into(), i64::MAX, 0))
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.streams.iter().map(|stream| stream.id).collect()
    }

    #[test]
    fn pages_hold_everybody_once_while_others_come_and_go() {
        let registry = Arc::new(Registry::default());
        let mut entered: Vec<_> = (0..250).map(|_| enter(&registry)).collect();
        // Slots that are free again are taken by later streams: the order of slots is not that of ids.
        for gone in (0..100).rev().step_by(3) {
            entered.remove(gone);
        }
        let mut passing: Vec<_> = (0..20).map(|_| enter(&registry)).collect();
        let stay: Vec<_> = entered.iter().map(|stream| stream.id).collect();
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let page = registry.page(after, 7, |_| true);
            assert!(page.streams.len() <= 7);
            seen.extend(ids(&page));
            passing.pop();
            entered.push(enter(&registry));
            let Some(next) = page.next else { break };
            after = next;
        }
        assert!(seen.is_sorted_by(|one, other| one < other), "nobody twice: {seen:?}");
        assert!(stay.iter().all(|id| seen.contains(id)), "nobody missed");
    }

    #[test]
    fn the_last_page_says_so_and_all_that_match_are_counted() {
        let registry = Arc::new(Registry::default());
        let _entered: Vec<_> = (0..10).map(|_| enter(&registry)).collect();
        let even = |stream: &LiveStream| stream.id.is_multiple_of(2);
        let page = registry.page(0, 3, even);
        assert_eq!((ids(&page), page.matching, page.next), (vec![2, 4, 6], 5, Some(6)));
        let page = registry.page(6, 3, even);
        assert_eq!((ids(&page), page.matching, page.next), (vec![8, 10], 5, None));
        let page = registry.page(0, 5, even);
        assert_eq!((ids(&page), page.next), (vec![2, 4, 6, 8, 10], None), "a page that is just full is the last");
        assert_eq!(ids(&registry.page(u64::MAX, 5, even)), Vec::<u64>::new());
    }
}
