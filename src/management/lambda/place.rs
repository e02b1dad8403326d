//! Places: which function, and which version of it, a name means.
//!
//! A function goes by its name, by a part of its ARN or by all of it, and each form may end in a
//! qualifier: a version's number, an alias, `$LATEST`. A qualifier may come as a parameter too.

use super::fault::{invalid, no_function, not_found};
use crate::aws::Fault;
use crate::management::Call;
use crate::resources::function::{
    Configuration, Function, FunctionAlias, FunctionVersion, LATEST, owner, version_id,
};
use std::sync::Arc;

/// A function, and maybe which version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The function's name.
    pub name: String,
    /// A version's number, an alias, or `$LATEST`.
    pub qualifier: Option<String>,
}

impl Place {
    /// From `FunctionName` and `Qualifier`.
    ///
    /// # Errors
    /// The name means another region or account, or it and the parameter contradict each other.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Fault> {
        let mut place = Self::named(call, call.text("FunctionName"))?;
        match (&place.qualifier, call.text_of("Qualifier")) {
            (Some(own), Some(given)) if own != given => Err(invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            (None, Some(given)) => {
                place.qualifier = Some(given.to_owned());
                Ok(place)
            }
            _ => Ok(place),
        }
    }

    /// From `FunctionName`, where a whole function is meant.
    ///
    /// # Errors
    /// As [`Place::of`], or there is a qualifier.
    pub(super) fn whole(call: &Call<'_>) -> Result<String, Fault> {
        let place = Self::named(call, call.text("FunctionName"))?;
        match place.qualifier {
            None => Ok(place.name),
            Some(_) => Err(invalid("This operation does not permit qualified function names.")),
        }
    }

    /// From any form of a name.
    ///
    /// # Errors
    /// It means another region or account.
    pub(super) fn named(call: &Call<'_>, text: &str) -> Result<Self, Fault> {
        let parsed = Parsed::of(text);
        let account = &call.settings.account_id;
        if let Some(region) = parsed.region.filter(|region| *region != call.region()) {
            return Err(not_found(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                call.region()
            )));
        }
        if parsed.account.is_some_and(|it| it != account) {
            return Err(no_function(text));
        }
        Ok(Self { name: parsed.name.to_owned(), qualifier: parsed.qualifier.map(str::to_owned) })
    }

    /// Its ARN, with the qualifier if there is one.
    pub(super) fn arn(&self, call: &Call<'_>) -> String {
        arn(call, &self.name, self.qualifier.as_deref())
    }

    /// The function.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn function(&self, call: &Call<'_>) -> Result<Arc<Function>, Fault> {
        let found = call.draft.get::<Function>("", &self.name);
        found.ok_or_else(|| no_function(&self.arn(call)))
    }

    /// The version that is meant. An alias means the first of its versions, unless `draw`, a number
    /// from 0 to 1, falls to the other.
    ///
    /// # Errors
    /// There is no such function, version or alias.
    pub(super) fn configuration(&self, call: &Call<'_>, draw: f64) -> Result<Configuration, Fault> {
        let function = self.function(call)?;
        let Some(qualifier) = self.qualifier.as_deref().filter(|it| *it != LATEST) else {
            return Ok(function.latest.clone());
        };
        let version = |number: &str| {
            version(call, &self.name, number).ok_or_else(|| no_function(&self.arn(call)))
        };
        if qualifier.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(version(qualifier)?.configuration.clone());
        }
        let alias = call.draft.get::<FunctionAlias>(&owner(&self.name), qualifier);
        let alias = alias.ok_or_else(|| no_function(&self.arn(call)))?;
        let mut rest = draw;
        let drawn = alias.weights.iter().find(|(_, weight)| {
            rest -= **weight;
            rest < 0.0
        });
        match drawn.map_or(&alias.function_version, |(number, _)| number).as_str() {
            LATEST => Ok(function.latest.clone()),
            number => Ok(version(number)?.configuration.clone()),
        }
    }
}

/// A version that was published.
pub(super) fn version(call: &Call<'_>, name: &str, number: &str) -> Option<Arc<FunctionVersion>> {
    let number: u64 = number.parse().ok()?;
    call.draft.get(&owner(name), &version_id(number))
}

/// A function's ARN.
pub(super) fn arn(call: &Call<'_>, name: &str, qualifier: Option<&str>) -> String {
    let (region, account) = (call.region(), &call.settings.account_id);
    let qualifier = qualifier.map(|it| format!(":{it}")).unwrap_or_default();
    format!("arn:aws:lambda:{region}:{account}:function:{name}{qualifier}")
}

/// The parts of a name, whatever its form.
#[derive(Debug, PartialEq, Eq)]
struct Parsed<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> Parsed<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.len() > 3 && parts[0] == "arn" {
            // `arn:aws:lambda:` says nothing that is not known.
            parts.drain(..3);
        }
        let is_account =
            |part: &str| part.len() == 12 && part.bytes().all(|it| it.is_ascii_digit());
        let marker = parts.iter().position(|part| *part == "function").filter(|at| {
            // A function may be called so itself.
            at + 1 < parts.len() && *at <= 2
        });
        let (before, after) = match marker {
            Some(at) => (&parts[..at], &parts[at + 1..]),
            None => (&parts[..0], &parts[..]),
        };
        Self {
            region: before.iter().copied().find(|part| !is_account(part)),
            account: before.iter().copied().find(|part| is_account(part)),
            name: after.first().copied().unwrap_or_default(),
            qualifier: after.get(1).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_read() {
        let account = Some("000000000000");
        for (text, region, account, name, qualifier) in [
            ("f", None, None, "f", None),
            ("f:1", None, None, "f", Some("1")),
            ("f:$LATEST", None, None, "f", Some("$LATEST")),
            ("function:f", None, None, "f", None),
            ("function", None, None, "function", None),
            ("000000000000:function:f", None, account, "f", None),
            ("000000000000:function:f:prod", None, account, "f", Some("prod")),
            ("us-east-1:000000000000:function:f", Some("us-east-1"), account, "f", None),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:f",
                Some("us-east-1"),
                account,
                "f",
                None,
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:function:prod",
                Some("us-east-1"),
                account,
                "function",
                Some("prod"),
            ),
        ] {
            assert_eq!(Parsed::of(text), Parsed { region, account, name, qualifier }, "{text}");
        }
    }
}
