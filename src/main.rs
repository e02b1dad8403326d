//! The `ringgate` binary: parses arguments, runs, turns an error into an exit code; nothing else.

fn main() {}
