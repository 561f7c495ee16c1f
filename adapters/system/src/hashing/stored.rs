//! Stored hashes: PHC strings, read with care and written in one form.

use argon2::password_hash::phc::{Ident, Output, ParamsString, PasswordHash, Salt};
use argon2_rust::{Algorithm, Version};

#[cfg(test)]
use super::cost::Ceiling;
use super::cost::Cost;

/// The longest text that is looked at; an argon2 hash with the longest salt and output is far shorter.
const MAX_TEXT: usize = 512;

/// A stored hash that can be computed.
pub(crate) struct StoredHash {
    pub(crate) cost: Cost,
    pub(super) salt: Salt,
    pub(super) output: Output,
}

impl StoredHash {
    /// Reads `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, also of the variants i and d and of the version before, which has
    /// no `v`. `None` for everything else, and for what is not computable at any cost.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let parsed = PasswordHash::new(text).ok()?;
        let algorithm = match parsed.algorithm.as_str() {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return None,
        };
        let version = parsed.version.map_or(Some(Version::V0x10), Version::from_u32)?;
        let [memory_kib, iterations, lanes] = numbers(&parsed.params)?;
        let cost = Cost { algorithm, version, memory_kib, iterations, lanes };
        let computable = lanes >= 1 && iterations >= 1 && memory_kib >= lanes.checked_mul(8)?;
        if !computable {
            return None;
        }
        Some(Self { cost, salt: parsed.salt?, output: parsed.hash? })
    }

    /// The same, and `None` for whatever `ceiling` does not admit.
    #[cfg(test)]
    pub(super) fn read(text: &str, ceiling: &Ceiling) -> Option<Self> {
        Self::parse(text).filter(|stored| ceiling.excess(&stored.cost).is_none())
    }

    /// The text to store; `None` when the parts do not make one, which no cost within the settings does.
    pub(super) fn write(&self) -> Option<String> {
        let mut params = ParamsString::new();
        for (name, value) in [("m", self.cost.memory_kib), ("t", self.cost.iterations), ("p", self.cost.lanes)] {
            params.add_decimal(name, value).ok()?;
        }
        let hash = PasswordHash {
            algorithm: Ident::new(self.cost.algorithm.as_str()).ok()?,
            version: Some(self.cost.version.as_u32()),
            params,
            salt: Some(self.salt),
            hash: Some(self.output),
        };
        Some(hash.to_string())
    }
}

/// `m`, `t` and `p`: each once, and nothing else.
fn numbers(params: &ParamsString) -> Option<[u32; 3]> {
    let mut found = [None; 3];
    for (name, value) in params.iter() {
        let place = ["m", "t", "p"].iter().position(|wanted| *wanted == name.as_str())?;
        if found[place].replace(value.decimal().ok()?).is_some() {
            return None;
        }
    }
    Some([found[0]?, found[1]?, found[2]?])
}
