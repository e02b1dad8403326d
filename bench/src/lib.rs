//! Ringgate's measurements: criterion benches in `benches/`, one question per file, and in `peers/` the
//! command that runs ringgate side by side with other proxies.
//!
//! This library itself is empty on purpose: a bench reads only ringgate's public items, and the
//! comparison in `peers/` knows ringgate only as a binary with a command line and a file, exactly as it
//! knows nginx, HAProxy and Envoy.
