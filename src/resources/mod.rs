//! Resources: what a user made through the management API, as typed nouns in Amazon's words.
