//! The names that people type: one canonical form each.

use portcullis_domain::accounts::{Email, EmailError, LoginName, Password, PasswordError, Username, UsernameError};
use portcullis_domain::origin::Origin;
use portcullis_domain::tokens::Scope;
use proptest::prelude::*;

#[test]
fn spellings_of_one_address_have_one_key_a014_b22() {
    for spelling in [
        "ann@example.com",
        "ANN@EXAMPLE.COM",
        "Ann@Example.Com",
        "  ann@example.com  ",
        "\u{FEFF}ann@example.com".trim_start_matches('\u{FEFF}'),
        "\u{FF41}\u{FF4E}\u{FF4E}@example.com",
        "ann\u{FF20}example.com",
        "ann\u{FE6B}example.com",
        "ann@\u{FF45}\u{FF58}ample.com",
        "ann@example\u{FF0E}com",
        "ann@example\u{3002}com",
        "ann@exam\u{AD}ple.com",
        "\u{1D41A}nn@example.com",
        "a\u{24DD}n@example.com",
    ] {
        let email = Email::parse(spelling).unwrap_or_else(|error| panic!("{spelling:?} is an address: {error}"));
        assert_eq!(email.key(), "ann@example.com", "{spelling:?}");
    }
}

#[test]
fn the_beginning_of_a_name_is_searched_in_its_canonical_form() {
    for (typed, key) in [
        ("Ann@", "ann@"),
        ("ANN@Example.C", "ann@example.c"),
        ("\u{FF41}nn", "ann"),
        ("ann@b\u{FC}cher.example", "ann@xn--bcher-kva.example"),
        ("100%_of*", "100%_of*"),
    ] {
        assert_eq!(Email::key_prefix(typed).as_deref(), Ok(key));
    }
    for wrong in ["", "a b", "a\0", "a\nb"] {
        assert_eq!(Email::key_prefix(wrong), Err(EmailError::Malformed), "{wrong:?}");
    }
    assert_eq!(Email::key_prefix(&"a".repeat(2_000)), Err(EmailError::TooLong));
    assert_eq!(Username::key_prefix("Ad").as_deref(), Ok("ad"));
    assert_eq!(Username::key_prefix("admin").as_deref(), Ok("admin"));
    assert_eq!(Username::key_prefix("a%"), Err(UsernameError::Malformed));
    assert_eq!(Username::key_prefix(" "), Err(UsernameError::TooShort));
    assert_eq!(Username::key_prefix(&"a".repeat(65)), Err(UsernameError::TooLong));
}

#[test]
fn different_addresses_have_different_keys() {
    let keys: std::collections::HashSet<_> = [
        "ann@example.com",
        "an@example.com",
        "a.nn@example.com",
        "ann+tag@example.com",
        "ann@example.org",
        "ann@sub.example.com",
        "\u{0430}nn@example.com",
        "\u{0131}nn@example.com",
        "inn@example.com",
        "ann@xn--exmple-cua.com",
    ]
    .map(|text| Email::parse(text).unwrap_or_else(|error| panic!("{text:?} is an address: {error}")).key().to_owned())
    .into();
    assert_eq!(keys.len(), 10, "look-alikes of other scripts, dots and tags are other addresses");
}

#[test]
fn a_domain_has_one_ascii_form() {
    let (unicode, ascii) = (Email::parse("ann@bücher.example"), Email::parse("ann@XN--BCHER-KVA.example"));
    assert_eq!(unicode, ascii, "IDNA and ASCII forms are one domain");
    assert_eq!(unicode.map(|email| email.key().to_owned()), Ok("ann@xn--bcher-kva.example".to_owned()));
}

#[test]
fn what_is_no_address_is_refused_b22() {
    for text in [
        "",
        " ",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "ann@@example.com",
        "a@b@example.com",
        "ann example@example.com",
        "ann@exam ple.com",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@example.com\u{3002}",
        "ann@-example.com",
        "ann@example-.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..n@example.com",
        "ann@example.com\nBcc: x@y.example",
        "ann\r\n@example.com",
        "ann\0@example.com",
        "ann@example.com\0",
        "ann@[127.0.0.1]",
        "ann@[IPv6:::1]",
        "ann@127.0.0.1",
        "ann@0x7f000001",
        "ann@2130706433",
        "ann@ex%61mple.com",
        "ann@exa_mple.com",
        "Ann <ann@example.com>",
        "<ann@example.com>",
        "mailto:ann@example.com",
        "ann@example.com\n",
        "ann@example.com\r\n",
        "\tann@example.com",
        "ann@exa+mple.com",
        "ann@ex!ample.com",
        "ann@example.com,ben@example.com",
        "ann@example.com;",
        "(x)ann@example.com",
        "ann@example.com(x)",
        "ann\u{200B}@example.com",
        "ann\u{202E}@example.com",
        "\u{2028}ann@example.com x",
        "ann\u{FEFF}@example.com",
        "ann\u{AD}@example.com",
        "ann\u{FFFD}@example.com",
        "ann\u{E000}@example.com",
    ] {
        assert_eq!(Email::parse(text).map(|email| email.key().to_owned()), Err(EmailError::Malformed), "{text:?}");
    }
}

#[test]
fn an_address_has_at_most_254_bytes_and_64_before_the_at() {
    let domain = format!("{}.{}.{}", "d".repeat(60), "d".repeat(60), "d".repeat(60));
    let at = |local: usize| format!("{}@{domain}.example", "l".repeat(local));
    let room = 254 - at(0).len();
    assert!(room <= 64 && Email::parse(&at(room)).is_ok(), "254 bytes are fine");
    assert_eq!(Email::parse(&at(room + 1)), Err(EmailError::TooLong));
    assert!(Email::parse(&format!("{}@example.com", "l".repeat(64))).is_ok());
    assert!(Email::parse(&format!("{}@example.com", "l".repeat(65))).is_err());
    assert_eq!(Email::parse(&"x@".repeat(1 << 20)), Err(EmailError::TooLong));
}

#[test]
fn usernames_keep_to_their_alphabet_and_length() {
    for fine in ["ann", "a.b", "a_b", "a-b", "A1-b_c.D", "007", &"x".repeat(64), " ann ", "\u{FF41}nn"] {
        assert!(Username::parse(fine).is_ok(), "{fine:?}");
    }
    let cases: [(&[&str], UsernameError); 3] = [
        (&["", "a", "ab", "  ab  "], UsernameError::TooShort),
        (
            &[
                "ann smith",
                "ann!",
                ".ann",
                "ann.",
                "-ann",
                "ann_",
                "änn",
                "\u{0430}nn",
                "an\u{200B}n",
                "ann@x",
                "ann\0",
                "a\nb",
                "ann/..",
                "<b>ann",
            ],
            UsernameError::Malformed,
        ),
        (
            &["root", "ROOT", " admin ", "\u{FF41}dmin", "Administrator", "postmaster", "support", "security"],
            UsernameError::Reserved,
        ),
    ];
    for (texts, expected) in cases {
        for text in texts {
            assert_eq!(Username::parse(text), Err(expected), "{text:?}");
        }
    }
    assert_eq!(Username::parse(&"x".repeat(65)), Err(UsernameError::TooLong));
    assert_eq!(Username::parse(&"x".repeat(1 << 20)), Err(UsernameError::TooLong));
    assert_eq!(
        Username::stored("root").map(|name| name.key().to_owned()),
        Ok("root".to_owned()),
        "what was stored is read"
    );
}

#[test]
fn passwords_are_counted_in_code_points_and_kept_as_they_are_a001_a002_a005() {
    for (text, fine) in [
        ("\u{1F600}".repeat(7), false),
        ("\u{1F600}".repeat(8), true),
        ("abcdefg".to_owned(), false),
        ("abcdefgh".to_owned(), true),
        ("x".repeat(1_024), true),
        ("\u{1F600}".repeat(1_024), true),
        ("x".repeat(1_025), false),
        ("\u{1F600}".repeat(1_025), false),
        ("        ".to_owned(), true),
    ] {
        let chosen = Password::choose(text.clone(), 8);
        assert_eq!(chosen.is_ok(), fine, "{} characters", text.chars().count());
        if let Ok(chosen) = chosen {
            assert_eq!(chosen.expose(), text, "a password is kept as it is");
            assert_eq!(format!("{chosen:?}"), "Password([redacted])", "and never shown");
        }
    }
    assert_eq!(Password::choose("x".repeat(14), 15).err(), Some(PasswordError::TooShort { min: 15 }));
    assert!(Password::present(String::new()).is_ok(), "a login may present anything short enough");
    assert!(Password::present("x".repeat(1 << 20)).is_err(), "nothing long is ever hashed");
}

fn noisy() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9._+-]{0,20}@[a-zA-Z0-9.-]{0,30}",
        "[\\PC@.]{0,40}",
        "(?s)[@.\\x00-\\x1f\u{FF20}\u{FE6B}\u{3002}\u{FF0E}a-zé\u{130}\u{131}ßſﬀΣς]{0,30}",
        "[a-zÀ-ÿ\u{FF21}-\u{FF3A}\u{130}ßſﬀΣς]{1,12}@[a-zÀ-ÿ\u{FF21}-\u{FF3A}]{1,12}\\.com",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_address_is_read_without_panic_and_its_canonical_form_is_final(text in noisy()) {
        if let Ok(email) = Email::parse(&text) {
            let again = Email::parse(email.as_str()).expect("what was accepted is accepted as it is stored");
            prop_assert_eq!(&again, &email, "reading what is stored changes nothing");
            let folded: String = email.key().to_lowercase();
            prop_assert_eq!(folded.as_str(), email.key(), "the canonical form is final");
            // Some letters fold to one with a mark (İ), which nobody can write: their canonical form is nobody else's.
            if let Ok(canonical) = Email::parse(email.key()) {
                prop_assert_eq!(canonical.key(), email.key(), "the canonical form is final");
            }
            let upper = Email::parse(&email.as_str().to_uppercase());
            if let Ok(upper) = upper {
                let folded = upper.key() == email.key() || !email.as_str().is_ascii();
                prop_assert!(folded, "case decides nothing: {:?} and {:?}", upper.key(), email.key());
            }
            prop_assert!(email.as_str().len() <= Email::MAX_BYTES);
            let clean = !email.as_str().chars().any(|c| c.is_control() || c.is_whitespace());
            prop_assert!(clean, "nothing that could break a header");
            prop_assert!(email.as_str().starts_with(email.local_part()));
        }
    }

    #[test]
    fn a_username_is_read_without_panic_and_its_canonical_form_is_final(text in prop_oneof![noisy(), "[ -~]{0,70}"]) {
        if let Ok(name) = Username::parse(&text) {
            let again = Username::parse(name.as_str()).expect("what was accepted is accepted as it is stored");
            prop_assert_eq!(again.as_str(), name.as_str());
            let upper = Username::parse(&name.as_str().to_uppercase()).expect("case decides nothing");
            prop_assert_eq!(upper.key(), name.key());
            let canonical = Username::parse(name.key()).expect("the canonical form is a name");
            prop_assert_eq!(canonical.key(), name.key());
            prop_assert!((3..=64).contains(&name.as_str().len()) && name.as_str().is_ascii());
        }
    }

    #[test]
    fn a_login_name_is_what_registration_made_of_it(text in noisy()) {
        match LoginName::parse(&text) {
            Some(LoginName::Email(email)) => prop_assert_eq!(Email::parse(&text), Ok(email)),
            Some(LoginName::Username(name)) => prop_assert_eq!(Username::stored(&text), Ok(name)),
            None => {}
        }
        if let Ok(email) = Email::parse(&text) {
            prop_assert_eq!(LoginName::parse(&text), Some(LoginName::Email(email)), "who registers by it logs in by it");
        }
        if let Ok(name) = Username::parse(&text) {
            prop_assert_eq!(LoginName::parse(&text), Some(LoginName::Username(name)), "who registers by it logs in by it");
        }
    }

    #[test]
    fn a_scope_is_read_without_panic_and_shown_as_it_is(text in prop_oneof![any::<String>(), "[!-~ ]{0,60}", "([a-c] ?){0,9}"]) {
        if let Ok(scope) = Scope::parse(&text) {
            prop_assert_eq!(&Scope::parse(&scope.to_string()).expect("a scope"), &scope);
            let distinct: std::collections::HashSet<_> = scope.values().iter().collect();
            prop_assert_eq!(distinct.len(), scope.values().len(), "each value once");
            prop_assert!(text.split(' ').all(|value| value.is_empty() || scope.contains(value)));
        }
    }

    #[test]
    fn a_user_agent_is_kept_in_one_short_line_b56(text in any::<String>()) {
        if let Some(kept) = Origin::keep_user_agent(&text) {
            prop_assert!(!kept.is_empty() && kept.chars().count() <= Origin::USER_AGENT_MAX);
            let broken = kept.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
            prop_assert!(!broken);
        }
    }

    #[test]
    fn a_password_is_kept_as_it_is_a003(text in any::<String>()) {
        if let Ok(password) = Password::present(text.clone()) {
            prop_assert_eq!(password.expose(), text.as_str());
        }
    }
}

#[test]
fn a_scope_has_at_most_4096_bytes_b56() {
    let fits = ["a".repeat(2_047), "b".repeat(2_048)].join(" ");
    assert_eq!(Scope::parse(&fits).map(|scope| scope.values().len()), Ok(2));
    assert!(Scope::parse(&format!("{fits}b")).is_err());
}
