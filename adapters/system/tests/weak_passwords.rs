//! A001, A002, A005, A006: which passwords a person may choose.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;

use std::sync::Arc;

use portcullis_domain::accounts::Password;
use portcullis_domain::ports::security::{PasswordPolicy, PolicyError};
use portcullis_system::{Argon2Hasher, GuessPolicy, HashSettings, PolicySettingError, SystemRandomness};

const CONTEXT: [&str; 3] = ["margarete.lindqvist@fjordlight-systems.example", "margarete.lindqvist", "quillfeather77"];

fn policy(min_chars: usize) -> Result<GuessPolicy, PolicySettingError> {
    let settings = HashSettings { queue: 65_536, standing_per_thread: 65_536, ..HashSettings::default() };
    let hasher = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap();
    GuessPolicy::new(min_chars, vec!["Portcullis".to_owned(), "login.nordwind.example".to_owned()], hasher.pool())
}

async fn refusal(policy: &GuessPolicy, password: &str) -> Option<String> {
    match policy.check(&Password::present(password.to_owned()).unwrap(), &CONTEXT).await {
        Ok(()) => None,
        Err(PolicyError::Weak(why)) => Some(why),
        Err(PolicyError::Overloaded) => panic!("overloaded"),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn alternating(text: &str) -> String {
    text.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect()
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "rows that are left out are counted aloud")]
async fn a006_every_common_password_is_refused_in_every_letter_case() {
    let Some(rows) = vectors::read::<Vec<String>>("common-passwords/django_common_passwords.json") else { return };
    let policy = policy(8).unwrap();
    let long: Vec<_> = rows.iter().filter(|row| row.chars().count() >= Password::MIN_CHARS).collect();
    for row in &long {
        for variant in [(*row).clone(), row.to_uppercase(), capitalised(row), alternating(row)] {
            assert!(
                refusal(&policy, &variant).await.is_some(),
                "a variant of a common password is accepted: {variant}"
            );
        }
    }
    println!("{} of {} rows are shorter than any policy allows", rows.len() - long.len(), rows.len());
    assert_eq!(long.len(), 8_354);
}

#[tokio::test]
async fn a006_passwords_made_of_the_user_or_the_product_are_refused() {
    let policy = policy(8).unwrap();
    for password in [
        "margarete.lindqvist@fjordlight-systems.example",
        "margarete.lindqvist",
        "Margarete.Lindqvist",
        "MARGARETE1",
        "lindqvist1",
        "LindqvistMargarete",
        "tsivqdnil",
        "m4rg4rete",
        "margaretelindqvist!",
        "lindqvist-margarete-1",
        "quillfeather77",
        "Quillfeather77!",
        "quillfeatherquillfeather",
        "fjordlight",
        "fjordlight-systems",
        "fjordlight-systems.example",
        "portcullis",
        "Portcullis",
        "PORTCULLIS1",
        "portcullisportcullis",
        "p0rtcullis",
        "login.nordwind.example",
        "nordwind1",
        "ｍａｒｇａｒｅｔｅ．ｌｉｎｄｑｖｉｓｔ",
        " portcullis ",
    ] {
        assert!(refusal(&policy, password).await.is_some(), "accepted: {password}");
    }
}

#[tokio::test]
async fn a006_an_address_longer_than_the_estimate_looks_at_is_refused_as_a_password() {
    let policy = policy(8).unwrap();
    let local = "xkqvw9zjy4hbt7mrn2fdgc8pls3".repeat(2);
    let address = format!("{local}@{}.{}.example", "qzxjkvbp6w".repeat(5), "hgtrnmlcd4y".repeat(4));
    let password = Password::present(address.clone()).unwrap();
    assert!(matches!(policy.check(&password, &[&address]).await, Err(PolicyError::Weak(_))));
    assert!(policy.check(&password, &[]).await.is_ok());
}

#[tokio::test]
async fn guessable_patterns_are_refused_at_any_length() {
    let policy = policy(8).unwrap();
    for password in [
        "aaaaaaaa",
        "qwertyuiop",
        "asdfghjkl;'",
        "1qaz2wsx3edc",
        "abcdefgh",
        "87654321",
        "20.04.1999",
        "password1!",
        "P@ssw0rd2024",
        "iloveyou!!",
        "abcabcabcabc",
        "ｐａｓｓｗｏｒｄ１２３",
        "😀😀😀😀😀😀😀😀",
        "        ",
    ] {
        assert!(refusal(&policy, password).await.is_some(), "accepted: {password}");
    }
    for long in ["a".repeat(1_024), "ab".repeat(512), "😀".repeat(1_024), "password".repeat(128), " ".repeat(1_024)] {
        assert!(refusal(&policy, &long).await.is_some(), "accepted: {} characters", long.chars().count());
    }
}

#[tokio::test]
async fn a005_length_counts_and_kinds_of_characters_do_not() {
    let policy = policy(8).unwrap();
    for password in [
        "fjwkqpzmvbtxrld",
        "xvqzkwjpmtbhgfc",
        "correct horse battery staple",
        "tumble overcast violin marmot",
        "rauhe Möwen zählen Kiesel",
        "🦀🌵🎻🪁🧭🫖🛶🦉",
        "суровый ёж считает камни",
        "石の上にも三年座る猫",
        "83920174650293",
        "Xk7#vQ2!pLw9",
        "   spaces around the words   ",
    ] {
        assert_eq!(refusal(&policy, password).await, None, "{password}");
    }
}

#[tokio::test]
async fn a002_the_longest_password_is_accepted() {
    let policy = policy(8).unwrap();
    let words = "tumble overcast violin marmot ".repeat(40);
    for length in [64, 128, Password::MAX_CHARS] {
        assert_eq!(refusal(&policy, &words[..length]).await, None, "{length}");
    }
}

#[tokio::test]
async fn a_reason_says_what_is_wrong_and_what_to_do_and_never_the_password() {
    let policy = policy(8).unwrap();
    for password in
        ["qwertyuiop", "aaaaaaaaaa", "password123", "lindqvist1", "abcdefghi", "20.04.1999", "horseback", "zzkwv8q"]
    {
        let Some(why) = refusal(&policy, password).await else { panic!("accepted: {password}") };
        assert!(!why.contains(password), "{why}");
        let sentences = why.split_inclusive(". ").collect::<Vec<_>>();
        assert!(sentences.len() == 2 && why.ends_with('.'), "{why}");
        assert!(["Add ", "Choose ", "Make "].iter().any(|verb| sentences[1].starts_with(verb)), "{why}");
    }
}

#[tokio::test]
async fn a001_the_shortest_length_is_the_operators_within_bounds() {
    assert_eq!(policy(15).unwrap().min_chars(), 15);
    assert_eq!(policy(64).unwrap().min_chars(), 64);
    for wrong in [0, 7, 65, usize::MAX] {
        let error = policy(wrong).err().unwrap();
        assert!(error.to_string().starts_with(&format!("min_chars is {wrong}:")), "{error}");
    }
}
