//! What a hash leaves in memory. A process of its own, because all of its memory is searched.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::{Duration, Instant};

use blake2::{Blake2b512, Digest};
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{Match, PasswordHasher};
use portcullis_system::{Argon2Hasher, HashSettings, SystemRandomness};
use zeroize::Zeroize;

const MEMORY_KIB: u32 = 19_456;
/// The same in bytes.
const ALL: u64 = MEMORY_KIB as u64 * 1024;

/// What is looked for is kept with each byte inverted: so it is found only where others have it.
struct Inverted(Vec<u8>);

const LENGTH: usize = 28;
const PASSWORD: [u8; LENGTH] = inverted(*b"seldom-seen purple otters 42");

const fn inverted(mut bytes: [u8; LENGTH]) -> [u8; LENGTH] {
    let mut at = 0;
    while at < LENGTH {
        bytes[at] = !bytes[at];
        at += 1;
    }
    bytes
}

fn password() -> String {
    let mut text = String::with_capacity(LENGTH);
    text.extend(std::hint::black_box(PASSWORD).iter().map(|byte| char::from(!byte)));
    text
}

/// H₀ of RFC 9106 §3.2: whoever has it tries passwords without the work.
#[inline(never)]
fn first_digest(hash: &PasswordHash) -> Inverted {
    let text = argon2::PasswordHash::new(hash.as_str()).unwrap();
    let (mut password, salt) = (password(), text.salt.unwrap());
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut digest = Blake2b512::new();
    for field in [1, 32, MEMORY_KIB, 2, 0x13, 2] {
        digest.update(field.to_le_bytes());
    }
    digest.update(number(LENGTH));
    digest.update(password.as_bytes());
    digest.update(number(salt.len()));
    digest.update(&*salt);
    digest.update([0; 8]);
    let mut first = digest.finalize();
    let inverted = Inverted(first.iter().map(|byte| !byte).collect());
    first.as_mut_slice().zeroize();
    password.zeroize();
    inverted
}

/// What the test itself has left on its stack.
#[inline(never)]
fn sweep_stack() {
    let mut room = [0_u8; 64 * 1024];
    room.zeroize();
}

/// How often each of these is in the memory that this process can write to, and how large the largest mapping is.
fn search(wanted: &[&Inverted]) -> (Vec<usize>, u64) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = Vec::new();
    let (mut found, mut largest) = (vec![0; wanted.len()], 0);
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        memory.seek(SeekFrom::Start(from)).unwrap();
        buffer.clear();
        // The kernel's own mappings cannot be read, and others end meanwhile: what can be read is searched.
        let _end = memory.by_ref().take(to - from).read_to_end(&mut buffer);
        largest = largest.max(to - from);
        for (found, Inverted(wanted)) in found.iter_mut().zip(wanted) {
            let same = |window: &&[u8]| window.iter().zip(wanted).all(|(byte, inverted)| *byte == !inverted);
            *found += buffer.windows(wanted.len()).filter(same).count();
        }
        // What was found is not found again in the copy.
        buffer.fill(0);
    }
    (found, largest)
}

#[tokio::test]
async fn nothing_of_a_password_is_left_in_memory_soon_after_the_last_hash() {
    let settings = HashSettings { memory_kib: MEMORY_KIB, iterations: 2, threads: 1, ..HashSettings::default() };
    let hasher = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap();
    let wanted = Inverted(PASSWORD.to_vec());
    let given = Password::present(password()).unwrap();
    assert_eq!(search(&[&wanted]).0, [1], "the search finds the one that is held here");
    // On a busy machine the memory may be gone before it is looked for.
    let (mut hash, mut largest) = (hasher.hash(&given).await.unwrap(), search(&[]).1);
    for _ in 0..10 {
        if largest < ALL {
            (hash, largest) = (hasher.hash(&given).await.unwrap(), search(&[]).1);
        }
    }
    assert!(largest >= ALL, "after a hash the memory is there, for the next one");
    assert_eq!(hasher.verify(&given, Some(&hash)).await.unwrap(), Match::Yes);
    drop(given);
    let first = first_digest(&hash);
    sweep_stack();
    let mut held: Vec<u8> = first.0.iter().map(|byte| !byte).collect();
    assert_ne!(search(&[&first]).0, [0], "the search finds the digest that is held here");
    held.zeroize();

    let begun = Instant::now();
    loop {
        let (found, largest) = search(&[&wanted, &first]);
        if found == [0, 0] && largest < ALL {
            break;
        }
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(30), "{found:?} times in memory, of which a piece has {largest} bytes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
