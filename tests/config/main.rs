//! The configuration from outside: every kind of mistake and the exact text printed for it, the
//! shipped files, the reference manual, the commands' exit codes.

mod commands;
mod golden;
mod mutations;
mod reference;
