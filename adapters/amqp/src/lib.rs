//! Events to RabbitMQ with publisher confirms
