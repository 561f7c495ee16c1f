//! HTTP adapter: REST, OAuth 2 endpoints, health and documents
