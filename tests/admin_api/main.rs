//! The management API over its own listener, with keys in memory behind it: who may make which call (`roles`, a golden matrix), what is
//! turned away (`defence`), every problem (`problems`), what calls do (`calls`), streams (`streams`), the control
//! socket (`local`), and the description of it all (`document`).

mod calls;
mod client;
mod defence;
mod document;
mod fake;
mod local;
mod problems;
mod roles;
mod streams;
mod world;
