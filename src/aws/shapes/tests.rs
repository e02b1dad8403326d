//! Every operation of the tables.
