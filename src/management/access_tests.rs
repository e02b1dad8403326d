//! Access: who gets in.
