//! The decision, by what it promises: who passes (`matrix`), in which order it asks (`order`), which channels it finds in a body
//! (`json`) and what else comes of that (`bodies`), what a permit tells (`permits`), what it holds and gives back (`leases`,
//! `quotas`), whom the gate shuts out (`blocks`), what is only told of (`reports`), what a stream goes on standing on (`standing`,
//! `standing_policy`), what a page may ask without a key (`preflight`), what capabilities mean (`capability`), in which words all
//! that is told (`words`), how a set of keys changes (`key_changes`), and what must be true of any keys and requests at all (`properties`).

mod blocks;
mod bodies;
mod capability;
mod json;
mod key_changes;
mod leases;
mod matrix;
mod order;
mod permits;
mod preflight;
mod properties;
mod quotas;
mod reports;
mod standing;
mod standing_policy;
mod words;
mod world;
