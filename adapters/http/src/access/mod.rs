//! Who may do what: what a caller may do, and the API keys that do it for users.

mod all_keys;
mod desk;
mod key_form;
mod key_view;
mod own_keys;
pub(crate) mod permissions;
mod rights;

use poem_openapi::Tags;

pub(crate) use all_keys::KeyApi;
pub(crate) use own_keys::OwnKeyApi;
pub(crate) use rights::AccessApi;

use crate::openapi::named;

use key_form::{CreateKeyForm, CreateOwnKeyForm, RotateForm, UpdateKeyForm};
use key_view::{KeyPage, KeyView, NewKeyView};
use rights::RightsView;

#[derive(Tags)]
enum Tag {
    /// Who may do what.
    Access,
    /// Keys for programs that act for a user.
    #[oai(rename = "API keys")]
    ApiKeys,
}

/// The schemas of these operations.
pub(crate) fn schemas() -> serde_json::Value {
    [
        named::<RightsView>(),
        named::<KeyView>(),
        named::<NewKeyView>(),
        named::<KeyPage>(),
        named::<CreateOwnKeyForm>(),
        named::<CreateKeyForm>(),
        named::<UpdateKeyForm>(),
        named::<RotateForm>(),
    ]
    .into_iter()
    .collect()
}
