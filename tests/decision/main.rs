//! The decision, by what it promises: who passes (`matrix`), in which order it asks (`order`), which channels it finds in a body
//! (`json`), what a permit tells (`permits`), what it holds and gives back (`leases`, `quotas`), whom the gate shuts out (`blocks`),
//! what is only told of (`reports`), what a stream goes on standing on (`standing`, `standing_policy`), what a page may ask without a
//! key (`preflight`), what capabilities mean (`capability`), and what must be true of any keys and requests at all (`properties`).

mod blocks;
mod capability;
mod json;
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
mod world;
