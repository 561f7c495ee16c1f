//! Passwords, time, randomness and secrets at rest
