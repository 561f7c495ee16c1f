//! The suite `password_policy`: [`PasswordPolicy`](portcullis_domain::ports::security::PasswordPolicy).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::accounts::Password;
use portcullis_domain::ports::security::{PasswordPolicy, PolicyError};

use super::samples::{RACERS, kept, race};

/// Runs the suite `password_policy` on what `async fn factory() -> Arc<dyn PasswordPolicy>` gives.
#[macro_export]
macro_rules! password_policy_contract {
    ($factory:expr) => {
        $crate::promises!(
            password_policy,
            $factory,
            the_least_length_is_at_least_eight_a001,
            a_strong_password_is_accepted_without_composition_rules_a005,
            a_common_password_is_refused_a006,
            a_password_made_of_what_belongs_to_the_user_is_refused_a006,
            a_refusal_says_why_and_not_what,
            a_race_of_checks_never_mixes_them_up,
        );
    };
}

type Policy = Arc<dyn PasswordPolicy>;

/// What is strong and what belongs to nobody.
const STRONG: [&str; 5] = [
    "vortex-lamp-quartz-73-umbra",
    "sevenpurplewalrusesknittingtea",
    "zq8#Lm2!vX9pRw4&",
    "\u{1F996}\u{1F9C0}\u{1FA97}\u{1F6F8}\u{1F9F6}\u{1F41D}\u{1F336}\u{1F3BB}\u{1FAB4}\u{1F9ED}\u{1F433}\u{1F52D}",
    "колодец светит тихо над мостом",
];

async fn check(policy: &Policy, text: &str, context: &[&str]) -> Result<(), String> {
    let password = kept(Password::present(text.to_owned()), "the suite's password is one");
    loop {
        match policy.check(&password, context).await {
            Ok(()) => return Ok(()),
            Err(PolicyError::Weak(why)) => return Err(why),
            Err(PolicyError::Overloaded) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// [`Password::MIN_CHARS`] is the floor.
pub async fn the_least_length_is_at_least_eight_a001(policy: &Policy) {
    let floor = policy.min_chars();
    assert!(floor >= Password::MIN_CHARS, "a policy asks for at least 8 characters, not {floor}");
    assert!(floor <= 64, "a policy accepts 64 characters, but asks for {floor}");
}

/// Lower case only, letters only, emoji only: all fine.
pub async fn a_strong_password_is_accepted_without_composition_rules_a005(policy: &Policy) {
    for strong in STRONG {
        let checked = check(policy, strong, &["ann@example.com", "ann", "ann"]).await;
        assert_eq!(checked, Ok(()), "a strong password is accepted: {strong:?}");
    }
    let longest = format!("{}{}", STRONG[0], " and so on".repeat(99));
    assert_eq!(check(policy, &longest, &[]).await, Ok(()), "a very long password is accepted");
}

/// The top of every list.
pub async fn a_common_password_is_refused_a006(policy: &Policy) {
    for common in ["password", "12345678", "123456789", "qwertyuiop", "iloveyou", "Password1", "PASSWORD", "passw0rd"] {
        assert!(check(policy, common, &[]).await.is_err(), "a common password is refused: {common:?}");
    }
}

/// Alone, in another case, and with an ornament.
pub async fn a_password_made_of_what_belongs_to_the_user_is_refused_a006(policy: &Policy) {
    let context = ["Florentina.Umbridge@example.com", "Florentina.Umbridge", "flumbridge"];
    for own in [
        "florentina.umbridge@example.com",
        "Florentina.Umbridge",
        "FLORENTINA.UMBRIDGE",
        "florentina.umbridge1",
        "flumbridge",
        "FlUmBridge",
        "flumbridge1",
    ] {
        let checked = check(policy, own, &context).await;
        assert!(checked.is_err(), "a password made of what belongs to the user is refused: {own:?}");
    }
}

/// Something a person can act on, without the password.
pub async fn a_refusal_says_why_and_not_what(policy: &Policy) {
    let context = ["florentina@example.com", "florentina", "flumbridge"];
    for weak in ["password", "12345678", "flumbridge1"] {
        let Err(why) = check(policy, weak, &context).await else { panic!("a weak password is refused: {weak:?}") };
        assert!(why.split_whitespace().count() >= 3, "a refusal says why in words: {why:?}");
        let shows = why.to_lowercase().contains(weak) && weak != "password";
        assert!(!shows, "a refusal does not repeat the password: {why:?}");
    }
}

/// Everybody gets the answer to their own question.
pub async fn a_race_of_checks_never_mixes_them_up(policy: &Policy) {
    race(RACERS, |number| {
        let policy = policy.clone();
        async move {
            for _ in 0..5 {
                let strong = format!("{} {number}", STRONG[0]);
                assert_eq!(check(&policy, &strong, &[]).await, Ok(()), "a race never mixes up answers");
                assert!(check(&policy, "password", &[]).await.is_err(), "a race never mixes up answers");
            }
        }
    })
    .await;
}
