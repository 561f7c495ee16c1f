//! Why a verifier cannot be made.

/// A verifier cannot be made of these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No audience was given: tokens for other services would be accepted.
    #[error("say which audience this service is: Builder::audience")]
    NoAudience,
    /// The issuer, or its address, is no URL that keys can be fetched from.
    #[error("the issuer must be an https URL without query and fragment: {0}")]
    Issuer(String),
    /// More than 60 s.
    #[error("a leeway of more than 60 seconds accepts expired tokens: correct the clocks instead")]
    Leeway,
    /// No algorithm is allowed.
    #[error("no algorithm is allowed")]
    NoAlgorithm,
    /// The given keys are no JWK Set or PASERK list.
    #[error("the given keys cannot be read")]
    Keys,
    /// Keys are to be fetched, and that needs a tokio runtime.
    #[error("build the verifier inside a tokio runtime: it fetches keys in the background")]
    NoRuntime,
    /// Keys are to be fetched, and the crate was built without the feature `discovery`.
    #[error("keys can only be fetched with the feature `discovery`: switch it on, or give the keys")]
    NoDiscovery,
    /// There is no HTTP client: TLS could not be set up.
    #[error("there is no HTTP client: {0}")]
    Client(String),
}
