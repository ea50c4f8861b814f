//! An allocator that counts, for each thread by itself. Shared with `tests/decision_alloc.rs`.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// What this thread has allocated so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Blocks asked for.
    pub(crate) allocations: u64,
    /// Bytes asked for and not given back.
    pub(crate) live_bytes: i64,
}

impl Heap {
    pub(crate) fn now() -> Self {
        Self { allocations: ALLOCATIONS.get(), live_bytes: LIVE_BYTES.get() }
    }

    /// What has come on top since `earlier`.
    pub(crate) fn since(earlier: Self) -> Self {
        let now = Self::now();
        Self { allocations: now.allocations - earlier.allocations, live_bytes: now.live_bytes - earlier.live_bytes }
    }
}

// SAFETY: every call is passed on to `System` as it came; the counters are plain cells that allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

fn count(allocations: u64, bytes: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
}
