//! The management API: Amazon API Gateway's control plane, operation by operation.
