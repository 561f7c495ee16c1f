//! The suite `ambient`: [`Clock`](portcullis_domain::ports::ambient::Clock) and
//! [`Randomness`](portcullis_domain::ports::ambient::Randomness).

use std::collections::HashSet;

use portcullis_domain::Timestamp;

use super::Ambient;
use super::samples::{RACERS, race};

/// Runs the suite `ambient` on what `async fn factory() -> contract::Ambient` gives.
#[macro_export]
macro_rules! ambient_contract {
    ($factory:expr) => {
        $crate::promises!(
            ambient,
            $factory,
            the_clock_does_not_go_back,
            the_clock_shows_a_time_of_our_days,
            no_two_fills_give_the_same_bytes,
            every_byte_of_a_buffer_is_filled,
            every_bit_is_as_often_set_as_not,
            of_racing_fills_no_two_are_the_same,
        );
    };
}

/// Reading after reading.
pub async fn the_clock_does_not_go_back(ambient: &Ambient) {
    let mut last = ambient.clock.now();
    for _ in 0..10_000 {
        let now = ambient.clock.now();
        assert!(now >= last, "the clock went back from {last} to {now}");
        last = now;
    }
}

/// Neither the epoch nor the end of the calendar.
pub async fn the_clock_shows_a_time_of_our_days(ambient: &Ambient) {
    let now = ambient.clock.now();
    let (from, to) = (Timestamp::from_unix_seconds(1_700_000_000), Timestamp::from_unix_seconds(7_258_118_400));
    assert!(from <= now && now < to, "the clock shows {now}");
}

/// 10,000 times 16 bytes.
pub async fn no_two_fills_give_the_same_bytes(ambient: &Ambient) {
    let fills: HashSet<[u8; 16]> = (0..10_000)
        .map(|_| {
            let mut bytes = [0; 16];
            ambient.random.fill(&mut bytes);
            bytes
        })
        .collect();
    assert_eq!(fills.len(), 10_000, "no two fills give the same bytes");
}

/// Buffers of all sizes, to the last byte.
pub async fn every_byte_of_a_buffer_is_filled(ambient: &Ambient) {
    for length in [0, 1, 2, 7, 8, 9, 31, 32, 33, 255, 256, 257, 4_099, 100_003] {
        let mut touched = vec![false; length];
        for _ in 0..16 {
            let mut bytes = vec![0; length];
            ambient.random.fill(&mut bytes);
            touched.iter_mut().zip(bytes).for_each(|(touched, byte)| *touched |= byte != 0);
        }
        assert!(touched.into_iter().all(|touched| touched), "every byte of a buffer of {length} is filled");
    }
}

/// A rough look: each bit of a byte is set in about half of 80,000.
pub async fn every_bit_is_as_often_set_as_not(ambient: &Ambient) {
    let mut bytes = vec![0; 80_000];
    ambient.random.fill(&mut bytes);
    for bit in 0..8 {
        let set = bytes.iter().filter(|byte| *byte & (1 << bit) != 0).count();
        assert!((39_000..=41_000).contains(&set), "bit {bit} is set in {set} of 80,000 bytes");
    }
}

/// Many hands.
pub async fn of_racing_fills_no_two_are_the_same(ambient: &Ambient) {
    let fills = race(RACERS, |_| {
        let random = ambient.random.clone();
        async move {
            let mut mine = Vec::new();
            for _ in 0..500 {
                let mut bytes = [0; 16];
                random.fill(&mut bytes);
                mine.push(bytes);
            }
            mine
        }
    })
    .await;
    let unique: HashSet<_> = fills.into_iter().flatten().collect();
    assert_eq!(unique.len(), RACERS * 500, "of racing fills no two are the same");
}
