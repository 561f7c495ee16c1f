//! The `publisher` suite on RabbitMQ.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_memory::contract::{Publisher, Received, Sink};
use tokio::sync::Mutex;

use crate::rabbit::{Rabbit, ready};

/// A queue, and what was taken from it.
struct Queue {
    rabbit: Rabbit,
    taken: Mutex<Vec<Received>>,
}

#[async_trait]
impl Sink for Queue {
    async fn received(&self, at_least: usize) -> Vec<Received> {
        let mut taken = self.taken.lock().await;
        let missing = at_least.saturating_sub(taken.len());
        taken.extend(self.rabbit.received(missing).await.into_iter().map(|message| Received {
            id: message.properties.message_id().cloned().unwrap_or_default(),
            routing_key: message.routing_key,
            body: message.body,
        }));
        taken.clone()
    }
}

async fn fresh() -> Publisher {
    let rabbit = Rabbit::fresh().await;
    let publisher = Arc::new(ready(rabbit.settings()).await);
    Publisher { publisher, sink: Arc::new(Queue { rabbit, taken: Mutex::default() }), guard: Box::new(()) }
}

portcullis_memory::publisher_contract!(fresh);
