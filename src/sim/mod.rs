//! A deterministic simulation: the shard's own code on a fake network, ring and clock, by seed.
//!
//! Test builds only, inside the library so that it sees private state. [`world`] is the page to read
//! first: it builds a world from a seed, runs it, and checks after every step. The layers below it:
//!
//! | file | what it is |
//! |---|---|
//! | [`shard`] | the shard in the world, its configuration, and the seeds that found something |
//! | [`functions`] | functions' workers in the world, and a control thread that starts them |
//! | [`authorizers`] | callers of routes with authorizers, and workers that judge them |
//! | [`streams`] | a worker that streams its answer, a client that reads it, each in its own way |
//! | [`host`] | what these have in common: configurations, a host, a control thread that is late |
//! | [`toy`] | a naive gateway, with mistakes on purpose: each of them must be found |
//! | [`peers`] | clients and back ends that check what they are told |
//! | [`env`], [`ring`] | the fake behind the seam `crate::ring`: does what the contract there allows |
//! | [`agreement`] | the fake against the kernel's ring: the same scripts, the same observations |
//! | [`network`] | byte streams with windows, latency, FIN and RST |
//! | [`weather`] | how likely each fault is in one world |
//! | [`random`], [`clock`], [`trace`] | the seed, simulated time, the report's tail |
//!
//! `RINGGATE_SEED=n` replays one seed with its trace; `RINGGATE_SEEDS=n` runs that many
//! (default 200; 20,000 take a minute and a half in the `checked` profile on four busy cores).

mod agreement;
mod authorizers;
mod clock;
mod env;
mod functions;
mod host;
mod network;
mod peers;
mod random;
mod remotes;
mod ring;
mod trace;
mod shard;
mod streams;
mod toy;
mod weather;
mod world;
