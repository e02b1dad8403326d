//! Claims: read, timed, checked.
