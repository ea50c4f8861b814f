//! The order in which a stream opens and in which a change comes into force: with it, a change either finds the stream in the registry
//! or is found by the stream. Knows neither; `tests/race` tries every way in which the two can fall together.

/// Opens a stream: it is registered first, and looks again at itself where what let it in `is_in_force` no more.
pub fn open<S>(register: impl FnOnce() -> S, is_in_force: impl FnOnce() -> bool, look_again: impl FnOnce(&S)) -> S {
    let stream = register();
    if !is_in_force() {
        look_again(&stream);
    }
    stream
}

/// Changes what lets streams in: first for those to come, then for those that are registered. What both came to.
pub fn change<P, W>(publish: impl FnOnce() -> P, walk: impl FnOnce() -> W) -> (P, W) {
    let published = publish();
    (published, walk())
}
