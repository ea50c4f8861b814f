//! The store of managed keys, as a store and as a file: what each deed does and why it is refused, against a model; what is left after a
//! kill, a turned bit, a full disk.

mod crowd;
mod deeds;
mod files;
mod flips;
mod full;
mod kills;
mod measure;
mod model;
mod once;
mod page;
mod replica;
mod restore;
mod support;
mod trail;
mod usage;
mod versions;
