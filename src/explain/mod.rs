//! Explain: what the gateway does with a request, phase by phase, with what went in and came out.
//!
//! A shard runs phases and keeps quiet about them. Here the very same functions are run once, beside
//! no traffic, and everything they find out is written into an [`Explanation`]: which API and why,
//! which route and why no other, what a template made of which value, what would leave. Nothing is
//! sent: where a back end or a function would be asked, the caller brings its answer or the explanation
//! ends there.
//!
//! What is told is made of the compiled programs and of what phases return; nothing here decides
//! anything about a request. Printing is the command's.

mod answer;
mod authorize;
mod candidates;
mod integration;
mod mapped;
mod rendering;
mod report;
mod service;
mod transform;
mod walk;
mod world;

pub use rendering::{Event, Rendering, Step, render};
pub use report::{Answer, Entry, Explanation, Outcome, Phase};
pub use walk::{Asked, Reply, explain};
pub use world::World;
