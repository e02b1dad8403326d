//! Limits: what one rendering may cost, so that no template and no client can stall a shard.

/// What one rendering may cost. Going beyond any of them ends it with
/// [`RenderProblem::Limit`](super::RenderProblem::Limit), except for `loop_iterations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Work: one step per directive, reference, call and value, and one per 64 bytes that a function
    /// reads or makes. Default 1,000,000, some 50 ms of one core.
    pub steps: u32,
    /// Nesting: macros, blocks, interpolated texts, `#evaluate` and nested values. Default 200; a
    /// Velocity macro may call itself 20 times, and people's JSON is some 10 deep.
    pub depth: u32,
    /// Bytes written. Default 10 MiB, the largest request and response that API Gateway takes.
    pub output_bytes: usize,
    /// Bytes held by values at one time: parsed JSON, texts, lists. Default 128 MiB: a 10 MiB body of
    /// small objects takes 60 to 100.
    pub memory_bytes: usize,
    /// Iterations of one `#foreach`. Those beyond it are left out silently, as Velocity does for its
    /// `directive.foreach.maxloops`. Default 1,000, Amazon's quota.
    pub loop_iterations: u32,
}

impl Limits {
    pub(super) const DEPTH_DEFAULT: u32 = 200;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            depth: Self::DEPTH_DEFAULT,
            output_bytes: 10 << 20,
            memory_bytes: 128 << 20,
            loop_iterations: 1_000,
        }
    }
}
