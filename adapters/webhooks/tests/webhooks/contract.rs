//! The sender keeps every promise.

use std::sync::Arc;

use portcullis_memory::contract::webhook_sender::Webhooks;
use portcullis_webhooks::WebhookClient;

use crate::receiver::{LocalReceiver, settings};

async fn local() -> Webhooks {
    let receiver = LocalReceiver::start().await;
    let sender = WebhookClient::new(settings());
    Webhooks { sender: Arc::new(sender), receiver: Arc::new(receiver), guard: Box::new(()) }
}

portcullis_memory::webhook_sender_contract!(local);
