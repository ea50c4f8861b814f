use super::*;
use proptest::prelude::*;

fn rates(messages: Option<(u32, u32)>, bytes: Option<(u32, u32)>, over: OverRate) -> StreamRates {
    let rate = |(amount, window_s)| StreamRate::new(amount, window_s).unwrap();
    StreamRates { messages: messages.map(rate), bytes: bytes.map(rate), over }
}

fn alone(rates: StreamRates) -> Allowance {
    Allowance::new(StreamLimits { rates, message_size: None }, None).unwrap()
}

fn wait(asked: Result<(), Beyond>) -> Option<u64> {
    asked.expect_err("beyond").wait_ns
}

#[test]
fn where_nothing_is_limited_there_is_nothing_to_ask() {
    let key = || Some((StreamRates::default(), Arc::new(StreamMeter::default())));
    assert!(Allowance::new(StreamLimits::default(), key()).is_none());
    assert!(Allowance::new(StreamLimits { message_size: Some(1), ..StreamLimits::default() }, None).is_some());
    let limited = rates(Some((1, 1)), None, OverRate::Close);
    assert!(Allowance::new(StreamLimits::default(), Some((limited, Arc::new(StreamMeter::default())))).is_some());
}

#[test]
fn what_is_no_rate_of_a_stream() {
    assert!(StreamRate::new(0, 1).is_err() && StreamRate::new(1, 0).is_err() && StreamRate::new(1, 3600).is_err());
}

proptest! {
    #[test]
    fn a_windows_worth_passes_at_once_and_then_one_by_one(amount in 1u32..3000, window in prop_oneof![Just(1u32), Just(60)], now in 0u64..u64::MAX / 4) {
        let allowance = alone(rates(Some((amount, window)), None, OverRate::Throttle));
        for _ in 0..amount {
            prop_assert_eq!(allowance.message(now), Ok(()));
        }
        // Rounding to whole nanoseconds may let one more through in a window of so many.
        let mut after = now;
        let Err(Beyond { wait_ns: Some(wait_ns), .. }) = allowance.message(now) else { panic!("one more passed") };
        prop_assert_eq!(wait(allowance.message(now + wait_ns - 1)), Some(1));
        for _ in 0..5 {
            after += wait_ns.max(u64::from(window) * SECOND_NS / u64::from(amount));
            prop_assert_eq!(allowance.message(after), Ok(()));
        }
    }

    /// Whoever waits for as long as it is told never sends more than the rate lets through, but for the first window's worth and the
    /// last piece.
    #[test]
    fn bytes_that_wait_keep_to_their_rate(
        amount in 1u32..200_000, window in prop_oneof![Just(1u32), Just(60)],
        pieces in proptest::collection::vec(1usize..70_000, 1..60),
    ) {
        let allowance = alone(rates(None, Some((amount, window)), OverRate::Throttle));
        let (mut now, mut sent) = (7, 0u64);
        for piece in pieces {
            let piece = piece.min(allowance.most_at_once());
            if let Err(Beyond { wait_ns, .. }) = allowance.owes_nothing(now) {
                let wait_ns = wait_ns.unwrap();
                prop_assert!(wait_ns <= u64::from(window) * SECOND_NS, "no debt is larger than a window");
                now += wait_ns;
                prop_assert_eq!(allowance.owes_nothing(now), Ok(()));
            }
            allowance.went_on(piece, now);
            sent += piece as u64;
            let allowed = u128::from(amount) * u128::from(now - 7) / u128::from(u64::from(window) * SECOND_NS);
            let most = allowed + u128::from(amount) + piece as u128 + 60;
            prop_assert!(u128::from(sent) <= most, "{} of {} at {}", sent, most, now);
        }
    }
}

#[test]
fn a_frame_beyond_the_rate_ends_the_stream_before_any_of_it() {
    let allowance = alone(rates(None, Some((1000, 1)), OverRate::Close));
    let beyond = Err(Beyond { scope: Scope::Connection, limit: StreamLimit::Bytes, wait_ns: None });
    assert_eq!(allowance.frame(1001, 0, 5), beyond, "more than may ever come at once");
    assert_eq!(allowance.frame(600, 0, 5), Ok(()));
    assert_eq!(allowance.frame(401, 0, 5), beyond);
    assert_eq!(allowance.frame(400, 0, 5), Ok(()));
    assert_eq!((allowance.frame(1, 0, 5), allowance.frame(1, 0, 1_000_005)), (beyond, Ok(())));
    assert_eq!(allowance.frame(u64::MAX, 0, 5), beyond);
    // Nothing of it is a matter of waiting.
    allowance.went_on(1 << 20, 5);
    assert_eq!((allowance.owes_nothing(5), allowance.most_at_once()), (Ok(()), usize::MAX));
}

#[test]
fn a_message_has_a_largest_size() {
    let allowance = |max| Allowance::new(StreamLimits { message_size: Some(max), ..StreamLimits::default() }, None).unwrap();
    let beyond = Err(Beyond { scope: Scope::Connection, limit: StreamLimit::MessageSize, wait_ns: None });
    assert_eq!((allowance(100).frame(104, 100, 0), allowance(100).frame(105, 101, 0)), (Ok(()), beyond));
    assert_eq!(allowance(u32::MAX).frame(u64::MAX, u32::MAX, 0), beyond, "it may be larger than can be counted");
}

#[test]
fn streams_of_a_key_share_its_rates_and_have_their_own() {
    let key = Arc::new(StreamMeter::default());
    let of_key = rates(Some((3, 1)), Some((1000, 1)), OverRate::Throttle);
    let own = StreamLimits { rates: rates(Some((2, 1)), None, OverRate::Close), message_size: None };
    let stream = || Allowance::new(own, Some((of_key, Arc::clone(&key)))).unwrap();
    let (one, other) = (stream(), stream());
    assert_eq!([one.message(0), one.message(0)], [Ok(()), Ok(())]);
    assert_eq!(one.message(0), Err(Beyond { scope: Scope::Connection, limit: StreamLimit::Messages, wait_ns: None }));
    assert_eq!(other.message(0), Ok(()), "what the stream was refused was not charged to the key");
    let beyond = Beyond { scope: Scope::Key, limit: StreamLimit::Messages, wait_ns: Some(333_333_332) };
    assert_eq!(other.message(0), Err(beyond));
    assert_eq!(other.message(333_333_333), Ok(()), "what the key was refused was not charged to the stream");
    one.went_on(1500, 0);
    let owed = Err(Beyond { scope: Scope::Key, limit: StreamLimit::Bytes, wait_ns: Some(500_000_000) });
    assert_eq!((other.owes_nothing(0), other.owes_nothing(500_000_000)), (owed, Ok(())));
}

#[test]
fn a_raised_rate_forgives_what_was_owed_under_the_old_one() {
    let key = Arc::new(StreamMeter::default());
    let stream = |rate| {
        let rates = rates(None, Some(rate), OverRate::Throttle);
        Allowance::new(StreamLimits::default(), Some((rates, Arc::clone(&key)))).unwrap()
    };
    stream((1000, 60)).went_on(2000, 0);
    assert_eq!(wait(stream((1000, 60)).owes_nothing(0)), Some(60 * SECOND_NS));
    assert_eq!(wait(stream((1 << 30, 1)).owes_nothing(0)), Some(SECOND_NS), "at most one window");
}

#[test]
fn threads_together_get_a_windows_worth_and_not_one_more() {
    let key = Arc::new(StreamMeter::default());
    let passed: usize = std::thread::scope(|scope| {
        let ask = || {
            let rates = rates(Some((1000, 60)), None, OverRate::Close);
            let stream = Allowance::new(StreamLimits::default(), Some((rates, Arc::clone(&key)))).unwrap();
            (0..1000).filter(|_| stream.message(7).is_ok()).count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1000);
}
