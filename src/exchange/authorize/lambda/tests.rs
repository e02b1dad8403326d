//! Authorizers: identities, events, verdicts.
