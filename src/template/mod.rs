//! Mapping templates: the Velocity Template Language as Amazon API Gateway runs it.
