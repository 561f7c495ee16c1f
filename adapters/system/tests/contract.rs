//! The adapters of this crate keep every promise of their ports.

use std::sync::Arc;

use portcullis_domain::ports::security::{PasswordHasher, PasswordPolicy};
use portcullis_memory::contract::Ambient;
use portcullis_memory::contract::hash_import::HashImports;
use portcullis_system::{Argon2Hasher, GuessPolicy, HashSettings, LegacyHashes, SystemClock, SystemRandomness};

/// As in production.
fn argon2() -> Argon2Hasher {
    Argon2Hasher::new(&HashSettings::default(), Arc::new(SystemRandomness))
        .expect("the settings of production are valid")
}

async fn hasher() -> Arc<dyn PasswordHasher> {
    Arc::new(argon2())
}

async fn policy() -> Arc<dyn PasswordPolicy> {
    Arc::new(GuessPolicy::new(8, vec!["Portcullis".to_owned()], argon2().pool()).expect("8 is a length"))
}

async fn ambient() -> Ambient {
    Ambient { clock: Arc::new(SystemClock), random: Arc::new(SystemRandomness) }
}

/// The hashes of `Correct horse 1` by Werkzeug 3.1.9, Django 5.2.19 and passlib 1.7.4, with little work each.
const FOREIGN: [&str; 8] = [
    "pbkdf2:sha256:600$ypMBYRgv6avRk1La$8e672e952ff94102f13d93bdb4ac8732b633357275d678fd653a942a7bec41bb",
    "scrypt:1024:8:1$AvifL6e5Ves1SO8P$430e2f80f291445dc92279c30e081f7c29970e671e8c557443a42900b89784aab8f66e8f55c11826f8c2fc912577828aaf914d87fa96ac0b6480ebb69687b394",
    "pbkdf2_sha256$600$NaClNaClNaClNaClNaClNa$NBEvSEyPDDHCMOgdEvXDwrMiup59RrwqwB2Zn2iEKtM=",
    "bcrypt_sha256$$2b$04$vpV2BHCf8Yqs9VFT6Mgn4Ou/Y2HFsH8IXm8H0RBefA1ZnF4ed2htm",
    "argon2$argon2id$v=19$m=64,t=1,p=1$bzdNa0htMHZkVUtjaHFVT25QTEZpbg$crV1U1ec+lPeiuZe5kJgCY8itntgfWs7q/Is1/qNpKA",
    "$pbkdf2-sha512$600$L.V87/3fey.FEGIsBSAEgA$LcT7b2vUVehv98/Ceksx3CopHUtipyNfTT/EISrxhOcmbLB5486j5oIG8hUCNHfDyCvHbURxEKndhTb4tSgM.A",
    "$scrypt$ln=10,r=8,p=1$VMq5l1IKAaDUWkuJkVJKyQ$MQV6ZHpUVueqkyXTK3mRjg3H03BxZvhYGXiEGN1E0NU",
    "$2b$04$1WoYDT2h7WRhKOsUydQ2XeZasSC2D/t2qNVJYu0sJl17zLU1ASFaS",
];

async fn imports() -> HashImports {
    let (salt, tag) = ("c29tZXNhbHRzb21lc2FsdA", "MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA");
    HashImports {
        import: Arc::new(LegacyHashes::default()),
        hasher: Arc::new(argon2()),
        foreign: FOREIGN.iter().map(|text| ((*text).to_owned(), "Correct horse 1".to_owned())).collect(),
        costly: vec![
            format!("$argon2id$v=19$m=8388608,t=2,p=4${salt}${tag}"),
            format!("$scrypt$ln=22,r=8,p=1${salt}${tag}"),
            format!("$pbkdf2-sha512$4000000000${salt}${tag}"),
            "$2b$31$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6".to_owned(),
        ],
    }
}

portcullis_memory::hasher_contract!(hasher);
portcullis_memory::hash_import_contract!(imports);
portcullis_memory::password_policy_contract!(policy);
portcullis_memory::ambient_contract!(ambient);
