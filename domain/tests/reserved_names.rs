//! A014: reserved names are refused in every spelling of the same name.

use std::path::PathBuf;

use portcullis_domain::accounts::{Username, UsernameError};

/// The shared vectors; `None`, and a line saying so, in a clone without them. In CI they have to be there.
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to see what was not run")]
fn vectors() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(std::env::var_os("PORTCULLIS_VECTORS").unwrap_or_else(|| beside.into()));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "the test vectors are not at {}", folder.display());
    println!("not run: the test vectors are not at {}", folder.display());
    None
}

/// The full-width forms of ASCII, which NFKC folds back.
fn full_width(name: &str) -> String {
    name.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xFEE0)).collect()
}

fn is_reserved(name: &str) -> bool {
    Username::parse(name) == Err(UsernameError::Reserved)
}

#[test]
#[expect(clippy::print_stdout, reason = "rows that are left out are counted aloud")]
fn a014_every_name_of_the_blocklist_that_could_be_a_username_is_refused_in_every_spelling() {
    let Some(folder) = vectors() else { return };
    let file = std::fs::read(folder.join("username-blocklist/list.json")).unwrap();
    let list: Vec<String> = serde_json::from_slice(&file).unwrap();
    let usernames: Vec<&String> = list.iter().filter(|name| Username::stored(name).is_ok()).collect();
    for name in &usernames {
        assert!(is_reserved(name), "{name} is free");
        assert!(is_reserved(&name.to_uppercase()), "{name} is free in capitals");
        assert!(is_reserved(&full_width(name)), "{name} is free in full width");
        assert!(is_reserved(&full_width(&name.to_uppercase())), "{name} is free in full-width capitals");
        assert!(is_reserved(&format!(" {name}\u{3000}")), "{name} is free with space around it");
    }
    let others = list.iter().filter(|name| Username::stored(name).is_err());
    assert!(others.clone().all(|name| Username::parse(name).is_err()));
    println!("{} names are no usernames in the first place (too short, or begin with a dot)", others.count());
    assert!(usernames.len() >= 525, "{} rows", usernames.len());
}

#[test]
fn a014_our_own_routes_roles_and_mailboxes_are_reserved() {
    let names = "admin administrator root support security postmaster portcullis oauth2 openid well-known livez readyz \
                 healthz jwks paserk introspect revoke userinfo metrics no-reply";
    for name in names.split_whitespace() {
        assert!(is_reserved(name), "{name} is free");
        let capital = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        assert!(is_reserved(&capital), "{capital} is free");
    }
}

#[test]
fn ordinary_names_are_free() {
    for name in "alice bob.smith rooted administrata supporter x-files portcullis-fan".split_whitespace() {
        assert!(Username::parse(name).is_ok(), "{name} is refused");
    }
}

#[test]
fn a_reserved_name_that_somebody_has_already_is_still_read() {
    assert_eq!(Username::stored("Admin").unwrap().key(), "admin");
}
