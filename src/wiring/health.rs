//! What readiness asks.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::ports::delivery::EventPublisher;

use super::{Check, Health, RedisAdapter, Storage, WayOut};

/// The checks of what the service stands on; only the database is a condition.
pub(crate) fn health(storage: &Storage, redis: Option<&Arc<RedisAdapter>>, way_out: &WayOut) -> Arc<Health> {
    let store = storage.store.clone();
    let mut checks = vec![Check {
        name: "database",
        required: true,
        probe: Arc::new(move || {
            let store = store.clone();
            Box::pin(async move {
                let answered = tokio::time::timeout(Duration::from_secs(2), store.ping()).await;
                answered.map_err(|_| "no answer within 2 s".to_owned())?.map_err(|error| error.to_string())
            })
        }),
    }];
    if let Some(amqp) = &way_out.amqp {
        let amqp = amqp.clone();
        checks.push(Check {
            name: "broker",
            required: false,
            probe: Arc::new(move || {
                let amqp = amqp.clone();
                Box::pin(async move {
                    let why = || amqp.last_error().unwrap_or_else(|| "not connected".to_owned());
                    if amqp.is_ready().await { Ok(()) } else { Err(why()) }
                })
            }),
        });
    }
    if storage.shared {
        let signal = storage.signal.clone();
        checks.push(Check {
            name: "replicas",
            required: false,
            probe: Arc::new(move || {
                let connected = signal.is_connected();
                Box::pin(async move {
                    let why = "no word from other replicas: revocations are read from the database now and then";
                    if connected { Ok(()) } else { Err(why.to_owned()) }
                })
            }),
        });
    }
    if let Some(redis) = redis {
        let redis = redis.clone();
        checks.push(Check {
            name: "redis",
            required: false,
            probe: Arc::new(move || {
                let redis = redis.clone();
                Box::pin(async move {
                    let why = || redis.last_error().unwrap_or_else(|| "not connected".to_owned());
                    if redis.is_ready() { Ok(()) } else { Err(why()) }
                })
            }),
        });
    }
    Arc::new(Health::new(checks))
}
