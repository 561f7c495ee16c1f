//! From names to addresses.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Turns a name into its addresses.
#[async_trait]
pub trait Names: Send + Sync {
    /// All addresses of a name at this moment.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

#[async_trait]
impl Names for SystemNames {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}
