//! Stored roles, keys and links that cannot be: an error that names the column, never a panic.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use databases::samples::{api_key, at, one_time_token, role, signed_in};
use databases::{Fresh, damage};
use portcullis_domain::ports::store::{Store, StoreError};

#[tokio::test]
async fn a_role_a_key_or_a_link_that_cannot_be_is_named_by_its_column() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (ann, _) = signed_in(&*store, "ann").await;
        let (ops, key, link) = (role("ops"), api_key(&ann), one_time_token(&ann));
        let mut tx = store.begin().await.unwrap();
        tx.roles().insert(&ops, usize::MAX).await.unwrap();
        tx.roles().grant(ann.id, &ops.name, at(1)).await.unwrap();
        tx.api_keys().insert(&key, u32::MAX).await.unwrap();
        tx.one_time_tokens().put(&link).await.unwrap();
        tx.commit(at(1), Vec::new()).await.unwrap();
        let short = match fresh {
            Fresh::Sqlite(_) => "UPDATE api_keys SET networks = '', secret = x'00'",
            Fresh::Postgres(_) => "UPDATE api_keys SET networks = '', secret = '\\x00'",
        };
        for (column, sql) in [
            ("roles.permissions", "UPDATE roles SET permissions = '[\"everything\"]'"),
            ("roles.version", "UPDATE roles SET permissions = '[]', version = -1"),
        ] {
            damage(&fresh, sql).await;
            let answer = store.begin().await.unwrap().roles().all().await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
            let answer = store.begin().await.unwrap().roles().by_name(&ops.name).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
        for (column, sql) in [
            ("api_keys.permissions", "UPDATE api_keys SET permissions = '{}'"),
            ("api_keys.networks", "UPDATE api_keys SET permissions = '[]', networks = 'home'"),
            ("api_keys.secret", short),
        ] {
            damage(&fresh, sql).await;
            let answer = store.begin().await.unwrap().api_keys().in_use(key.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
            let answer = store.begin().await.unwrap().api_keys().by_id(key.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
        damage(&fresh, "UPDATE one_time_tokens SET created_at = 9223372036854775807").await;
        let mut tx = store.begin().await.unwrap();
        let answer = tx.one_time_tokens().redeem(&link.digest, link.purpose, at(1)).await;
        assert!(
            matches!(&answer, Err(StoreError::Corrupt(what)) if what == "one_time_tokens.created_at"),
            "{answer:?}"
        );
        drop(tx);
        damage(&fresh, "INSERT INTO roles VALUES ('Not A Role', '', '[]', 1, 1, 1)").await;
        damage(&fresh, "UPDATE user_roles SET role = 'Not A Role'").await;
        let answer = store.begin().await.unwrap().roles().of(ann.id).await;
        assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == "user_roles.role"), "{answer:?}");
    }
}
