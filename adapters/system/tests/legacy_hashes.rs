//! Hashes of other systems, as their own libraries made them for these tests: taken over as they are, verified with the
//! right password and no other, and replaced at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod known;

use std::sync::Arc;

use futures_util::future::join_all;
use known::{EIGHTY, EIGHTY_PASSLIB, GRUESSE, KNOWN, SEVENTY_TWO, WITHOUT_COUNT};
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashImport, HashRefused, Match, PasswordHasher};
use portcullis_system::legacy::forms;
use portcullis_system::{Argon2Hasher, HashSettings, LegacyHashes, SystemRandomness};

fn hasher() -> Argon2Hasher {
    let settings = HashSettings {
        memory_kib: 64,
        iterations: 2,
        queue: 65_536,
        standing_per_thread: 65_536,
        weak_parameters_allowed: true,
        ..HashSettings::default()
    };
    Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap()
}

fn accept(text: &str) -> PasswordHash {
    let accepted = LegacyHashes::default().accept(text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
    assert_eq!(accepted.as_str(), text, "a hash is kept as it came");
    accepted
}

fn refuse(text: &str) -> HashRefused {
    LegacyHashes::default().accept(text).err().unwrap_or_else(|| panic!("{text} was accepted"))
}

async fn verify(hasher: &Argon2Hasher, password: &str, hash: &PasswordHash) -> Match {
    hasher.verify(&Password::present(password.to_owned()).unwrap(), Some(hash)).await.unwrap()
}

#[tokio::test]
async fn a003_each_known_hash_matches_its_password_and_no_other() {
    let hasher = hasher();
    let checks = KNOWN.iter().map(async |(producer, text)| {
        let hash = accept(text);
        assert_eq!(verify(&hasher, GRUESSE, &hash).await, Match::YesButStale, "{producer}");
        // What frameworks ask for by default takes its time: once is enough there.
        let tries = if producer.contains("default") { 1 } else { usize::MAX };
        let wrong = ["Grüße, Welt 2", "", "grüße, welt 1", "Grüße, Welt 1 ", " Grüße, Welt 1", "Gru\u{308}ße, Welt 1"];
        for wrong in wrong.into_iter().take(tries) {
            assert_eq!(verify(&hasher, wrong, &hash).await, Match::No, "{producer}: {wrong:?}");
        }
    });
    join_all(checks).await;
}

#[tokio::test]
async fn a_werkzeug_hash_without_a_count_is_of_any_default_that_werkzeug_had() {
    let hasher = hasher();
    for (default, tag) in WITHOUT_COUNT {
        let hash = accept(&format!("pbkdf2:sha256$abcdefgh12345678${tag}"));
        assert_eq!(verify(&hasher, GRUESSE, &hash).await, Match::YesButStale, "{default}");
    }
    let hash = accept(&format!("pbkdf2:sha1$abcdefgh12345678${}", "00".repeat(20)));
    assert_eq!(verify(&hasher, GRUESSE, &hash).await, Match::No);
}

/// The 72-byte rule.
#[tokio::test]
async fn b29_an_imported_bcrypt_hash_compares_72_bytes_and_what_replaces_it_compares_all() {
    let hasher = hasher();
    let password = "0123456789".repeat(8);
    let other = format!("{}x{}", &password[..72], &password[73..]);
    for text in [EIGHTY, SEVENTY_TWO] {
        let hash = accept(text);
        for same in [&password, &other, &password[..72], &password[..73]] {
            assert_eq!(verify(&hasher, same, &hash).await, Match::YesButStale, "{same}");
        }
        for differs in [&password[..71], &password[1..], &format!("x{}", &password[1..])] {
            assert_eq!(verify(&hasher, differs, &hash).await, Match::No, "{differs}");
        }
    }
    let replaced = hasher.hash(&Password::present(password.clone()).unwrap()).await.unwrap();
    assert_eq!(verify(&hasher, &password, &replaced).await, Match::Yes);
    for differs in [&other, &password[..72], &password[..73]] {
        assert_eq!(verify(&hasher, differs, &replaced).await, Match::No, "{differs}");
    }
}

#[tokio::test]
async fn b29_what_hashes_before_bcrypt_has_no_72_byte_rule() {
    let hasher = hasher();
    let password = "0123456789".repeat(8);
    for text in [known::EIGHTY_DJANGO, EIGHTY_PASSLIB, known::EIGHTY_PASSLIB_1] {
        let hash = accept(text);
        assert_eq!(verify(&hasher, &password, &hash).await, Match::YesButStale, "{text}");
        assert_eq!(verify(&hasher, &password[..72], &hash).await, Match::No, "{text}");
        assert_eq!(verify(&hasher, &format!("{}x{}", &password[..72], &password[73..]), &hash).await, Match::No);
    }
}

/// bcrypt repeats its input with a NUL between, so that `a` and `a NUL a` would be the same; HMAC fills its key up with
/// NULs, so that `a` and `a NUL` would be.
#[tokio::test]
async fn a003_a_nul_in_the_password_never_matches_a_foreign_hash() {
    let hasher = hasher();
    for (producer, text) in KNOWN.iter().filter(|(producer, _)| !producer.contains("default")) {
        let hash = accept(text);
        for wrong in [format!("{GRUESSE}\0{GRUESSE}"), format!("{GRUESSE}\0"), format!("{GRUESSE}\0x")] {
            assert_eq!(verify(&hasher, &wrong, &hash).await, Match::No, "{producer}: {wrong:?}");
        }
    }
}

#[tokio::test]
async fn what_exports_have_in_several_fields_becomes_one_text() {
    let hasher = hasher();
    let salt = b"0123456789abcdef";
    let keycloak = |digest, iterations, tag| forms::pbkdf2(digest, iterations, salt, &unhex(tag));
    let argon2 = forms::Argon2 { variant: "id", version: 19, memory_kib: 7_168, iterations: 5, lanes: 1 };
    let texts = [
        keycloak(forms::Digest::Sha1, 20_000, known::KEYCLOAK_SHA1),
        keycloak(forms::Digest::Sha256, 27_500, known::KEYCLOAK_SHA256),
        keycloak(forms::Digest::Sha512, 210_000, known::KEYCLOAK_SHA512),
        forms::argon2(argon2, salt, &unhex(known::KEYCLOAK_ARGON2)),
        forms::scrypt(16_384, 8, 1, salt, &unhex(known::AUTH0_SCRYPT)).unwrap(),
    ];
    for text in texts {
        let hash = accept(&text);
        assert_ne!(verify(&hasher, GRUESSE, &hash).await, Match::No, "{text}");
        assert_eq!(verify(&hasher, "wrong", &hash).await, Match::No, "{text}");
    }
    assert_eq!(forms::scrypt(16_385, 8, 1, salt, &[0; 64]), None);
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn b30_each_limit_is_named_and_what_is_at_the_limit_is_accepted() {
    let (salt, tag) = ("c29tZXNhbHRzb21lc2FsdA", "MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA");
    let sixty_four = "00".repeat(64);
    let bcrypt = "abcdefghijklmnopqrstuugn/uitWMnDoOdJaSWqW1pjEXZ8eOSCq";
    let rows = [
        (format!("$argon2id$v=19$m=262144,t=10,p=16${salt}${tag}"), None),
        (
            format!("$argon2id$v=19$m=262145,t=1,p=1${salt}${tag}"),
            Some("argon2 memory in KiB is 262145, the limit is 262144"),
        ),
        (format!("argon2$argon2d$v=19$m=262145,t=1,p=1${salt}${tag}"), Some("argon2 memory")),
        (
            format!("{{ARGON2}}$argon2i$v=19$m=64,t=11,p=1${salt}${tag}"),
            Some("argon2 iterations is 11, the limit is 10"),
        ),
        (format!("$argon2id$v=19$m=1024,t=1,p=17${salt}${tag}"), Some("argon2 parallelism is 17, the limit is 16")),
        (format!("$2b$15${bcrypt}"), None),
        (format!("$2b$16${bcrypt}"), Some("bcrypt cost is 16, the limit is 15")),
        (format!("$2y$31${bcrypt}"), Some("bcrypt cost is 31")),
        (format!("bcrypt_sha256$$2b$16${bcrypt}"), Some("bcrypt cost")),
        (
            "$bcrypt-sha256$v=2,t=2b,r=16$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS".to_owned(),
            Some("bcrypt cost"),
        ),
        (format!("$pbkdf2-sha256$i=4000000,l=32${salt}${tag}"), None),
        (
            format!("$pbkdf2-sha256$4000001${salt}${tag}"),
            Some("pbkdf2 iterations × blocks of output is 4000001, the limit is 4000000"),
        ),
        // 32 bytes are two blocks of SHA-1.
        (format!("$pbkdf2-sha1$i=2000001,l=32${salt}${tag}"), Some("is 4000002")),
        (format!("$pbkdf2-sha1$i=2000000,l=32${salt}${tag}"), None),
        (format!("pbkdf2:sha512:4000001$salt${sixty_four}"), Some("pbkdf2 iterations")),
        (format!("pbkdf2_sha256$18446744073709551615$salt${tag}="), Some("pbkdf2 iterations")),
        ("$p5k2$ffffffff$c2FsdA==$h1TDLGSw9ST8UMAPeIE13i0t12c=".to_owned(), Some("pbkdf2 iterations")),
        (format!("grub.pbkdf2.sha512.9999999.AA.{sixty_four}"), Some("pbkdf2 iterations")),
        (format!("$scrypt$ln=17,r=8,p=4${salt}${tag}"), None),
        (
            format!("$scrypt$ln=18,r=8,p=1${salt}${tag}"),
            Some("scrypt memory 128·N·r is 268435456, the limit is 134217728"),
        ),
        (format!("$scrypt$ln=131072,r=8,p=1${salt}${tag}"), None),
        (format!("$scrypt$ln=31,r=1,p=1${salt}${tag}"), Some("scrypt memory")),
        (format!("$scrypt$ln=10,r=33,p=1${salt}${tag}"), Some("scrypt block size r is 33, the limit is 32")),
        (format!("$scrypt$ln=10,r=8,p=17${salt}${tag}"), Some("scrypt parallelisation p is 17, the limit is 16")),
        (
            format!("$scrypt$ln=17,r=8,p=5${salt}${tag}"),
            Some("scrypt work 128·N·r·p is 671088640, the limit is 536870912"),
        ),
        (format!("scrypt:262144:8:1$salt${sixty_four}"), Some("scrypt memory")),
        (format!("scrypt:18446744073709551615:8:1$salt${sixty_four}"), Some("scrypt memory")),
        (format!("scrypt$262144$salt$8$1${tag}="), Some("scrypt memory")),
        ("$firescrypt$ln=64,r=8,p=1$c2FsdA==$aGFzaA==$Bw==$a2V5".to_owned(), Some("scrypt memory")),
        ("$fbscrypt$v=1,n=18,r=8,p=1,ss=Bw==,sk=a2V5$c2FsdA==$aGFzaA==".to_owned(), Some("scrypt memory")),
    ];
    for (text, limit) in rows {
        match (LegacyHashes::default().accept(&text), limit) {
            (Ok(_), None) => {}
            (Err(refused @ HashRefused::TooCostly(_)), Some(limit)) => {
                assert!(refused.to_string().contains(limit), "{text}: {refused}");
            }
            (answer, limit) => panic!("{text}: {answer:?}, not {limit:?}"),
        }
    }
}

#[test]
fn b30_what_the_hasher_would_not_compute_is_not_accepted() {
    let text = "$argon2id$v=19$m=65536,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA";
    let with = |change: fn(&mut HashSettings)| {
        let mut settings = HashSettings::default();
        change(&mut settings);
        LegacyHashes::new(&settings).accept(text)
    };
    assert!(with(|_| ()).is_ok());
    for change in
        [(|s| s.max_memory_kib = 65_535) as fn(&mut HashSettings), |s| s.max_iterations = 2, |s| s.max_parallelism = 1]
    {
        assert!(matches!(with(change), Err(HashRefused::TooCostly(_))));
    }
    // A generous hasher does not make the import generous.
    let bomb = text.replace("m=65536", "m=262145");
    let generous = HashSettings { max_memory_kib: u32::MAX, max_iterations: u32::MAX, ..HashSettings::default() };
    assert!(LegacyHashes::new(&generous).accept(&bomb).is_err());
}

#[test]
fn what_is_fast_or_was_never_hashed_is_unknown() {
    for (text, name) in [
        ("", None),
        ("password", None),
        ("correct horse battery staple", None),
        ("пароль", None),
        ("$2b", None),
        ("$", None),
        ("$$$", None),
        ("p4$$w0rd", None),
        ("{not}a-hash", None),
        ("5f4dcc3b5aa765d61d8327deb882cf99", None),
        ("5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", None),
        ("$1$dXc3I7Rw$ctlgjDdWJLMT.qwHsWhXR1", Some("md5-crypt")),
        ("$5$LKO/Ute40T3FNF95$U0prpBQd4PloSGU0pnpM4z9wKn4vZ1.jsrzQfPqxph9", Some("sha256-crypt")),
        ("$6$ojWH1AiTee9x1peC$QVEnTvRVlPRhcLQCk/", Some("sha512-crypt")),
        ("$2x$12$EXRkfkdmXnagzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q", Some("bcrypt 2x")),
        ("bcrypt$$2x$12$EXRkfkdmXnagzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q", Some("bcrypt 2x")),
        ("$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", Some("phpass")),
        ("{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", Some("LDAP salted SHA")),
        ("{ssha512}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", Some("LDAP salted SHA")),
        ("{crypt}$6$aXn8azL8DXUyuMvj$9aJJC/", Some("sha512-crypt")),
        ("sha1$123abcdef$e4a1877b0e35c47329e7ed7e58014276168a37ba", Some("salted SHA-1")),
        ("md5$123abcdef$c8272612932975ee80e8a35995708e80", Some("salted MD5")),
        ("pbkdf2:md5:1000$salt$00000000000000000000000000000000", None),
        ("!9wa845vn7098ythaehasldkfj", Some("a disabled password")),
    ] {
        assert_eq!(refuse(text), HashRefused::Unknown(name.map(str::to_owned)), "{text}");
    }
    assert_eq!(refuse(&"a".repeat(1 << 20)), HashRefused::Unknown(None));
}

#[test]
fn a_hash_with_a_part_too_many_too_few_or_wrong_is_malformed() {
    for (_, text) in KNOWN {
        for broken in [format!("{text}$"), format!("{text}$AAAA"), format!("{text}!"), text.replace("600", "0600")] {
            if broken != *text {
                assert!(matches!(refuse(&broken), HashRefused::Malformed { .. }), "{broken}");
            }
        }
        let (head, _) = text.rsplit_once(['$', '}', '.']).unwrap();
        assert!(LegacyHashes::default().accept(head).is_err(), "{head}");
        assert!(LegacyHashes::default().accept(&format!("{head}$AAAA")).is_err(), "{head}");
    }
    for broken in [
        "$2b$3$mdEQPMOtfPX.WGZNXgF66OhmBlOGKEd66SQ7DyJPGucYYmvTJYviy",
        "$2b$03$mdEQPMOtfPX.WGZNXgF66OhmBlOGKEd66SQ7DyJPGucYYmvTJYviy",
        "$2b$+4$mdEQPMOtfPX.WGZNXgF66OhmBlOGKEd66SQ7DyJPGucYYmvTJYviy",
        "$2b$12$incorrect",
        "$pbkdf2-sha256$i=0,l=32$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        "$pbkdf2-sha256$i=1000,l=31$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        "$pbkdf2-sha256$i=1000,i=1$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        "$pbkdf2-sha256$i=1000$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg",
        "pbkdf2_sha256$600$$cVTX3CEpCDx7K5WxY5gCGqOw9BKSLVeuVpOCse/CaSY=",
        "pbkdf2_sha256$600$salt$cVTX3CEpCDx7K5WxY5gCGqOw9BKSLVeuVpOCse/CaQ==",
        "pbkdf2:sha256:0$salt$ff72b7b69485de54589fc947e30c93be89d56eb709a576e54efc964e429f22de",
        "pbkdf2:sha256:600$salt$ff72b7b69485de54589fc947e30c93be89d56eb709a576e54efc964e429f22d",
        "scrypt:1000:8:1$salt$00",
        "scrypt:1024:0:1$salt$00",
        "$scrypt$ln=0,r=8,p=1$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        "$scrypt$ln=10,r=8,p=0$c29tZXNhbHQ$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        "{PKCS5S2}c4xaeTQM0lUieMS3V5voiexyX9XhqC2dBd5ecVy60IPksHChwoTAVYFrhsgo",
    ] {
        assert!(matches!(refuse(broken), HashRefused::Malformed { .. }), "{broken}: {:?}", refuse(broken));
    }
}

#[tokio::test]
async fn b31_a_character_that_no_hash_has_is_refused_at_any_place() {
    let hasher = hasher();
    let sixty = "$2b$12$abcdefghijklmnopqrstuugn/uitWMnDoOdJaSWqW1pjEXZ8eOSCqK";
    let texts = KNOWN.iter().map(|(_, text)| *text).chain([&sixty[..60], EIGHTY, EIGHTY_PASSLIB]);
    let (mut tried, mut broken) = (0, Vec::new());
    for text in texts {
        for at in 0..text.len() {
            for c in ["é", "€", "😀", "\0", " ", "\n", "\u{7f}", "\u{301}"] {
                let end = (at + c.len()).min(text.len());
                for put in [format!("{}{c}{}", &text[..at], &text[end..]), format!("{}{c}{}", &text[..at], &text[at..])]
                {
                    refuse(&put);
                    tried += 1;
                    if c == "é" && at < 60 {
                        broken.push(PasswordHash::new(put));
                    }
                }
            }
        }
    }
    assert!(tried > 40_000, "{tried}");
    let answers = join_all(broken.iter().map(|hash| verify(&hasher, GRUESSE, hash))).await;
    assert!(answers.len() > 3_000 && answers.iter().all(|answer| *answer == Match::No));
}

#[test]
fn a_refusal_never_repeats_the_text() {
    for text in ["hunter2$secret", "$hunter2$secret$canary", "{hunter2}secret", "pbkdf2:hunter2:secret$canary$secret"] {
        let told = format!("{0} {0:?}", refuse(text));
        for part in ["hunter2", "secret", "canary"] {
            assert!(!told.contains(part), "{told}");
        }
    }
}
