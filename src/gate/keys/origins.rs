//! All origins that some key of an environment lists, for the answers that are given without a key: preflights and refusals.
//!
//! Found by hash, so that a million keys with an origin each cost a preflight no more than one.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use crate::gate::{
    credential::Environment,
    origin::{Claimed, HostPattern, OriginPattern},
};

/// An index of origins by environment.
#[derive(Debug, Default)]
pub struct OriginIndex {
    live: HashTable<OriginPattern>,
    test: HashTable<OriginPattern>,
    hasher: ahash::RandomState,
}

impl OriginIndex {
    /// Adds a pattern; equal ones are kept once.
    pub fn insert(&mut self, environment: Environment, pattern: &OriginPattern) {
        let hasher = self.hasher.clone();
        let hash = |pattern: &OriginPattern| match pattern {
            OriginPattern::Null => 0,
            OriginPattern::Tuple { host: HostPattern::Exact(host) | HostPattern::Below(host), .. } => hash_host(&hasher, host),
        };
        let table = match environment {
            Environment::Live => &mut self.live,
            Environment::Test => &mut self.test,
        };
        table.entry(hash(pattern), |listed| listed == pattern, hash).or_insert_with(|| pattern.clone());
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
            Claimed::Null => table.find(0, |pattern| *pattern == OriginPattern::Null).is_some(),
            // The host itself, then every suffix after a dot: where a wildcard for it would be found.
            Claimed::Origin(origin) => suffixes(origin.host())
                .any(|suffix| table.find(hash_host(&self.hasher, suffix), |pattern| pattern.matches(origin)).is_some()),
        }
    }
}

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
