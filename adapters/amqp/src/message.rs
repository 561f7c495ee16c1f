//! A delivery as an AMQP message.

use amqprs::{BasicProperties, DELIVERY_MODE_PERSISTENT};
use portcullis_domain::event::CloudEvent;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Delivery, PublishError};

/// What the broker's tools show as the application.
const APP_ID: &str = "portcullis";

/// A CloudEvents envelope in structured mode, with the properties that let a consumer deduplicate and route
/// without reading the body.
pub(crate) struct Message {
    pub(crate) id: EventId,
    pub(crate) routing_key: &'static str,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn new(delivery: &Delivery, source: &str) -> Result<Self, PublishError> {
        let body = serde_json::to_vec(&CloudEvent::new(delivery, source))
            .map_err(|error| PublishError::Refused(format!("it has no JSON form: {error}")))?;
        let mut properties = BasicProperties::default();
        properties
            .with_content_type(CloudEvent::MEDIA_TYPE)
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .with_message_id(&delivery.id.to_string())
            .with_message_type(&delivery.event.cloud_event_type())
            .with_app_id(APP_ID);
        // AMQP timestamps are unsigned seconds (§4.2.5.4); an instant before 1970 goes without.
        if let Ok(seconds) = u64::try_from(delivery.occurred_at.as_unix_seconds()) {
            properties.with_timestamp(seconds);
        }
        Ok(Self { id: delivery.id, routing_key: delivery.event.name(), properties, body })
    }
}
