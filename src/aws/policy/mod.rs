//! IAM's policy language: who may do what to which resource, and under which conditions.
//!
//! ```text
//! text --Policy::read--> Policy --decide(Ask)--> Decision;  two decisions --combine--> Decision
//! ```
//!
//! The same language decides about callers of APIs (authorizers' policies, resource policies, policies of
//! IAM callers) and of functions. A document is read once, whole: what is not understood in it is refused
//! then, and never ignored, because what an ignored part would have forbidden would be allowed. A
//! decision looks at nothing but its [`Ask`], costs at most the product of the lengths of pattern and
//! text, and cannot fail.
//!
//! Sources: "IAM JSON policy reference", "Policy evaluation logic".

mod condition;
mod glob;
mod principal;
mod read;
#[cfg(test)]
mod tests;

use condition::Condition;
use glob::Glob;
use principal::Principals;
use std::borrow::Cow;

pub use read::{BadPolicy, Kind};

/// A policy as it is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    statements: Box<[Statement]>,
}

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    effect: Effect,
    /// `None`: everybody whom the policy is attached to.
    principals: Option<Principals>,
    actions: Choice,
    resources: Choice,
    conditions: Box<[Condition]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq)]
enum Choice {
    OneOf(Box<[Glob]>),
    NoneOf(Box<[Glob]>),
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Who.
    pub caller: Caller<'a>,
    /// What they want to do, e.g. `execute-api:Invoke`.
    pub action: &'a str,
    /// To what: an ARN.
    pub resource: &'a str,
    /// What conditions may ask about.
    pub keys: &'a dyn Keys,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Nobody that is known: only `*` means them.
    Anonymous,
    /// A user, or a session of a role.
    Principal {
        /// The account.
        account_id: &'a str,
        /// `arn:aws:iam::…:user/…` or `arn:aws:sts::…:assumed-role/{role}/{session}`.
        arn: &'a str,
        /// Of a session: the role's own ARN, which means all of its sessions.
        role_arn: Option<&'a str>,
    },
    /// An AWS service, e.g. `apigateway.amazonaws.com`.
    Service(&'a str),
}

/// What conditions may ask about. Names come in lower case.
pub trait Keys {
    /// The values of a key; none: the request has no such key.
    fn values(&self, key: &str) -> Vec<Cow<'_, str>>;
}

/// No keys at all: every condition finds its key missing.
#[derive(Debug, Clone, Copy)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn values(&self, _key: &str) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Something allows it and nothing denies it.
    Allowed,
    /// A statement denies it: no other policy can allow it.
    Denied,
    /// Nothing speaks of it.
    Silent,
}

/// Whether the caller's account is the resource's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// It is: one of both policies must allow.
    Same,
    /// It is not: both must.
    Different,
}

impl Policy {
    /// What the policy says. The order of statements means nothing.
    pub fn decide(&self, ask: &Ask<'_>) -> Decision {
        let mut decision = Decision::Silent;
        for statement in &self.statements {
            match (statement.effect, decision) {
                // It could not change anything any more.
                (Effect::Allow, Decision::Allowed) => {}
                (Effect::Allow, _) if statement.applies(ask) => decision = Decision::Allowed,
                (Effect::Deny, _) if statement.applies(ask) => return Decision::Denied,
                (Effect::Allow | Effect::Deny, _) => {}
            }
        }
        decision
    }
}

impl Decision {
    /// What a caller's own policy and the resource's say together ([`Decision::Silent`] refuses).
    pub fn combine(caller: Self, resource: Self, accounts: Accounts) -> Self {
        match (caller, resource, accounts) {
            (Self::Denied, _, _) | (_, Self::Denied, _) => Self::Denied,
            (Self::Allowed, Self::Allowed, _) => Self::Allowed,
            (Self::Allowed, Self::Silent, Accounts::Same)
            | (Self::Silent, Self::Allowed, Accounts::Same) => Self::Allowed,
            (Self::Allowed, Self::Silent, Accounts::Different)
            | (Self::Silent, Self::Allowed, Accounts::Different)
            | (Self::Silent, Self::Silent, _) => Self::Silent,
        }
    }
}

impl Statement {
    fn applies(&self, ask: &Ask<'_>) -> bool {
        self.actions.holds(|glob| glob.matches_ignoring_case(ask.action))
            && self.resources.holds(|glob| glob.matches(ask.resource, ask.keys))
            && self.principals.as_ref().is_none_or(|it| it.mean(ask.caller))
            && self.conditions.iter().all(|condition| condition.holds(ask.keys))
            // A variable without a value says nothing about anything, not even by its absence.
            && self.resources.is_resolved(ask.keys)
            && self.conditions.iter().all(|condition| condition.is_resolved(ask.keys))
    }
}

impl Choice {
    fn holds(&self, is_meant: impl Fn(&Glob) -> bool) -> bool {
        match self {
            Self::OneOf(globs) => globs.iter().any(is_meant),
            Self::NoneOf(globs) => !globs.iter().any(is_meant),
        }
    }

    fn is_resolved(&self, keys: &dyn Keys) -> bool {
        match self {
            // One that cannot be resolved matches nothing; the others are as good as alone.
            Self::OneOf(_) => true,
            Self::NoneOf(globs) => globs.iter().all(|glob| glob.is_resolved(keys)),
        }
    }
}
