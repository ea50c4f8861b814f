//! All origins that some key of an environment lists, for the answers that are given without a key: preflights and refusals.
//!
//! Found by hash, so that a million keys with an origin each cost a preflight no more than one.

use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use super::shared::{Hashed, SharedTable};
use crate::gate::{
    credential::Environment,
    origin::{Claimed, HostPattern, OriginPattern},
};

/// An index of origins by environment. An index and the one that comes after it share what did not change.
#[derive(Clone, Debug, Default)]
pub struct OriginIndex {
    live: SharedTable<Listed>,
    test: SharedTable<Listed>,
    hasher: ahash::RandomState,
}

/// A pattern, and how often it is listed.
#[derive(Clone, Debug)]
struct Listed {
    pattern: Arc<OriginPattern>,
    hash: u64,
    times: usize,
}

impl Hashed for Listed {
    fn hashes(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.hash)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pattern, &other.pattern)
    }
}

impl OriginIndex {
    /// Adds a pattern; equal ones are kept once, and counted.
    pub fn insert(&mut self, environment: Environment, pattern: &OriginPattern) {
        let hash = self.hash(pattern);
        let table = self.table_mut(environment);
        match table.find_mut(hash, |listed| *listed.pattern == *pattern) {
            Some(listed) => listed.times += 1,
            None => table.insert(&Listed { pattern: Arc::new(pattern.clone()), hash, times: 1 }),
        }
    }

    /// Takes off a pattern as often as it was added: then it is no longer listed.
    pub fn remove(&mut self, environment: Environment, pattern: &OriginPattern) {
        let hash = self.hash(pattern);
        let table = self.table_mut(environment);
        let Some(listed) = table.find_mut(hash, |listed| *listed.pattern == *pattern) else { return };
        listed.times -= 1;
        if listed.times == 0 {
            let gone = listed.clone();
            table.remove(&gone);
        }
    }

    /// Whether some pattern of `environment` lists `origin`.
    #[must_use]
    pub fn lists(&self, environment: Environment, origin: &Claimed<'_>) -> bool {
        let table = match environment {
            Environment::Live => &self.live,
            Environment::Test => &self.test,
        };
        match origin {
            Claimed::Unreadable => false,
            Claimed::Null => table.candidates(OF_NULL).any(|listed| *listed.pattern == OriginPattern::Null),
            // The host itself, then every suffix after a dot: where a wildcard for it would be found.
            Claimed::Origin(origin) => suffixes(origin.host())
                .any(|suffix| table.candidates(hash_host(&self.hasher, suffix)).any(|listed| listed.pattern.matches(origin))),
        }
    }

    fn table_mut(&mut self, environment: Environment) -> &mut SharedTable<Listed> {
        match environment {
            Environment::Live => &mut self.live,
            Environment::Test => &mut self.test,
        }
    }

    fn hash(&self, pattern: &OriginPattern) -> u64 {
        match pattern {
            OriginPattern::Null => OF_NULL,
            OriginPattern::Tuple { host: HostPattern::Exact(host) | HostPattern::Below(host), .. } => {
                hash_host(&self.hasher, host)
            }
        }
    }
}

/// The hash of the pattern that has no host.
const OF_NULL: u64 = 0;

fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |rest| rest.split_once('.').map(|(_, suffix)| suffix))
}

fn hash_host(hasher: &ahash::RandomState, host: &str) -> u64 {
    let mut state = hasher.build_hasher();
    // Letters differ from their capitals in this bit alone; that other characters lose it makes no equal hosts differ.
    let (words, rest) = host.as_bytes().as_chunks();
    for word in words {
        state.write_u64(u64::from_le_bytes(*word) | 0x2020_2020_2020_2020);
    }
    for byte in rest {
        state.write_u8(byte | 0x20);
    }
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in_for_that_environment_only() {
        let mut index = OriginIndex::default();
        for text in ["https://app.example.com", "https://*.example.org", "null"] {
            index.insert(Environment::Live, &OriginPattern::parse(text).unwrap());
        }
        for (origin, listed) in [
            ("https://APP.example.com", true),
            ("https://app.example.COM", true),
            ("https://a.b.example.org", true),
            ("https://example.org", false),
            ("http://app.example.com", false),
            ("https://other.example.com", false),
            ("null", true),
            ("nonsense", false),
        ] {
            assert_eq!(index.lists(Environment::Live, &Claimed::parse(origin.as_bytes())), listed, "{origin}");
            assert!(!index.lists(Environment::Test, &Claimed::parse(origin.as_bytes())));
        }
    }
}
