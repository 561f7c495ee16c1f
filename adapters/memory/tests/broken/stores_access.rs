//! Roles, API keys and one-time tokens that are read first and written then.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyInUse, KeyQuery, KeyUsage, OneTimeToken, Purpose, Role, RoleName};
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::secret::SecretDigest;
use portcullis_memory::contract;

use crate::caught;
use crate::stores::{BrokenTx, Fault, broken};

/// Between reading and writing.
const MEANWHILE: Duration = Duration::from_millis(5);

#[async_trait]
impl RoleRepository for BrokenTx {
    async fn insert(&mut self, role: &Role, most: usize) -> Result<(), StoreError> {
        if self.fault != Fault::CountsBeforeItInserts {
            return self.tx().roles().insert(role, most).await;
        }
        let there = self.tx().roles().all().await?.len();
        tokio::time::sleep(MEANWHILE).await;
        let room = if there < most { usize::MAX } else { 0 };
        self.tx().roles().insert(role, room).await
    }

    async fn update(&mut self, role: &Role) -> Result<(), StoreError> {
        self.tx().roles().update(role).await
    }

    async fn delete(&mut self, name: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        self.tx().roles().delete(name, at).await
    }

    async fn by_name(&mut self, name: &RoleName) -> Result<Option<Role>, StoreError> {
        self.tx().roles().by_name(name).await
    }

    async fn all(&mut self) -> Result<Vec<Role>, StoreError> {
        self.tx().roles().all().await
    }

    async fn grant(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        if self.fault == Fault::GrantsByReading
            && let Some(account) = self.tx().users().by_id(user).await?
        {
            // The turn is taken only afterwards: whoever else grants meanwhile writes the account too.
            tokio::time::sleep(MEANWHILE).await;
            self.tx().users().update(&account).await?;
        }
        self.tx().roles().grant(user, role, at).await
    }

    async fn withdraw(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        self.tx().roles().withdraw(user, role, at).await
    }

    async fn of(&mut self, user: UserId) -> Result<Vec<RoleName>, StoreError> {
        self.tx().roles().of(user).await
    }

    async fn of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<RoleName>>, StoreError> {
        self.tx().roles().of_all(users).await
    }

    async fn held_without(&mut self, role: &RoleName, user: UserId) -> Result<bool, StoreError> {
        if self.fault != Fault::AsksForHoldersWithoutHolding {
            return self.tx().roles().held_without(role, user).await;
        }
        for (account, _) in self.tx().users().page(None, u32::MAX).await? {
            let serves = account.status == UserStatus::Active && account.id != user;
            if serves && self.of(account.id).await?.contains(role) {
                tokio::time::sleep(MEANWHILE).await;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl ApiKeyRepository for BrokenTx {
    async fn insert(&mut self, key: &ApiKey, most: u32) -> Result<(), StoreError> {
        if self.fault != Fault::CountsBeforeItInserts {
            return self.tx().api_keys().insert(key, most).await;
        }
        let live = KeyQuery { owner: Some(key.owner), live_at: Some(key.created_at), after: None, limit: most };
        let there = self.tx().api_keys().page(&live).await?.len();
        tokio::time::sleep(MEANWHILE).await;
        let room = if there < most as usize { u32::MAX } else { 0 };
        self.tx().api_keys().insert(key, room).await
    }

    async fn update(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        self.tx().api_keys().update(key).await
    }

    async fn by_id(&mut self, id: ApiKeyId) -> Result<Option<(ApiKey, KeyUsage)>, StoreError> {
        self.tx().api_keys().by_id(id).await
    }

    async fn in_use(&mut self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        self.tx().api_keys().in_use(id).await
    }

    async fn page(&mut self, query: &KeyQuery) -> Result<Vec<(ApiKey, KeyUsage)>, StoreError> {
        self.tx().api_keys().page(query).await
    }

    async fn add_uses(&mut self, uses: &[(ApiKeyId, KeyUsage)]) -> Result<(), StoreError> {
        // Only the last of several counts.
        let uses =
            if self.fault == Fault::LosesUses { uses.last_chunk::<1>().map_or(uses, |last| &last[..]) } else { uses };
        self.tx().api_keys().add_uses(uses).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().api_keys().purge(before, limit).await
    }
}

#[async_trait]
impl OneTimeTokenRepository for BrokenTx {
    async fn put(&mut self, token: &OneTimeToken) -> Result<(), StoreError> {
        self.tx().one_time_tokens().put(token).await
    }

    async fn peek(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        self.tx().one_time_tokens().peek(digest, purpose, now).await
    }

    async fn redeem(
        &mut self,
        digest: &SecretDigest,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        if self.fault == Fault::RedeemsByReading {
            let token = self.peek(digest, purpose, now).await?;
            tokio::time::sleep(MEANWHILE).await;
            self.tx().one_time_tokens().redeem(digest, purpose, now).await?;
            return Ok(token);
        }
        self.tx().one_time_tokens().redeem(digest, purpose, now).await
    }

    async fn clear(&mut self, purpose: Purpose) -> Result<(), StoreError> {
        self.tx().one_time_tokens().clear(purpose).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().one_time_tokens().purge(before, limit).await
    }
}

#[test]
fn a_store_that_asks_for_holders_without_holding_is_caught() {
    let storage = broken(Fault::AsksForHoldersWithoutHolding);
    caught(move || async move {
        contract::storage::who_asks_for_holders_waits_for_those_who_asked_before(&storage).await;
    });
    let storage = broken(Fault::AsksForHoldersWithoutHolding);
    caught(move || async move { contract::storage::of_racing_leavers_the_last_holder_stays(&storage).await });
}

#[test]
fn a_store_that_reads_an_account_and_then_grants_is_caught() {
    let storage = broken(Fault::GrantsByReading);
    caught(move || async move { contract::storage::of_racing_grants_and_withdrawals_all_take_effect(&storage).await });
}

#[test]
fn a_store_that_counts_first_and_inserts_later_is_caught() {
    let storage = broken(Fault::CountsBeforeItInserts);
    caught(move || async move { contract::storage::of_racing_api_keys_no_more_come_than_there_may_be(&storage).await });
    let storage = broken(Fault::CountsBeforeItInserts);
    caught(move || async move { contract::storage::of_racing_roles_no_more_come_than_there_may_be(&storage).await });
}

#[test]
fn a_store_that_reads_a_one_time_token_and_then_uses_it_is_caught() {
    let storage = broken(Fault::RedeemsByReading);
    caught(move || async move { contract::storage::of_racing_redemptions_one_gets_the_token(&storage).await });
}

#[test]
fn a_store_that_counts_the_last_use_alone_is_caught() {
    let storage = broken(Fault::LosesUses);
    caught(move || async move { contract::storage::of_racing_uses_all_are_counted(&storage).await });
}
