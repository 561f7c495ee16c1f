//! Hashes on all cores for the milliseconds of the first argument, and prints how many a second.

use std::time::{Duration, Instant};

use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Algorithm, Argon2, Params, Version};

fn main() {
    let millis = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("how many milliseconds");
    let measured = Duration::from_millis(millis);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let counting: Vec<_> = (0..threads).map(|_| std::thread::spawn(move || hashes(measured))).collect();
    let total: u32 = counting.into_iter().map(|counting| counting.join().expect("no panic")).sum();
    println!("{}", f64::from(total) / measured.as_secs_f64());
}

/// The service's default parameters.
fn hashes(measured: Duration) -> u32 {
    let params = Params::builder().memory(Memory::kib(19_456)).passes(2).lanes(1).threads(1);
    let params = params.tag_len(TagLen::bytes(32)).build().expect("parameters");
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    let (mut tag, mut count, begun) = ([0; 32], 0, Instant::now());
    while begun.elapsed() < measured {
        hasher.hash_into(b"correct horse battery staple", &[7; 16], &mut tag).expect("a hash");
        count += 1;
    }
    count
}
