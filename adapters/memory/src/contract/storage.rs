//! The suite `storage`: [`Store`](portcullis_domain::ports::store::Store), [`Tx`](portcullis_domain::ports::store::Tx)
//! and the repositories behind it.

pub use super::storage_accounts::*;
pub use super::storage_changes::*;
pub use super::storage_credentials::*;
pub use super::storage_ends::*;
pub use super::storage_keys::*;
pub use super::storage_rotation::*;
pub use super::storage_sessions::*;
pub use super::storage_units::*;

/// Runs the suite `storage` on what `async fn factory() -> contract::Storage` gives.
#[macro_export]
macro_rules! storage_contract {
    ($factory:expr) => {
        $crate::promises!(
            storage,
            $factory,
            a_unit_dropped_without_commit_leaves_no_trace,
            a_unit_sees_its_own_writes,
            a_read_sees_what_was_committed_before_it,
            nobody_sees_a_write_before_its_commit,
            after_an_error_every_later_call_is_refused,
            an_error_undoes_what_the_unit_wrote_before_it,
            dropped_units_hold_nothing_back,
            a_cancelled_call_holds_nothing_back,
            the_store_answers_a_ping_within_two_seconds,
            every_field_of_an_account_survives,
            an_account_is_found_by_every_spelling_of_its_names,
            a_name_that_nobody_has_finds_nobody,
            a_login_finds_account_and_password_in_one_look,
            an_address_belongs_to_one_account,
            a_username_belongs_to_one_account,
            an_id_belongs_to_one_account,
            accounts_without_username_do_not_collide,
            of_racing_accounts_one_gets_the_address,
            of_racing_accounts_one_gets_the_username,
            an_update_writes_every_field_but_id_and_birth,
            an_update_of_an_old_version_is_a_conflict,
            an_update_cannot_take_a_name_that_is_taken,
            of_racing_updates_of_a_version_one_succeeds,
            a_name_given_up_is_free,
            a_deleted_account_takes_its_password_and_sessions_along,
            the_names_of_a_deleted_account_are_free,
            of_racing_deletions_one_finds_the_account,
            a_password_is_added_once,
            a_password_is_replaced_only_if_it_is_the_old_one,
            a_password_is_confirmed_only_if_it_is_the_one,
            a_confirmed_password_stays_until_the_unit_ends,
            a_replaced_password_is_not_confirmed_afterwards,
            of_racing_replacements_one_succeeds,
            no_session_begins_with_a_password_that_is_being_replaced,
            every_field_of_a_session_survives,
            a_session_id_is_taken_once,
            a_session_needs_its_account,
            live_sessions_come_newest_first,
            only_live_sessions_are_listed,
            pages_of_sessions_are_complete,
            a_page_goes_on_after_a_session_that_ended_meanwhile,
            the_sessions_beyond_the_newest_are_found,
            a_session_is_revoked_once,
            the_first_revocation_stands,
            of_racing_revocations_one_ends_the_session,
            revoking_all_ends_the_live_ones_but_the_kept_one,
            of_racing_revocations_of_all_each_session_is_ended_once,
            purging_forgets_sessions_that_ended_before,
            purging_forgets_no_more_than_the_limit,
            a_revocation_is_found_by_its_instant,
            a_revocation_keeps_the_later_until,
            revocations_outlive_sessions_and_accounts,
            purging_forgets_revocations_that_matter_no_more,
            of_racing_additions_of_a_revocation_none_fails,
            the_live_token_is_rotated,
            a_token_used_again_within_the_grace_changes_nothing,
            a_token_used_again_after_the_grace_is_reuse,
            a_token_of_no_live_session_is_refused,
            a_token_that_is_not_of_the_family_is_refused,
            the_idle_end_never_passes_the_end,
            a_generation_forgotten_long_ago_is_reuse,
            a_hundred_rotations_follow_one_another,
            a_rotation_dropped_never_happened_b14,
            of_racing_rotations_of_one_token_one_is_first,
            racing_families_do_not_meet,
            a_rotation_racing_a_revocation_never_revives_a_session,
            every_field_of_a_key_survives,
            keys_come_by_algorithm_and_ordinal,
            an_ordinal_belongs_to_one_key_of_its_algorithm,
            a_kid_belongs_to_one_key,
            of_racing_first_keys_one_is_stored,
        );
    };
}
