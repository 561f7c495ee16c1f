//! What the tokens promise, from outside the crate.
#![expect(clippy::print_stdout, reason = "tests over vectors say how many rows they have judged")]

mod cached;
mod claims;
mod contract;
mod cookbook;
mod forged_algorithms;
mod forged_forms;
mod forged_headers;
mod forged_pasetos;
mod forger;
mod keys;
mod mac;
mod mutated;
mod paseto_vectors;
mod refresh_tokens;
mod scene;
mod thumbprints;
mod vault;
mod vectors;
mod wycheproof;
