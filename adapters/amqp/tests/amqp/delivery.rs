//! Deliveries to publish.

use portcullis_domain::Timestamp;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, UserId};
use portcullis_domain::ports::delivery::Delivery;
use uuid::Uuid;

/// The `number`th delivery of a test.
pub(crate) fn delivery(number: u64) -> Delivery {
    let user_id = UserId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 | u128::from(number)));
    let event = Event::UserRegistered { user_id, username: None, email: format!("user{number}@example.org") };
    Delivery {
        id: id(number),
        sequence: number,
        subject: format!("users/{user_id}"),
        occurred_at: Timestamp::from_unix_seconds(1_763_721_600),
        event,
        traceparent: None,
        attempts: 1,
        refusals: 0,
    }
}

/// Its id.
pub(crate) fn id(number: u64) -> EventId {
    EventId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number)))
}
