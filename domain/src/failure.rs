//! What a use case answers when the world, not the caller, is at fault.

use crate::ports::security::HashError;
use crate::ports::store::StoreError;

/// A boxed cause, for the log and never for the caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An infrastructure failure. It tells the caller only whether and when a retry makes sense.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The service has more work than it can do now; a retry after a second is welcome.
    #[error("too much work at the moment")]
    Overloaded,
    /// Something the service needs is away; a retry is welcome. Nothing has changed, unless the store was lost in the
    /// middle of a commit: then it may have changed or not, and a retry finds out.
    #[error("a part the service needs is not available")]
    Unavailable(#[source] BoxError),
    /// The service itself is at fault.
    #[error("internal failure")]
    Internal(#[source] BoxError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Conflict => Self::Unavailable(Box::new(error)),
            StoreError::Duplicate(_) | StoreError::Full | StoreError::Corrupt(_) | StoreError::Closed => {
                Self::Internal(Box::new(error))
            }
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Overloaded => Self::Overloaded,
            HashError::Failed(cause) => Self::Internal(cause),
        }
    }
}
