//! The life of the process: start, reload, drain, upgrade, end. The real binary on real sockets.
//!
//! Each test starts processes of its own on ports that the kernel chooses; [`gateway`] starts and
//! asks them, [`client`] speaks to them in plain bytes, [`backend`] is what stands behind them, and
//! [`load`] sends requests without pause and counts what came of them.

#![expect(clippy::unwrap_used, reason = "a failed test is what an unwrap here should be")]

mod backend;
mod client;
mod gateway;
mod load;

mod back_end_death;
mod certificates;
mod drain;
mod idle;
mod listeners;
mod many_reloads;
mod privileges;
mod reload;
mod service_manager;
mod start;
mod upgrade;
