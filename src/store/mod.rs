//! The store: what a management write leaves behind, durable before the write is acknowledged. It
//! keeps rows of text and knows nothing of what they mean.
