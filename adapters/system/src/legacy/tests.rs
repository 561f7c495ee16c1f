//! Any text at all, any hash that is accepted, and the passwords that are not UTF-8.

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;

use super::encoding::{base64, decimal, hex, to_b64, to_base64, to_hex};
use super::forms::{self, Digest};
use super::{Foreign, Stored};
use crate::hashing::Ceiling;

#[path = "../../tests/vectors/mod.rs"]
mod vectors;

const CEILING: Ceiling = Ceiling { memory_kib: 1024, iterations: 4, lanes: 16 };

/// A cheap one of each form.
const CHEAP: [&str; 17] = [
    "pbkdf2:sha1:600$mxrFf3Wy2fmyuewg$71a62f1c9eb303941ad2190e2db7d14529d95c9d",
    "pbkdf2_sha256$600$NaClNaClNaClNaClNaClNa$cVTX3CEpCDx7K5WxY5gCGqOw9BKSLVeuVpOCse/CaSY=",
    "$pbkdf2$600$aY1xLmVMCcG4N4ZQSgkB4A$cH6MA5cal/kWZrKsnNM9Cx5nJ6I",
    "$pbkdf2-sha256$i=600,l=32$aY1xLmVMCcG4N4ZQSgkB4A$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
    "{PBKDF2-SHA256}600$pNRaay3lPMf435szJoSwVg$Ksh6KUTSEIX9Ad.2rY8mS7STHr52YUfAZ5zSSTOs5tE",
    "{PKCS5S2}jtHa2ztHCCGkdA4hRIiRssc8i/uPlWtHDANsPfV7Y0rCSTpsCr03JH3ERRuSRdZR",
    "$p5k2$258$R2jNmZMyBsC4l_L-H4Pwng==$zLxyJmAKHjXzllkIiY9U55KYpMk=",
    "$p5k2$$KosHgqNo$9mjN8gqjt02hDoP0c2J0ABtLIwtot8cQ",
    "grub.pbkdf2.sha512.60.FD5FCB794FC9798FD15A0B01602C65AC.BAC6AE705F4D693F749A3B021508F63531C95E3C6DC4351CFEC419D9BA8A36E4",
    "$scrypt$ln=7,r=8,p=1$PkeIsRYCoDRGiDFmDIFQag$FD+GidJd/FKnOgYg/dBOyGalKEAfvceyiP4s0x+H0xc",
    "scrypt$16$NaClNaClNaClNaClNaClNa$8$5$hG3LrxAQ5zM2USRHcTmemRBY/9lFXFPZsarP6WWeTR96Y/uO8L+xg9T8EkBOw2o8nOewpozt4EgSF7LEV3ufPQ==",
    "$fbscrypt$v=1,n=4,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bpw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsag==",
    "$firescrypt$ln=4,r=8,p=1$sPtDhWcd1MfdAw==$zKVTMvnWVw5BBOZNUdnsag==$Bw==$ou9tdYTGyYm8kuR6Dt0Bpw==",
    "$2b$04$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6",
    "bcrypt_sha256$$2b$04$kYKnAptKtdmisNaZGmgCOO5iBShP9Ymsm1lSg/7mn/BoFHMjP2.Fy",
    "$bcrypt-sha256$v=2,t=2b,r=4$6MR2tnAplw3l90bH7.xpi.$SH9jaP2YQN1IUogh7yD8fXAYv1ek2Pe",
    "$bcrypt-sha256$2b,4$WwtaEZ05iVlmMIBeV015YO$GUf1J0tczUSr/p.uIfpV4QxvR2AVM0W",
];

fn foreign(text: &str) -> Option<Foreign> {
    match Stored::read(text, &CEILING) {
        Ok(Stored::Foreign(foreign)) => Some(foreign),
        Ok(Stored::Argon2(_) | Stored::Wrapped(_)) | Err(_) => None,
    }
}

/// Texts that look like hashes: a cheap one with a few places changed.
fn damaged() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), prop_oneof!["[$:,={}.0-9a-z/]", "\\PC"], any::<bool>());
    (prop::sample::select(&CHEAP[..]), vec(change, 1..4)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, with, replaced) in changes {
            let at = at.index(text.len());
            let until = if replaced { at + 1 } else { at };
            text.splice(at..until, with.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b31_no_text_makes_the_reader_panic(text in "\\PC{0,80}", head in prop::sample::select(&CHEAP[..]), cut in 0..40usize) {
        drop(foreign(&text));
        drop(foreign(&format!("{}{text}", head.get(..cut).unwrap_or(head))));
    }

    #[test]
    fn numbers_have_one_spelling(number in any::<u64>()) {
        prop_assert_eq!(decimal(&number.to_string()), Some(number));
        prop_assert_eq!(decimal(&format!("0{number}")), None);
        prop_assert_eq!(decimal(&format!("+{number}")), None);
        prop_assert_eq!(decimal(&format!("{number}00000000000000000000")).filter(|_| number > 0), None);
    }

    #[test]
    fn bytes_come_back_from_each_encoding(bytes in vec(any::<u8>(), 0..80)) {
        for text in [to_b64(&bytes), to_base64(&bytes), to_b64(&bytes).replace('+', "."), to_b64(&bytes).replace('/', "_")] {
            prop_assert_eq!(base64(&text), Some(bytes.clone()));
        }
        prop_assert_eq!(hex(&to_hex(&bytes)), Some(bytes.clone()));
        prop_assert_eq!(hex(&to_hex(&bytes).to_uppercase()), Some(bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b31_what_is_accepted_gives_the_same_answer_each_time(text in damaged(), password in vec(any::<u8>(), 0..100)) {
        if let Some(hash) = foreign(&text) {
            let answer = hash.matches(&password).unwrap();
            prop_assert_eq!(hash.matches(&password).unwrap(), answer);
            prop_assert!(!answer, "{} is the hash of nothing known", text);
        }
    }

    #[test]
    fn what_is_written_is_accepted_and_matches(
        digest in prop::sample::select(&[Digest::Sha1, Digest::Sha256, Digest::Sha512][..]),
        iterations in 1..200u32,
        salt in vec(any::<u8>(), 0..64),
        length in 16..=128usize,
        password in vec(1..=u8::MAX, 0..200),
        other in vec(1..=u8::MAX, 0..200),
    ) {
        let algorithm = match digest {
            Digest::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut hash = vec![0; length];
        pbkdf2::derive(algorithm, iterations.try_into().unwrap(), &salt, &password, &mut hash);
        let read = foreign(&forms::pbkdf2(digest, iterations.into(), &salt, &hash)).unwrap();
        prop_assert!(read.matches(&password).unwrap());
        prop_assert_eq!(read.matches(&other).unwrap(), other == password);

        let mut hash = vec![0; length];
        scrypt::scrypt(&password, &salt, &scrypt::Params::new(4, 2, 1).unwrap(), &mut hash).unwrap();
        let read = foreign(&forms::scrypt(16, 2, 1, &salt, &hash).unwrap()).unwrap();
        prop_assert!(read.matches(&password).unwrap());
        prop_assert_eq!(read.matches(&other).unwrap(), other == password);
    }
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    password: Option<String>,
    password_b64: String,
    hash: String,
    expect: String,
}

#[test]
fn b29_passwords_that_are_not_utf_8_match_as_their_producers_say() {
    for (name, rows) in [("pyca-bcrypt", 5), ("passlib", 7)] {
        let Some(file) = vectors::read::<File>(&format!("legacy-hashes/{name}.json")) else { return };
        let bytes = file.vectors.into_iter().filter(|row| row.password.is_none());
        let mut count = 0;
        for row in bytes {
            let password = BASE64_STANDARD.decode(&row.password_b64).unwrap();
            let hash = foreign(&row.hash).unwrap();
            assert_eq!((hash.matches(&password).unwrap(), row.expect.as_str()), (true, "match"), "{}", row.id);
            let mut other = password;
            other[0] ^= 1;
            assert!(!hash.matches(&other).unwrap(), "{}", row.id);
            count += 1;
        }
        assert_eq!(count, rows, "{name}");
    }
}
