//! The most that a foreign hash may cost: on one core of 2024 about a second, twice that for the costliest.

/// Memory of argon2 in KiB: 256 MiB.
pub const ARGON2_MEMORY_KIB: u32 = 256 * 1024;
/// Passes of argon2 over its memory.
pub const ARGON2_PASSES: u32 = 10;
/// Lanes of argon2.
pub const ARGON2_LANES: u32 = 16;
/// The logarithm of bcrypt's rounds; the least is 4.
pub const BCRYPT_COST: u32 = 15;
/// Iterations of PBKDF2, times the blocks of the digest that the output takes.
pub const PBKDF2_ITERATIONS: u64 = 4_000_000;
/// Memory of scrypt in bytes, 128·N·r: 128 MiB.
pub const SCRYPT_MEMORY: u64 = 128 * 1024 * 1024;
/// Memory times scrypt's parallelisation, 128·N·r·p: 512 MiB.
pub const SCRYPT_WORK: u64 = 512 * 1024 * 1024;
/// The block size r of scrypt.
pub const SCRYPT_BLOCK_SIZE: u64 = 32;
/// The parallelisation p of scrypt.
pub const SCRYPT_PARALLELISM: u64 = 16;

/// The longest text that is looked at, in bytes.
pub(super) const TEXT: usize = 1024;
/// The shortest output that is compared, in bytes: a shorter one would match too many passwords.
pub(super) const MIN_TAG: usize = 16;
/// The longest output, in bytes: longer ones have no producer.
pub(super) const MAX_TAG: usize = 128;
