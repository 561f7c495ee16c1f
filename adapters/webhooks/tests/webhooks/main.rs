//! The sender over real connections, to receivers of the test's own.

mod bounds;
mod contract;
mod receiver;
mod refusals;
mod tls;
