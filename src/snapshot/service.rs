//! Calls of AWS services: which one, in whose name, and the key pairs that sign.
//!
//! A [`Service`] is compiled with its stage and says everything about a call that no request changes.
//! Key pairs come and go while stages stay, so they are no part of it: shards have a small table of
//! them by role, which the control thread replaces before anything in it expires.

use super::managed::Source;
use std::fmt;
use std::time::Duration;

/// A call of an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The value of `Host`, which is signed.
    pub host: Box<str>,
    /// What the service is called in signatures.
    pub signing_name: Box<str>,
    /// The region in signatures.
    pub region: Box<str>,
    /// In whose name: a role's ARN, or empty for the gateway itself.
    pub role: Box<str>,
    /// Fields that the request has unless they are mapped.
    pub fields: Box<[(Box<str>, Box<str>)]>,
    /// What the content is made of where the integration is an action of an HTTP API.
    pub action: Option<Box<Action>>,
}

impl Service {
    /// Whether it is S3, whose rules for paths and content are its own.
    pub fn is_s3(&self) -> bool {
        &*self.signing_name == "s3"
    }
}

/// The content of an action's request: JSON made of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Members of the object.
    pub parameters: Box<[Parameter]>,
    /// The object is the only entry of a list with this name.
    pub entry_of: Option<&'static str>,
    /// Values that a request needs and that are no part of the content: they stand in the path.
    pub required_elsewhere: Box<[Source]>,
}

/// A parameter of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The member's name.
    pub name: Box<str>,
    /// What its value is made into.
    pub form: Form,
    /// Where the value comes from.
    pub source: Source,
    /// Whether a request without a value is refused.
    pub is_required: bool,
}

/// What a parameter's text is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A text as it is.
    Text,
    /// A whole number.
    Number,
    /// The text is JSON: a list or an object.
    Json,
    /// Seconds since 1970: the text is such a number or a moment in RFC 3339's form.
    Moment,
}

/// A key pair that signs in a role's name.
#[derive(Clone, PartialEq, Eq)]
pub struct RoleCredentials {
    /// The role's ARN; `*` is every role that has none of its own, empty the gateway itself.
    pub role: Box<str>,
    /// The public half.
    pub access_key_id: Box<str>,
    /// The secret half.
    pub secret_access_key: Box<str>,
    /// The token of temporary credentials.
    pub session_token: Option<Box<str>>,
    /// Until when it is good, since 1970; `None`: it lasts.
    pub expires: Option<Duration>,
}

impl fmt::Debug for RoleCredentials {
    /// Leaves secret and token out, so that no log line can hold them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RoleCredentials")
            .field("role", &self.role)
            .field("access_key_id", &self.access_key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
