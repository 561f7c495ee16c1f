//! The database schema, one file a table group
