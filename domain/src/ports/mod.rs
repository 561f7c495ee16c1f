//! The ports: what the core asks of the world. Every promise is a MUST in a port's doc and a test in its
//! contract suite, which every adapter passes.
//!
//! | port | promise in a line | adapters | contract suite |
//! |---|---|---|---|
//! | [`store::Store`], [`store::Tx`] | nothing is true before `commit`; after it all of it is, with its effects | memory, sql | `storage` |
//! | [`accounts::UserRepository`], [`accounts::CredentialRepository`] | the store decides who was first | memory, sql | `storage` |
//! | [`sessions::SessionRepository`], [`sessions::RevocationRepository`] | one live refresh token in a family, whoever races | memory, sql | `storage` |
//! | [`accounts::AttemptRepository`] | every failure is counted, one free attempt goes to one | memory, sql | `storage` |
//! | [`audit::AuditRepository`] | an act and its entry are true together | memory, sql | `storage` |
//! | [`tokens::KeyRepository`] | one first key, however many replicas start | memory, sql | `storage` |
//! | [`clients::ClientRepository`] | an id is given once, deleted or not | memory, sql | `storage` |
//! | [`access::RoleRepository`] | a role is given and taken once, and the last holder stays, whoever races | memory, sql | `storage` |
//! | [`access::ApiKeyRepository`] | a change that overlooks another is refused, every use is counted | memory, sql | `storage` |
//! | [`access::OneTimeTokenRepository`] | one gets it, once, in time | memory, sql | `storage` |
//! | [`stats::StatsRepository`] | counts what is committed | memory, sql | `storage` |
//! | [`webhooks::WebhookRepository`] | a change that overlooks another is refused | memory, sql | `storage` |
//! | [`webhooks::WebhookQueue`] | what was committed for a webhook waits until it is sent; two claimers never share one | memory, sql | `webhook_queue` |
//! | [`webhooks::WebhookSender`] | signed, no redirect, no private address | memory (recording), webhooks | `webhook_sender` |
//! | [`delivery::Outbox`] | no committed effect is lost, two claimers never share one, a subject keeps its order | memory, sql | `outbox` |
//! | [`delivery::EventPublisher`] | `Ok` means the broker has it for good | memory (recording, in-process), amqp | `publisher` |
//! | [`sessions::RevocationList`] | a revoked grant is known at once | memory, redis | `revocation_list` |
//! | [`sessions::RevocationSignal`] | a replica hears of the others' revocations and changes | memory, sql | `revocation_signal` |
//! | [`limits::RateLimiter`] | nobody gets more than the bucket holds, whoever races | memory, redis | `rate_limiter` |
//! | [`sessions::RefreshTokenCodec`] | only our tokens open; the successor is the same for everybody | memory (toy), tokens | `refresh_tokens` |
//! | [`tokens::TokenIssuer`], [`tokens::TokenVerifier`], [`tokens::KeyRing`] | what we issue verifies, nothing else does | memory (toy), tokens | `signers` |
//! | [`security::PasswordHasher`] | no password costs as much as a wrong one; bounded, refuses rather than queues | memory (plain), system | `hasher` |
//! | [`security::PasswordPolicy`] | guessable passwords are refused with a reason | memory (plain), system | `password_policy` |
//! | [`security::HashImport`] | what is accepted verifies; unknown and costly hashes are refused | memory (plain), system | `hash_import` |
//! | [`security::Mac`] | a tag for each purpose, only under our key | memory (toy), tokens | `mac` |
//! | [`security::Vault`] | opens only what it sealed, for the same context | memory (toy), tokens | `vault` |
//! | [`ambient::Clock`], [`ambient::Randomness`] | the only way time and chance come in | memory (manual, seeded), system | `ambient` |

pub mod access;
pub mod accounts;
pub mod ambient;
pub mod audit;
pub mod clients;
pub mod delivery;
pub mod limits;
pub mod security;
pub mod sessions;
pub mod stats;
pub mod store;
pub mod tokens;
pub mod webhooks;
