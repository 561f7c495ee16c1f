//! Events as consumers would get them.

use serde_json::Value;

use super::wiring::Published;

/// An event that the service published.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CapturedEvent {
    /// The routing key, for instance `user.registered`.
    pub name: String,
    /// What it is about, for instance `users/<id>`.
    pub subject: String,
    /// What happened.
    pub data: Value,
    /// The whole of it as consumers get it: CloudEvents 1.0 in JSON.
    pub cloud_event: Value,
}

impl CapturedEvent {
    pub(super) fn read(published: &Published) -> Self {
        let cloud_event: Value = serde_json::from_str(&published.body).expect("the publisher writes JSON");
        Self {
            name: published.delivery.event.name().to_owned(),
            subject: published.delivery.subject.clone(),
            data: cloud_event["data"].clone(),
            cloud_event,
        }
    }
}
