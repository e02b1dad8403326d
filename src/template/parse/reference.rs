//! References: `$name`, `${name}`, `$!name`, with members, indexes and calls behind it.

use std::sync::Arc;

use super::{ARGUMENTS_MAX, Parsed, Parser};
use crate::template::json_path::JsonPath;
use crate::template::method::Method;
use crate::template::pattern::{Extent, Pattern};
use crate::template::program::{Call, Compiled, Expression, Names, Part, Reference, Symbol};

impl<'s> Parser<'s> {
    /// At a `$`: the reference that it begins, or None with nothing read.
    pub(super) fn reference(&mut self, backslashes: usize) -> Parsed<Option<Reference>> {
        if self.peek() != Some(b'$') {
            return Ok(None);
        }
        let begin = self.at;
        self.at += 1;
        if self.peek() == Some(b'!') {
            self.at += 1;
        }
        let is_formal = self.peek() == Some(b'{');
        if is_formal {
            self.at += 1;
        }
        let name = self.identifier();
        if name.is_empty() {
            self.at = begin;
            return Ok(None);
        }
        let symbol = self.names.symbol(name);
        let parts = self.parts(symbol)?;
        if is_formal {
            if self.peek() != Some(b'}') {
                return Err(self.expected(&format!("`}}` to end `{}`", &self.text[begin..self.at])));
            }
            self.at += 1;
        }
        Ok(Some(Reference {
            symbol,
            parts,
            source: self.text[begin..self.at].into(),
            backslashes: u16::try_from(backslashes).unwrap_or(u16::MAX),
            at: self.offset(begin),
        }))
    }

    fn parts(&mut self, symbol: Symbol) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Some(b'.') if self.peek_at(1).is_some_and(|it| it.is_ascii_alphabetic()) => {
                    self.at += 1;
                    let name = self.identifier();
                    if self.peek() == Some(b'(') {
                        self.at += 1;
                        let arguments = self.call_arguments()?;
                        let is_first = parts.is_empty();
                        parts.push(Part::Call(Box::new(call(
                            name,
                            arguments,
                            is_first,
                            symbol,
                            &mut self.patterns_left,
                        ))));
                    } else {
                        parts.push(Part::Property(name.into()));
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    let index = self.expression()?;
                    self.skip_white();
                    if self.peek() != Some(b']') {
                        return Err(self.expected("`]`"));
                    }
                    self.at += 1;
                    parts.push(Part::Index(index));
                }
                _ => break,
            }
        }
        parts.shrink_to_fit();
        Ok(parts)
    }

    /// A method's, up to and with `)`: separated by commas.
    fn call_arguments(&mut self) -> Parsed<Vec<Expression>> {
        let mut arguments = Vec::new();
        self.skip_white();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Ok(arguments);
        }
        loop {
            if arguments.len() == ARGUMENTS_MAX {
                return Err(self.problem(&format!("a call has at most {ARGUMENTS_MAX} arguments")));
            }
            arguments.push(self.expression()?);
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b')') => break,
                _ => return Err(self.expected("`,` or `)`")),
            }
        }
        self.at += 1;
        Ok(arguments)
    }

    /// A macro's, up to and with `)` and the newline it swallows: separated by blanks or commas.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Expression>> {
        let mut arguments = Vec::new();
        loop {
            self.skip_white_and_commas();
            if self.peek() == Some(b')') {
                break;
            }
            if arguments.len() == ARGUMENTS_MAX {
                return Err(self.problem(&format!("a call has at most {ARGUMENTS_MAX} arguments")));
            }
            arguments.push(self.primary()?);
        }
        self.close()?;
        Ok(arguments)
    }

    /// `$name` or `${name}` and nothing behind it.
    pub(super) fn variable(&mut self, what: &str) -> Parsed<Symbol> {
        let begin = self.at;
        match self.reference(0)? {
            Some(reference) if reference.parts.is_empty() => Ok(reference.symbol),
            _ => {
                self.at = begin;
                Err(self.expected(&format!("{what}, like `$name`")))
            }
        }
    }

    fn identifier(&mut self) -> &'s str {
        let rest = self.rest();
        if !rest.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_') {
            return "";
        }
        let is_part = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
        let length = rest.bytes().take_while(is_part).count();
        self.at += length;
        &rest[..length]
    }

    /// Letters, digits and `_`.
    pub(super) fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let length =
            rest.bytes().take_while(|it| it.is_ascii_alphanumeric() || *it == b'_').count();
        self.at += length;
        &rest[..length]
    }
}

/// Compiles what is literal. A literal that is no path or pattern is left for the rendering to refuse:
/// the call may stand where it is never reached.
fn call(
    name: &str,
    arguments: Vec<Expression>,
    is_first: bool,
    symbol: Symbol,
    patterns_left: &mut usize,
) -> Call {
    let method = Method::named(name);
    let compiled = match (method, arguments.first()) {
        (Some(Method::Json | Method::Path), Some(Expression::Text(text)))
            if is_first && symbol == Names::INPUT =>
        {
            JsonPath::parse(text).map_or(Compiled::Nothing, |path| Compiled::Path(Arc::new(path)))
        }
        (
            Some(Method::Matches | Method::ReplaceAll | Method::ReplaceFirst | Method::Split),
            Some(Expression::Text(text)),
        ) if *patterns_left > 0 => {
            *patterns_left -= 1;
            let extent = if method == Some(Method::Matches) { Extent::Whole } else { Extent::Part };
            Pattern::compile(text, extent)
                .map_or(Compiled::Nothing, |pattern| Compiled::Pattern(Arc::new(pattern)))
        }
        _ => Compiled::Nothing,
    };
    Call { method, arguments, compiled }
}
