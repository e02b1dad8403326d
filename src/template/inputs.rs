//! What a caller lends to a rendering: the body, the request's parameters, and the variables.

use std::borrow::Cow;

use super::Overrides;

/// All that a template can see of a request. Nothing here is copied unless the template asks for it.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// In a request template the client's body, in a response template the back end's. `$input.body`
    /// prints `{}` for an empty one.
    pub body: &'a str,
    /// `$input.params().path`: pairs in any order, still percent-encoded.
    pub path: &'a [(&'a str, &'a str)],
    /// `$input.params().querystring`: pairs as they came, decoded; of repeated names the last counts.
    pub querystring: &'a [(&'a str, &'a str)],
    /// `$input.params().header`: as the client wrote the names; of repeated names the last counts.
    pub header: &'a [(&'a str, &'a str)],
    /// `$stageVariables`, with a canary's on top.
    pub stage_variables: &'a [(&'a str, &'a str)],
    /// `$context`, less the overrides.
    pub context: &'a dyn ContextVariables,
    /// What an earlier template of the same request left in `$context.requestOverride` and
    /// `responseOverride`: a response template sees what the request template set.
    pub overrides: Option<&'a Overrides>,
}

impl Default for Inputs<'_> {
    fn default() -> Self {
        Self {
            body: "",
            path: &[],
            querystring: &[],
            header: &[],
            stage_variables: &[],
            context: &NoContext,
            overrides: None,
        }
    }
}

/// What `$context` holds. Asked only for what a template names, so a caller makes no map per request.
///
/// `path` is the way from `$context` in parts, as written: `["identity", "sourceIp"]`. A part may hold
/// dots (the name of a claim), so it is not one text.
pub trait ContextVariables {
    /// The variable at `path`.
    fn variable<'a>(&'a self, path: &[&str]) -> Variable<'a>;

    /// The names one level below `path`, for `#foreach($key in $context.authorizer.keySet())`, in the
    /// order in which they shall be seen.
    fn names<'a>(&'a self, path: &[&str], each: &mut dyn FnMut(&'a str));
}

/// One variable of `$context`.
#[derive(Debug, Clone, PartialEq)]
pub enum Variable<'a> {
    /// There is none: the reference prints nothing.
    Missing,
    /// A text.
    Text(Cow<'a, str>),
    /// `$context.requestTimeEpoch`, a status.
    Integer(i64),
    /// Seldom: API Gateway makes texts of an authorizer's booleans.
    Boolean(bool),
    /// Not a value but a level, like `identity`; it prints like an empty map.
    Group,
}

/// A `$context` without variables.
#[derive(Debug, Clone, Copy)]
pub struct NoContext;

impl ContextVariables for NoContext {
    fn variable<'a>(&'a self, _: &[&str]) -> Variable<'a> {
        Variable::Missing
    }

    fn names<'a>(&'a self, _: &[&str], _: &mut dyn FnMut(&'a str)) {}
}
