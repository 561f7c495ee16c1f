//! Bringing accounts in from elsewhere: with their passwords, from every kind of file, as often as it takes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::{Api, Tokens};
use crate::operator::{argument, call, call_with_input, file, migrated};
use crate::place::Place;
use crate::service::Settings;

/// The password of every hash below.
pub(crate) const PASSWORD: &str = "Grüße, Welt 1";
/// bcrypt of cost 4.
pub(crate) const BCRYPT: &str = "$2b$04$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6";
const WERKZEUG: &str =
    "pbkdf2:sha256:1000$abcdefgh12345678$c55881e9df933215e01df9ddc32ffafab3d45dfa1feb8e50d1c1ea170c7357a4";
const DJANGO: &str = "pbkdf2_sha256$1000$abcdefgh$vITUO62o5woQdOqmCsGMR4xTSL3nLJ1UdRjlMABOkXo=";
/// The salt of the hashes that follow, in Base64: `0123456789abcdef`.
const SALT: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
const PBKDF2_SHA256: &str = "9aLOITuNQvRiGYW+AwphMO0skjCsukvYsSb+mUYJUc2nTT6r4TWVIiPfy0ArcNfvv8CkpaPf2cdN9mS5cN/K2Q==";
const PBKDF2_SHA512: &str = "onbgDOEWZxc7eLI5GeEF1LeMgqaOte+gdUQVGLSITKNABvDL5YwWCQ4X+tCxp2arNo6a7QiRgchSWE8BHtjSZg==";
const PBKDF2_SHA1: &str = "K8ODlrDupcM/h2s6U8pEfo5kztU=";
const ARGON2: &str = "NIpZ40j0XBONN6M+DPLzZ+T4edkzf8rTtFXCUMd3nVM=";
const SCRYPT: &str = concat!(
    "494a0fe6d3eb9e0f747535406366aa4fb09802df480fd8bcc4c604931aa344c5",
    "cec05dae93210c20babbb0405f98f0dc1347e0dec5f5829bf9bf2765097480cb",
);

#[tokio::test(flavor = "multi_thread")]
async fn a003_people_keep_their_passwords_from_every_kind_of_file_on_sqlite() {
    people_keep_their_passwords(&Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a003_people_keep_their_passwords_from_every_kind_of_file_on_postgres() {
    people_keep_their_passwords(&Place::postgres().await).await;
}

async fn people_keep_their_passwords(place: &Place) {
    let settings = migrated(place);
    let lines = format!(
        "{}\n{}\r\n\n",
        json!({ "email": "w@example.com", "username": "werner", "password_hash": WERKZEUG, "email_verified": true }),
        json!({ "email": "b@example.com", "password_hash": BCRYPT, "created_at": "2019-05-01T00:00:00Z" }),
    );
    let table = format!("\u{feff}email,username,password_hash\r\n\"d@example.com\",dora,{DJANGO}\r\n");
    let auth0 = format!(
        "{}\n{}\n",
        json!({ "_id": { "$oid": "6" }, "email": "a1@example.com", "email_verified": true, "passwordHash": BCRYPT }),
        json!({ "email": "a2@example.com", "custom_password_hash": {
            "algorithm": "scrypt", "hash": { "value": SCRYPT, "encoding": "hex" },
            "salt": { "value": SALT, "encoding": "base64" },
            "keylen": 64, "cost": 1024, "blockSize": 8, "parallelization": 1,
        } }),
    );
    let parameters = file(place, "hash_config.txt", firebase()["hash_config"].to_string());
    for (name, content, accounts, flags) in [
        ("people.jsonl", lines, 2, vec![]),
        ("people.csv", table, 1, vec![]),
        ("shop-realm.json", keycloak().to_string(), 5, vec![]),
        ("auth0.ndjson", auth0, 2, vec![]),
        ("firebase.json", firebase_export(), 1, vec!["--firebase-params", argument(&parameters)]),
    ] {
        let path = file(place, name, content);
        let mut arguments = vec!["users", "import", argument(&path), "--json"];
        arguments.extend(flags);
        let summary = call(&settings, &arguments).expect(0).json();
        assert_eq!(summary["added"], accounts, "{name}: {summary}");
        let again = call(&settings, &arguments).expect(0).json();
        assert_eq!((&again["added"], &again["present"]), (&json!(0), &json!(accounts)), "{name}: {again}");
    }

    let service = settings.start().await;
    let api = Api::at(&service.url);
    let people = ["w", "b", "d", "kc1", "k256", "k512", "kargon", "a1", "a2"].map(|name| (name, PASSWORD));
    for (name, password) in people.into_iter().chain([("f", "user1password")]) {
        let email = format!("{name}@example.com");
        api.login(&email, "not the password").await.expect_problem(401, "invalid-credentials");
        api.login(&email, password).await.expect(200);
        // The hash is ours by now, and the password is the same.
        api.login(&email, password).await.expect(200);
        api.login(&email, "not the password").await.expect_problem(401, "invalid-credentials");
    }
    let tokens = Tokens::of(&api.login("werner", PASSWORD).await.expect(200));
    let me = api.get("/api/v1/me", Some(&tokens.access)).await.expect(200);
    assert_eq!((me.str("email"), &me.json["email_verified"]), ("w@example.com", &json!(true)));
    let tokens = Tokens::of(&api.login("kc1@example.com", PASSWORD).await.expect(200));
    let me = api.get("/api/v1/me", Some(&tokens.access)).await.expect(200);
    assert_eq!((me.str("id"), me.str("username")), ("7b8d1c0e-3c1f-4f7e-9d0a-1f2e3d4c5b61", "kc1"));
    assert_eq!(me.str("created_at"), "2023-11-14T22:13:20Z");
    api.login("gone@example.com", PASSWORD).await.expect(401);
    service.stop().await;

    let exported = call(&settings, &["users", "export", "--with-hashes"]).expect(0);
    let hashes: BTreeMap<String, String> = exported
        .lines()
        .iter()
        .map(|line| ["email", "password_hash"].map(|name| line[name].as_str().unwrap_or_default().to_owned()).into())
        .collect();
    assert_eq!(hashes.len(), 11);
    let is_ours = |hash: &str| hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$");
    let kept: Vec<_> = hashes.iter().filter(|(_, hash)| !is_ours(hash)).map(|(email, _)| email.as_str()).collect();
    // Who may not log in; a hash that costs many times what is made here becomes ours, too.
    assert_eq!(kept, ["gone@example.com"]);
}

/// A realm of Keycloak with users of every hash algorithm, and one that may not log in.
fn keycloak() -> Value {
    let user = |name: &str, id: u8, enabled: bool, value: &str, algorithm: &str, iterations: u32, parameters: Value| {
        let secret = json!({ "value": value, "salt": SALT, "additionalParameters": {} });
        let data = json!({ "hashIterations": iterations, "algorithm": algorithm, "additionalParameters": parameters });
        json!({
            "id": format!("7b8d1c0e-3c1f-4f7e-9d0a-1f2e3d4c5b6{id}"), "username": name,
            "email": format!("{name}@example.com"), "enabled": enabled, "emailVerified": true, "totp": false,
            "createdTimestamp": 1_700_000_000_000_i64, "realmRoles": ["default-roles-shop"], "notBefore": 0,
            "credentials": [{
                "id": "c", "type": "password", "createdDate": 1_700_000_000_000_i64,
                "secretData": secret.to_string(), "credentialData": data.to_string(),
            }],
        })
    };
    let argon2 = json!({
        "hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"],
    });
    json!({ "realm": "shop", "enabled": true, "clients": [{ "clientId": "x", "redirectUris": ["/*"] }], "users": [
        user("kc1", 1, true, PBKDF2_SHA1, "pbkdf2", 1_000, json!({})),
        user("k256", 2, true, PBKDF2_SHA256, "pbkdf2-sha256", 27_500, json!({})),
        user("k512", 3, true, PBKDF2_SHA512, "pbkdf2-sha512", 1_000, json!({})),
        user("kargon", 4, true, ARGON2, "argon2", 5, argon2),
        user("gone", 5, false, PBKDF2_SHA256, "pbkdf2-sha256", 27_500, json!({})),
    ] })
}

/// The example that Firebase publishes with its hash.
fn firebase() -> Value {
    json!({
        "hash_config": {
            "algorithm": "SCRYPT", "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14,
            "base64_signer_key":
                "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        },
        "salt": "42xEC+ixf3L2lw==",
        "hash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
    })
}

fn firebase_export() -> String {
    let example = firebase();
    let user = json!({
        "localId": "kYi4EvWQlQTKSfnJ3dRSP6IH3ed2", "email": "f@example.com", "emailVerified": true, "displayName": "F",
        "passwordHash": example["hash"], "salt": example["salt"], "createdAt": "1700000000000",
        "lastSignedInAt": "1700000000000", "providerUserInfo": [],
    });
    format!("{:#}", json!({ "users": [user] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refused_row_is_a_line_of_the_report_with_its_place_and_reason_and_without_its_hash() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = migrated(&place);
        let canary = "5f4dcc3b5aa765d61d8327deb882cf99";
        let bomb = "$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHRzb21l$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
        let id = "0199a5f2-7c00-7000-8000-000000000001";
        let rows = [
            json!({ "email": "a@example.com", "username": "ada", "id": id }).to_string(),
            json!({ "email": "b@example.com", "password_hash": canary }).to_string(),
            json!({ "email": "c@example.com", "password_hash": bomb }).to_string(),
            json!({ "email": "nobody", "role": "admin", "username": "x" }).to_string(),
            json!({ "email": "A@EXAMPLE.COM" }).to_string(),
            json!({ "email": "d@example.com", "username": "ADA" }).to_string(),
            json!({ "email": "e@example.com", "id": id }).to_string(),
            format!("{{\"email\": \"f@example.com\", \"password_hash\": \"{canary}"),
            "[1]".to_owned(),
            json!({ "email": "A@example.com", "username": "ada" }).to_string(),
            json!({ "email": "g@example.com" }).to_string(),
        ];
        let mut content = rows.join("\n").into_bytes();
        content.extend(b"\n\xff\xfe\n\n");
        content.extend(vec![b' '; 1_200_000]);
        content.extend(b"\n{\"email\": \"h@example.com\"}\n");
        let report = [
            "line 2: password_hash: unknown hash scheme",
            "line 3: password_hash: too costly: ",
            "line 4: email: this is not an e-mail address of the form name@example.com; there is no field \"role\"; \
             there are id, username, email, email_verified, status, created_at, password_hash; username: a username \
             has at least 3 characters",
            "line 5: the e-mail address belongs to another account",
            "line 6: the username belongs to another account",
            "line 7: the id belongs to another account",
            "line 8: is not JSON: it ends too early",
            "line 9: is not a JSON object",
            "line 12: is not UTF-8, from byte 1 on",
            "line 14: is longer than 1 MiB",
        ];
        let check = |told: &str| {
            let told: Vec<&str> = told.lines().collect();
            assert_eq!(told.len(), report.len(), "{told:#?}");
            for (line, expected) in told.iter().zip(report) {
                assert!(line.starts_with(expected), "{line}\nis not\n{expected}");
                assert!(!line.contains(canary) && !line.contains("9sTbSl"), "{line}");
            }
        };

        // What rows do to each other is not foreseen; everything else is.
        let path = file(&place, "people.jsonl", &content);
        let dry = call(&settings, &["users", "import", argument(&path), "--dry-run", "--json"]).expect(1);
        assert_eq!(dry.json()["dry_run"], true);
        assert_eq!((&dry.json()["added"], &dry.json()["refused"]), (&json!(7), &json!(7)));
        assert_eq!(call(&settings, &["users", "export"]).expect(0).out, "", "a dry run changes nothing");

        let done = call(&settings, &["users", "import", argument(&path), "--json"]).expect(1);
        check(&done.err);
        let summary = done.json();
        let counts = ["rows", "added", "present", "refused"].map(|name| summary[name].as_u64());
        assert_eq!(counts, [Some(14), Some(3), Some(1), Some(10)], "{summary}");
        assert_eq!(summary["complete"], true);

        let told = place.dir().join("report.txt");
        let flags = ["users", "import", "-", "--format", "jsonl", "--report", argument(&told)];
        let again = call_with_input(&settings, &flags, &content).expect(1);
        assert!(again.out.starts_with("14 rows: 0 added, 4 present, 10 refused"), "{again:?}");
        assert_eq!(again.err, "", "the report is in its file");
        check(&std::fs::read_to_string(&told).expect("the report"));

        let itself = call(&settings, &["users", "import", argument(&path), "--report", argument(&path)]).expect(1);
        assert!(itself.err.contains("this is the file to import"), "{itself:?}");
        assert_eq!(std::fs::read(&path).expect("the file"), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_told_with_the_remedy_and_exits_with_2() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let odd = file(&place, "odd.json", "{\"x\":\n 1}");
    let firebase = file(&place, "firebase.json", firebase_export());
    let wide = file(&place, "wide.csv", "email;username\n");
    let utf_16 = file(&place, "utf-16.csv", b"\xFF\xFEe\0m\0");
    let missing = place.dir().join("missing.jsonl");
    for (arguments, code, complaint) in [
        (vec![argument(&odd)], 2, "give --format"),
        (vec![argument(&firebase)], 2, "--firebase-params FILE"),
        (vec![argument(&odd), "--format", "xml"], 2, "keycloak"),
        (vec![argument(&odd), "--format", "csv", "--firebase-params", "x"], 2, "belongs to --format firebase"),
        (vec![argument(&odd), "--format", "jsonl", "--jobs", "0"], 2, "--jobs"),
        (vec![argument(&missing)], 1, "missing.jsonl: No such file"),
        (vec![argument(&utf_16)], 1, "convert it to UTF-8"),
        (vec![argument(&wide)], 1, "columns are separated by commas"),
    ] {
        let told = call(&settings, &[&["users", "import"], arguments.as_slice()].concat()).expect(code);
        assert!(told.err.contains(complaint), "{told:?}");
    }
    let fresh = Place::sqlite();
    let people = file(&fresh, "people.jsonl", "{\"email\": \"a@example.com\"}");
    let early = call(&Settings::on(&fresh), &["users", "import", argument(&people)]).expect(1);
    assert!(early.err.contains("portcullis migrate up"), "{early:?}");
    let memory = Settings::on(&fresh).with("DATABASE_URL", "memory:");
    let lost = call(&memory, &["users", "import", argument(&people)]).expect(1);
    assert!(lost.err.contains("DATABASE_URL"), "{lost:?}");
}
