//! Time and randomness of the machine.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_system::{SystemClock, SystemRandomness};

#[test]
#[expect(clippy::disallowed_methods, reason = "the clock is compared with the system's")]
fn the_clock_tells_the_time_in_microseconds() {
    let unix = || i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros()).unwrap();
    let (before, told, after) = (unix(), SystemClock.now().as_unix_micros(), unix());
    assert!(before <= told && told <= after);
    let fine = (0..1_000).map(|_| SystemClock.now()).filter(|at| *at != at.floor_to_second()).count();
    assert!(fine > 900, "the clock ticks in whole seconds");
    assert!(SystemClock.now() > Timestamp::from_unix_seconds(1_700_000_000).plus(Duration::from_secs(1)));
}

#[test]
fn every_byte_of_a_buffer_is_filled_and_never_twice_the_same() {
    let mut seen = HashSet::new();
    let mut varied = [false; 48];
    for _ in 0..1_000 {
        let mut buffer = [0; 48];
        SystemRandomness.fill(&mut buffer);
        assert!(seen.insert(buffer));
        varied.iter_mut().zip(buffer).for_each(|(varied, byte)| *varied |= byte != 0);
    }
    assert!(varied.iter().all(|varied| *varied), "a byte is always zero");
    SystemRandomness.fill(&mut []);
}
