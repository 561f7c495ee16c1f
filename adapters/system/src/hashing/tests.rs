//! The two implementations against each other, the switch between them, and what a verification computes.

use std::sync::{Arc, Mutex};

use argon2_rust::{Algorithm, Version};
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::SystemRandomness;

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop_oneof![Just(Algorithm::Argon2id), Just(Algorithm::Argon2i), Just(Algorithm::Argon2d)]
}

fn cost() -> impl Strategy<Value = Cost> {
    let version = prop_oneof![Just(Version::V0x13), Just(Version::V0x10)];
    (algorithm(), version, 0..300u32, 1..4u32, 1..9u32).prop_map(|(algorithm, version, more, iterations, lanes)| Cost {
        algorithm,
        version,
        memory_kib: 8 * lanes + more,
        iterations,
        lanes,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_implementations_give_the_same_tag(
        costs in vec(cost(), 1..4),
        password in vec(any::<u8>(), 0..=1024),
        salt in vec(any::<u8>(), 8..=48),
        length in 10..=64usize,
    ) {
        // The same two engines for several costs: what one leaves behind must not matter to the next.
        let (mut fast, mut plain) = (self_test::fast(), self_test::plain());
        for cost in costs {
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            fast.derive(&cost, &password, &salt, &mut one).unwrap();
            plain.derive(&cost, &password, &salt, &mut other).unwrap();
            prop_assert_eq!(one, other, "{:?}", cost);
        }
    }

    #[test]
    fn a_hash_is_verified_by_whoever_reads_it(cost in cost(), salt in vec(any::<u8>(), 8..=48), length in 10..=64usize) {
        let salt = argon2::password_hash::phc::Salt::new(&salt).unwrap();
        let output = argon2::password_hash::phc::Output::new(&vec![7; length]).unwrap();
        let text = stored::StoredHash { cost, salt, output }.write().unwrap();
        let ceiling = cost::Ceiling { memory_kib: 1024, iterations: 4, lanes: 16 };
        let read = stored::StoredHash::read(&text, &ceiling).unwrap();
        prop_assert_eq!((read.cost, &*read.salt, read.output), (cost, &*salt, output));
        let poor = cost::Ceiling { memory_kib: cost.memory_kib - 1, ..ceiling };
        prop_assert!(stored::StoredHash::read(&text, &poor).is_none());
    }

    #[test]
    fn b31_no_text_makes_the_reader_panic(text in "\\PC{0,80}", tail in "[$=,mtpv0-9é]{0,60}") {
        let ceiling = cost::Ceiling { memory_kib: 1024, iterations: 4, lanes: 16 };
        prop_assert!(stored::StoredHash::read(&text, &ceiling).is_none());
        let tail = format!("$argon2id${tail}");
        prop_assert!(stored::StoredHash::read(&tail, &ceiling).is_none());
    }
}

fn weak() -> HashSettings {
    HashSettings { memory_kib: 64, iterations: 1, threads: 1, weak_parameters_allowed: true, ..HashSettings::default() }
}

fn password(text: &str) -> Password {
    Password::present(text.to_owned()).unwrap()
}

/// Gives a wrong tag for one lane layout only.
struct Subtle(Box<dyn Engine>);

impl Engine for Subtle {
    fn derive(&mut self, cost: &Cost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Result<(), EngineError> {
        self.0.derive(cost, password, salt, tag)?;
        if cost.lanes > 1 {
            tag[0] ^= 1;
        }
        Ok(())
    }

    fn kept_kib(&self) -> usize {
        self.0.kept_kib()
    }

    fn release(&mut self) {
        self.0.release();
    }
}

fn subtly_wrong() -> Box<dyn Engine> {
    Box::new(Subtle(self_test::fast()))
}

fn panicking() -> Box<dyn Engine> {
    panic!("on purpose")
}

fn address(engine: MakeEngine) -> usize {
    engine as usize
}

#[test]
fn a_fast_implementation_that_agrees_is_used() {
    assert_eq!(address(self_test::choose(self_test::fast, &SystemRandomness)), address(self_test::fast));
}

#[test]
fn a_fast_implementation_that_is_wrong_or_panics_is_not_used() {
    for broken in [subtly_wrong as MakeEngine, panicking] {
        assert_eq!(address(self_test::choose(broken, &SystemRandomness)), address(self_test::plain));
    }
}

#[tokio::test]
async fn hashes_of_either_implementation_verify_with_the_other() {
    let fast = Argon2Hasher::with_engine(&weak(), Arc::new(SystemRandomness), self_test::fast).unwrap();
    let plain = self_test::choose(subtly_wrong, &SystemRandomness);
    let plain = Argon2Hasher::with_engine(&weak(), Arc::new(SystemRandomness), plain).unwrap();
    for (one, other) in [(&fast, &plain), (&plain, &fast)] {
        let hash = one.hash(&password("swordfish")).await.unwrap();
        assert_eq!(other.verify(&password("swordfish"), Some(&hash)).await.unwrap(), Match::Yes);
        assert_eq!(other.verify(&password("swordfisH"), Some(&hash)).await.unwrap(), Match::No);
    }
}

static COMPUTED: Mutex<Vec<Cost>> = Mutex::new(Vec::new());

/// Notes what it is asked for; computes for real.
struct Noting(Box<dyn Engine>);

impl Engine for Noting {
    fn derive(&mut self, cost: &Cost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Result<(), EngineError> {
        COMPUTED.lock().unwrap().push(*cost);
        self.0.derive(cost, password, salt, tag)
    }

    fn kept_kib(&self) -> usize {
        self.0.kept_kib()
    }

    fn release(&mut self) {
        self.0.release();
    }
}

#[tokio::test]
async fn a_verification_computes_once_whatever_the_stored_hash() {
    let noting = || Box::new(Noting(self_test::fast())) as Box<dyn Engine>;
    let hasher = Argon2Hasher::with_engine(&weak(), Arc::new(SystemRandomness), noting).unwrap();
    let own = hasher.hash(&password("swordfish")).await.unwrap();
    let current = weak().cost();
    let salt_and_tag = "c29tZXNhbHRzb21lc2FsdA$MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA";
    let other =
        Cost { algorithm: Algorithm::Argon2i, version: Version::V0x13, memory_kib: 32, iterations: 3, lanes: 2 };
    let rows = [
        (None, current),
        (Some(own.as_str().to_owned()), current),
        (Some("not a hash".to_owned()), current),
        (Some(format!("$argon2id$v=19$m=8388608,t=2,p=4${salt_and_tag}")), current),
        (Some(format!("$argon2id$v=19$m=64,t=1000,p=1${salt_and_tag}")), current),
        (Some(format!("$argon2id$v=19$m=1024,t=1,p=64${salt_and_tag}")), current),
        (Some(format!("$argon2i$v=19$m=32,t=3,p=2${salt_and_tag}")), other),
        (Some(format!("argon2$argon2i$v=19$m=32,t=3,p=2${salt_and_tag}")), other),
        // A foreign hash is followed by the work of the policy, whatever it costs itself; a bomb costs nothing itself.
        (Some(FOREIGN.to_owned()), current),
        (Some(format!("$scrypt$ln=4,r=1,p=1${salt_and_tag}")), current),
        (Some(format!("$scrypt$ln=25,r=8,p=1${salt_and_tag}")), current),
        (Some(format!("$pbkdf2-sha256$4000000000${salt_and_tag}")), current),
        (Some("$2b$31$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6".to_owned()), current),
    ];
    for (text, cost) in rows {
        COMPUTED.lock().unwrap().clear();
        let hash = text.map(PasswordHash::new);
        assert_eq!(hasher.verify(&password("wrong one"), hash.as_ref()).await.unwrap(), Match::No);
        assert_eq!(*COMPUTED.lock().unwrap(), [cost]);
    }
    // Whoever has the right password is hashed anew at once, and that is the work of the policy.
    COMPUTED.lock().unwrap().clear();
    let foreign = PasswordHash::new(FOREIGN.to_owned());
    let answer = hasher.verify(&password("Grüße, Welt 1"), Some(&foreign)).await.unwrap();
    assert_eq!((answer, COMPUTED.lock().unwrap().len()), (Match::YesButStale, 0));
}

/// By bcrypt 4.0.1.
const FOREIGN: &str = "$2b$04$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6";

#[test]
fn a010_a_wrong_password_on_an_old_hash_costs_what_the_policy_costs() {
    let wanted = Cost::argon2id(19_456, 2, 1);
    let work = |cost: Cost| u64::from(cost.memory_kib) * u64::from(cost.iterations);
    for (memory_kib, iterations) in [(4_096, 1), (4_096, 3), (19_456, 1), (12_288, 3), (64, 1)] {
        let old = Cost::argon2id(memory_kib, iterations, 1);
        let missing = old.missing_to(&wanted).map_or(0, work);
        assert!(work(wanted).abs_diff(work(old) + missing) <= 16, "{old:?}");
    }
    assert_eq!(wanted.missing_to(&wanted), None);
    assert_eq!(Cost::argon2id(65_536, 3, 1).missing_to(&wanted), None);
}

#[tokio::test]
async fn a008_a_hash_below_the_current_parameters_is_stale_and_one_above_is_not() {
    let of = |memory_kib, iterations, parallelism| {
        let settings = HashSettings { memory_kib, iterations, parallelism, ..weak() };
        Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap()
    };
    let current = of(64, 2, 2);
    for (other, expected) in [
        (of(64, 2, 2), Match::Yes),
        (of(65, 3, 3), Match::Yes),
        (of(63, 2, 2), Match::YesButStale),
        (of(64, 1, 2), Match::YesButStale),
        (of(64, 2, 1), Match::YesButStale),
        (of(128, 1, 2), Match::YesButStale),
    ] {
        let hash = other.hash(&password("swordfish")).await.unwrap();
        assert_eq!(current.verify(&password("swordfish"), Some(&hash)).await.unwrap(), expected);
        assert_eq!(current.verify(&password("Swordfish"), Some(&hash)).await.unwrap(), Match::No);
    }
}

#[tokio::test]
async fn a008_a_stored_hash_tells_its_parameters_and_never_repeats_its_salt() {
    let hasher = Argon2Hasher::new(&weak(), Arc::new(SystemRandomness)).unwrap();
    let one = hasher.hash(&password("swordfish")).await.unwrap();
    let other = hasher.hash(&password("swordfish")).await.unwrap();
    let parts: Vec<_> = one.as_str().split('$').collect();
    // 16 and 32 bytes in base64 without padding.
    assert_eq!((&parts[..4], parts[4].len(), parts[5].len()), (&["", "argon2id", "v=19", "m=64,t=1,p=1"][..], 22, 43));
    assert_ne!(one.as_str(), other.as_str());
}

#[tokio::test]
async fn a003_every_byte_of_the_password_counts() {
    let hasher = Argon2Hasher::new(&weak(), Arc::new(SystemRandomness)).unwrap();
    let exact = format!(" {}\0é ", "long".repeat(250));
    let hash = hasher.hash(&password(&exact)).await.unwrap();
    assert_eq!(hasher.verify(&password(&exact), Some(&hash)).await.unwrap(), Match::Yes);
    let nul = exact.find('\0').unwrap();
    for wrong in [exact.trim(), &exact[..72], &exact[..nul], &exact.to_uppercase(), &exact.replace('é', "e\u{301}"), ""]
    {
        assert_eq!(hasher.verify(&password(wrong), Some(&hash)).await.unwrap(), Match::No);
    }
}

#[tokio::test]
async fn work_beyond_the_queue_is_overloaded() {
    let settings = HashSettings { queue: 1, ..weak() };
    let hasher = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel::<()>();
    let pool = hasher.pool();
    let busy = pool.run(move |_| {
        drop(began);
        gate.recv().ok();
    });
    assert!(begun.await.is_err());
    let waiting = pool.run(|_| ());
    assert!(matches!(hasher.hash(&password("swordfish")).await, Err(HashError::Overloaded)));
    assert!(matches!(hasher.verify(&password("swordfish"), None).await, Err(HashError::Overloaded)));
    drop(release);
    assert!(busy.await.is_ok() && waiting.await.is_ok());
    assert!(hasher.hash(&password("swordfish")).await.is_ok());
}

#[test]
fn a_setting_that_cannot_be_is_named() {
    type Change = fn(&mut HashSettings);
    let wrong: [(&str, Change); 12] = [
        ("memory_kib", |s| s.memory_kib = 19_455),
        ("iterations", |s| s.iterations = 1),
        ("parallelism", |s| s.parallelism = 0),
        ("parallelism", |s| s.parallelism = 17),
        ("threads", |s| s.threads = 0),
        ("threads", |s| s.threads = 257),
        ("queue", |s| s.queue = 0),
        ("standing_per_thread", |s| s.standing_per_thread = 0),
        ("max_memory_kib", |s| s.max_memory_kib = s.memory_kib - 1),
        ("max_iterations", |s| s.max_iterations = s.iterations - 1),
        ("max_parallelism", |s| s.max_parallelism = s.parallelism - 1),
        ("memory_kib", |s| {
            s.weak_parameters_allowed = true;
            s.parallelism = 4;
            s.memory_kib = 31;
        }),
    ];
    for (setting, change) in wrong {
        let mut settings = HashSettings::default();
        change(&mut settings);
        let error = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{setting} is ")), "{error}");
    }
    HashSettings::default().check().unwrap();
    weak().check().unwrap();
}
