//! Cost bombs that are in the database already: nothing of them is computed, and no memory is taken. A process of its own,
//! because its memory is measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashImport, HashRefused, Match, PasswordHasher};
use portcullis_system::{Argon2Hasher, HashSettings, LegacyHashes, SystemRandomness};

/// The most memory that this process ever had, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn b30_a_cost_bomb_in_the_database_takes_neither_time_nor_memory() {
    let settings =
        HashSettings { memory_kib: 64, iterations: 1, weak_parameters_allowed: true, ..HashSettings::default() };
    let hasher = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap();
    let password = Password::present("test".to_owned()).unwrap();
    assert_eq!(hasher.verify(&password, None).await.unwrap(), Match::No);
    let (salt, tag) = ("c29tZXNhbHRzb21lc2FsdA", "MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA");
    let bombs = [
        format!("$argon2id$v=19$m=8388608,t=2,p=4${salt}${tag}"),
        format!("$argon2id$v=19$m=65536,t=1000,p=4${salt}${tag}"),
        format!("argon2$argon2id$v=19$m=8388608,t=2,p=4${salt}${tag}"),
        format!("{{ARGON2}}$argon2id$v=19$m=8388608,t=2,p=4${salt}${tag}"),
        format!("$scrypt$ln=22,r=8,p=1${salt}${tag}"),
        format!("$scrypt$ln=4194304,r=8,p=1${salt}${tag}"),
        format!("$scrypt$ln=17,r=8,p=16${salt}${tag}"),
        format!("$scrypt$ln=1,r=16777216,p=1${salt}${tag}"),
        format!("$scrypt$ln=1,r=1,p=16777216${salt}${tag}"),
        format!("scrypt:4194304:8:1$salt${}", "00".repeat(64)),
        format!("scrypt$4194304$salt$8$1${tag}="),
        format!("$fbscrypt$v=1,n=22,r=8,p=1,ss=Bw==,sk={tag}=$c2FsdA==${tag}="),
        format!("$firescrypt$ln=22,r=8,p=1$c2FsdA==${tag}=$Bw==${tag}="),
        format!("$pbkdf2-sha512$4000000000${salt}${tag}"),
        format!("$pbkdf2-sha512$i=4000000000,l=32${salt}${tag}"),
        format!("pbkdf2:sha512:4000000000$salt${}", "00".repeat(64)),
        format!("pbkdf2_sha256$4000000000$salt${tag}="),
        format!("grub.pbkdf2.sha512.4000000000.00.{}", "00".repeat(64)),
        format!("{{PBKDF2-SHA512}}4000000000${salt}${tag}"),
        "$2b$31$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6".to_owned(),
        "bcrypt_sha256$$2b$31$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6".to_owned(),
        "$bcrypt-sha256$v=2,t=2b,r=31$6MR2tnAplw3l90bH7.xpi.$SH9jaP2YQN1IUogh7yD8fXAYv1ek2Pe".to_owned(),
    ];
    let (begun, before) = (Instant::now(), peak_kib());
    for bomb in &bombs {
        let refused = LegacyHashes::default().accept(bomb);
        assert!(matches!(refused, Err(HashRefused::TooCostly(_))), "{bomb}: {refused:?}");
        let answer = hasher.verify(&password, Some(&PasswordHash::new(bomb.clone()))).await.unwrap();
        assert_eq!(answer, Match::No, "{bomb}");
    }
    // The least of them takes seconds and 512 MiB; most take hours.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(peak_kib() - before < 16 * 1024, "{} KiB more", peak_kib() - before);
}
