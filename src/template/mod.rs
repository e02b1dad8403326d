//! Mapping templates: the Velocity Template Language as Amazon API Gateway runs it.
//!
//! A template is parsed once, when it is deployed ([`Template::parse`]), and rendered per request on the
//! shard ([`Template::render`]) from what the caller lends in [`Inputs`]. Rendering is one walk over the
//! program, without waiting, and ends within its [`Limits`] whatever the template and the client do.
//! Everything made on the way lies in the arena of a [`Scratch`], which the shard keeps and reuses.
//!
//! The language is that of Velocity 1.7 and the JSONPath dialect ([`JsonPath`]) that of Jayway on
//! json-smart; where API Gateway is known to differ from those, API Gateway wins. `tests/template`
//! compares both with the originals, and `docs/templates.md` lists the differences.
//!
//! This folder knows nothing of APIs, routes or requests: what `$context` holds comes through the trait
//! [`ContextVariables`].

mod inputs;
mod limits;
mod overrides;
mod problem;

pub use inputs::{ContextVariables, Inputs, NoContext, Variable};
pub use limits::Limits;
pub use overrides::Overrides;
pub use problem::{ParseError, Position, RenderError, RenderProblem};
