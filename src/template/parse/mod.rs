//! Parse: a template's text to its [`Program`], in one pass, with Velocity 1.7's rules.
//!
//! The rules about white space are lexical there, and so they are here. A directive's closing `)`, and
//! `#end` and `#else`, take the blanks behind them and one newline, if there is one. Blanks before `#set`
//! go when they stand directly behind a directive, a reference or a comment; behind text, and that is any
//! text, a newline too, they stay.
//!
//! Two things that Velocity refuses are taken: `1-2` without blanks, and expressions as arguments of
//! methods. What looks like the call of a macro and is none is text, even where its arguments are no
//! arguments.

mod expression;
mod reference;

use std::sync::Arc;

use super::limits::Limits;
use super::problem::{ParseError, Position};
use super::program::{Arm, Block, Invoke, Macro, Names, Node, Offset, Program};

/// Blocks, expressions and quoted texts inside each other. People's templates have some five levels;
/// more than this and the parser's own stack would be at stake.
const DEPTH_MAX: usize = 60;

/// API Gateway takes templates of up to 300 KB.
const BYTES_MAX: usize = 300 * 1024;

/// Arguments of one call.
const ARGUMENTS_MAX: usize = 16;

/// Literal patterns that are compiled ahead; those beyond it are compiled at each call, against the steps
/// of the rendering. A compiled one may take 256 KiB.
const PATTERNS_MAX: usize = 64;

/// A problem at a byte of the text.
#[derive(Debug)]
struct Problem {
    at: usize,
    message: String,
}

type Parsed<T> = Result<T, Problem>;

/// What ended a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Text,
    End,
    Else,
    ElseIf,
}

struct Parser<'s> {
    text: &'s str,
    at: usize,
    /// What is added to a place in `text` to get the place in the template.
    base: usize,
    /// `#evaluate`: everything stands where the directive does.
    pinned: bool,
    depth: usize,
    names: Names,
    macros: Vec<Arc<Macro>>,
    patterns_left: usize,
}

/// Parses a whole template.
pub(super) fn parse(text: &str) -> Result<Program, ParseError> {
    let mut parser = Parser {
        text,
        at: 0,
        base: 0,
        pinned: false,
        depth: 0,
        names: Names::new(),
        macros: Vec::new(),
        patterns_left: PATTERNS_MAX,
    };
    let body = parser.whole().map_err(|problem| {
        let Position { line, column } = position(text, problem.at);
        ParseError { line, column, message: problem.message }
    })?;
    Ok(Program { body, names: parser.names, macros: parser.macros })
}

/// Parses what `#evaluate` was given while a program runs that has `names`.
pub(super) fn parse_evaluated(text: &str, names: Names, at: Offset) -> Result<Program, String> {
    let mut parser = Parser {
        text,
        at: 0,
        base: at as usize,
        pinned: true,
        depth: 0,
        names,
        macros: Vec::new(),
        patterns_left: PATTERNS_MAX,
    };
    let body = parser.whole().map_err(|problem| problem.message)?;
    Ok(Program { body, names: parser.names, macros: parser.macros })
}

/// Line and column of a byte.
pub(super) fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Position {
        line: count(before.matches('\n').count()),
        column: count(before.get(line_start..).unwrap_or_default().chars().count()),
    }
}

impl<'s> Parser<'s> {
    fn whole(&mut self) -> Parsed<Block> {
        if self.text.len() > BYTES_MAX {
            let message =
                format!("a template has at most {BYTES_MAX} bytes, this one {}", self.text.len());
            return Err(Problem { at: 0, message });
        }
        let begin = self.at;
        let (block, end) = self.block()?;
        match end {
            Ending::Text => Ok(block),
            // The directive was read; it stands before here.
            Ending::End => {
                Err(self
                    .problem_at(begin.max(self.last_hash()), "`#end` without a directive to end"))
            }
            Ending::Else | Ending::ElseIf => {
                Err(self.problem_at(begin.max(self.last_hash()), "`#else` without an `#if`"))
            }
        }
    }

    /// Nodes up to a directive that ends a block, which is read too.
    fn block(&mut self) -> Parsed<(Block, Ending)> {
        self.enter()?;
        let mut block = Block::new();
        let mut pending = String::new();
        let end = loop {
            if pending.is_empty() && self.blanks_before_set() {
                self.skip_blanks();
            }
            let rest = self.rest();
            let plain = rest.find(['$', '#', '\\']).unwrap_or(rest.len());
            pending.push_str(&rest[..plain]);
            self.at += plain;
            if self.rest().is_empty() {
                break Ending::Text;
            }
            let begin = self.at;
            let backslashes = self.run_of(b'\\');
            let found = match self.peek() {
                Some(b'$') => self.reference_or_text(backslashes, &mut pending)?,
                Some(b'#') => self.hash(backslashes, &mut pending)?,
                // Backslashes alone are a token of their own, with no text behind which blanks would stay.
                _ => {
                    pending.push_str(&self.text[begin..self.at]);
                    Found::Nothing
                }
            };
            match found {
                Found::Text => {}
                Found::Nothing => flush(&mut pending, &mut block),
                Found::Node(node) => {
                    flush(&mut pending, &mut block);
                    block.push(node);
                }
                Found::End(end) => break end,
            }
        };
        flush(&mut pending, &mut block);
        block.shrink_to_fit();
        self.depth -= 1;
        Ok((block, end))
    }

    /// A block that must be ended by `#end`.
    fn body(&mut self, directive: &str, at: usize) -> Parsed<Block> {
        let (block, end) = self.block()?;
        match end {
            Ending::End => Ok(block),
            Ending::Text => Err(self.problem_at(at, &format!("`{directive}` has no `#end`"))),
            Ending::Else | Ending::ElseIf => {
                Err(self.problem_at(self.last_hash(), &format!("`#else` in a `{directive}`")))
            }
        }
    }

    fn reference_or_text(&mut self, backslashes: usize, pending: &mut String) -> Parsed<Found> {
        if let Some(reference) = self.reference(backslashes)? {
            return Ok(Found::Node(Node::Reference(reference)));
        }
        pending.extend(std::iter::repeat_n('\\', backslashes));
        self.at += 1;
        // Velocity's lexer loses a `$` directly before one of its directives.
        if self.peek() == Some(b'#') && is_directive(directive_name(self.rest()).0) {
            return Ok(Found::Text);
        }
        pending.push('$');
        // Velocity's lexer loses the `!` of a `$!` that begins no reference.
        if self.peek() == Some(b'!') && !matches!(self.peek_at(1), Some(b'$') | None) {
            self.at += 1;
        }
        Ok(Found::Text)
    }

    /// At a `#` with `backslashes` before it.
    fn hash(&mut self, backslashes: usize, pending: &mut String) -> Parsed<Found> {
        let begin = self.at;
        let rest = self.rest();
        if rest.starts_with("##") || rest.starts_with("#*") || rest.starts_with("#[[") {
            // These take no escape: the backslashes are text.
            pending.extend(std::iter::repeat_n('\\', backslashes));
            return self.comment_or_raw(pending);
        }
        let (name, length) = directive_name(rest);
        let is_known = is_directive(name) || self.is_macro(name);
        if name.is_empty() || (backslashes > 0 && !is_known) {
            pending.extend(std::iter::repeat_n('\\', backslashes));
            let text = &rest[..length.max(1)];
            pending.push_str(text);
            self.at += text.len();
            // An escape is a token of its own, also where there is nothing to escape.
            return Ok(if backslashes > 0 { Found::Nothing } else { Found::Text });
        }
        pending.extend(std::iter::repeat_n('\\', backslashes / 2));
        self.at += length;
        if backslashes % 2 == 1 {
            pending.push_str(&rest[..length]);
            // A token of its own: blanks behind it are not behind text.
            return Ok(Found::Nothing);
        }
        self.directive(name, begin, pending)
    }

    fn comment_or_raw(&mut self, pending: &mut String) -> Parsed<Found> {
        let rest = self.rest();
        let (end, what, is_raw) = if rest.starts_with("##") {
            let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
            self.at += length;
            self.skip_newline();
            return Ok(Found::Nothing);
        } else if rest.starts_with("#*") {
            ("*#", "the comment `#*`", false)
        } else {
            ("]]#", "the raw text `#[[`", true)
        };
        let start = if is_raw { 3 } else { 2 };
        let Some(length) = rest[start..].find(end) else {
            return Err(self.problem(&format!("{what} has no `{end}`")));
        };
        self.at += start + length + end.len();
        if is_raw {
            pending.push_str(&rest[start..start + length]);
        }
        Ok(Found::Nothing)
    }

    /// Behind a directive's name.
    fn directive(&mut self, name: &str, begin: usize, pending: &mut String) -> Parsed<Found> {
        let node = match name {
            "set" => {
                if !self.opens() {
                    pending.push_str(&self.text[begin..self.at]);
                    return Ok(Found::Text);
                }
                self.set(begin)?
            }
            "if" => self.if_else(begin)?,
            "foreach" => self.foreach(begin)?,
            "macro" => {
                self.macro_definition(begin)?;
                return Ok(Found::Nothing);
            }
            "define" => self.define(begin)?,
            "evaluate" => {
                self.open("#evaluate")?;
                let text = self.expression()?;
                self.close()?;
                Node::Evaluate { text, at: self.offset(begin) }
            }
            "break" | "stop" => {
                if self.peek() == Some(b'(') {
                    self.at += 1;
                    self.arguments()?;
                }
                if name == "break" { Node::Break } else { Node::Stop }
            }
            "parse" | "include" => {
                self.open(name)?;
                self.arguments()?;
                let directive = if name == "parse" { "#parse" } else { "#include" };
                Node::Refused { directive, at: self.offset(begin) }
            }
            "literal" if self.opens() => {
                self.open("#literal")?;
                self.close()?;
                let start = self.at;
                self.body("#literal", begin)?;
                let text = &self.text[start..self.last_hash()];
                pending.push_str(text);
                return Ok(Found::Text);
            }
            "end" => {
                self.skip_line_end();
                return Ok(Found::End(Ending::End));
            }
            "else" => {
                self.skip_line_end();
                return Ok(Found::End(Ending::Else));
            }
            "elseif" => return Ok(Found::End(Ending::ElseIf)),
            _ => return self.invoke(name, begin, pending),
        };
        Ok(Found::Node(node))
    }

    fn set(&mut self, begin: usize) -> Parsed<Node> {
        self.open("#set")?;
        self.skip_white();
        let Some(target) = self.reference(0)? else {
            return Err(self.expected("a reference to assign to"));
        };
        self.skip_white();
        if self.peek() != Some(b'=') || self.peek_at(1) == Some(b'=') {
            return Err(self.expected("`=`"));
        }
        self.at += 1;
        let value = self.expression()?;
        self.close()?;
        let target = super::program::Reference { at: self.offset(begin), ..target };
        Ok(Node::Set { target, value })
    }

    fn if_else(&mut self, begin: usize) -> Parsed<Node> {
        let mut arms = Vec::new();
        self.open("#if")?;
        let mut condition = Some(self.expression()?);
        self.close()?;
        let mut at = self.offset(begin);
        loop {
            let (body, end) = self.block()?;
            let is_else = condition.is_none();
            arms.push(Arm { condition: condition.take(), body, at });
            at = self.offset(self.last_hash());
            match end {
                Ending::End => return Ok(Node::If(arms)),
                Ending::Text => return Err(self.problem_at(begin, "`#if` has no `#end`")),
                Ending::Else | Ending::ElseIf if is_else => {
                    return Err(self.problem_at(
                        self.last_hash(),
                        "`#else` was there before: expected `#end`",
                    ));
                }
                Ending::Else => {}
                Ending::ElseIf => {
                    self.open("#elseif")?;
                    condition = Some(self.expression()?);
                    self.close()?;
                }
            }
        }
    }

    fn foreach(&mut self, begin: usize) -> Parsed<Node> {
        self.open("#foreach")?;
        self.skip_white();
        let item = self.variable("the loop's variable")?;
        self.skip_white();
        if self.word().is_empty() {
            return Err(self.expected("`in`"));
        }
        let list = self.expression()?;
        self.close()?;
        let body = self.body("#foreach", begin)?;
        Ok(Node::Foreach { item, list, body, at: self.offset(begin) })
    }

    fn define(&mut self, begin: usize) -> Parsed<Node> {
        self.open("#define")?;
        self.skip_white();
        let name = self.variable("the block's name")?;
        self.close()?;
        let body = Arc::new(self.body("#define", begin)?);
        Ok(Node::Define { name, body })
    }

    fn macro_definition(&mut self, begin: usize) -> Parsed<()> {
        self.open("#macro")?;
        self.skip_white();
        let name = self.word();
        if name.is_empty() {
            return Err(self.expected("the macro's name"));
        }
        let name = self.names.symbol(name);
        let mut parameters = Vec::new();
        loop {
            self.skip_white_and_commas();
            if self.peek() != Some(b'$') {
                break;
            }
            if parameters.len() == ARGUMENTS_MAX {
                return Err(
                    self.problem(&format!("a macro has at most {ARGUMENTS_MAX} parameters"))
                );
            }
            parameters.push(self.variable("a parameter")?);
        }
        self.close()?;
        // Known from here on, so that it can call itself and be escaped in its body.
        self.macros.push(Arc::new(Macro {
            name,
            parameters: parameters.clone(),
            body: Block::new(),
        }));
        let index = self.macros.len() - 1;
        let body = self.body("#macro", begin)?;
        if let Some(place) = self.macros.get_mut(index) {
            *place = Arc::new(Macro { name, parameters, body });
        }
        Ok(())
    }

    /// Behind the name of a directive that is not one of Velocity's.
    fn invoke(&mut self, name: &str, begin: usize, pending: &mut String) -> Parsed<Found> {
        let has_body =
            self.text[begin..].starts_with("#@") || self.text[begin..].starts_with("#{@");
        let after_name = self.at;
        let is_macro = self.is_macro(name);
        let mut arguments = Vec::new();
        let mut has_arguments = false;
        if self.opens() {
            self.skip_blanks();
            self.at += 1;
            let depth = self.depth;
            match self.arguments() {
                Ok(found) => {
                    arguments = found;
                    has_arguments = true;
                }
                Err(problem) if is_macro => return Err(problem),
                Err(_) => (self.at, self.depth) = (after_name, depth),
            }
        }
        if has_body && !has_arguments {
            pending.push_str(&self.text[begin..self.at]);
            return Ok(Found::Text);
        }
        let source: Box<str> = self.text[begin..self.at].into();
        let (mut body, mut end) = (None, Box::default());
        if has_body {
            body = Some(Arc::new(self.body("#@", begin)?));
            end = self.text[self.last_hash()..self.at].into();
        }
        let at = self.offset(begin);
        let name = self.names.symbol(name);
        Ok(Found::Node(Node::Invoke(Box::new(Invoke { name, arguments, body, source, end, at }))))
    }

    fn is_macro(&mut self, name: &str) -> bool {
        if name.is_empty() || self.macros.is_empty() {
            return false;
        }
        let symbol = self.names.symbol(name);
        self.macros.iter().any(|it| it.name == symbol)
    }

    // The text, byte by byte.

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Skips a run of one byte and says how long it was.
    fn run_of(&mut self, byte: u8) -> usize {
        let count = self.rest().bytes().take_while(|it| *it == byte).count();
        self.at += count;
        count
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().bytes().take_while(|it| matches!(it, b' ' | b'\t')).count();
    }

    fn skip_white(&mut self) {
        self.at +=
            self.rest().bytes().take_while(|it| matches!(it, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn skip_white_and_commas(&mut self) {
        let is_one = |it: &u8| matches!(it, b' ' | b'\t' | b'\n' | b'\r' | b',');
        self.at += self.rest().bytes().take_while(is_one).count();
    }

    fn skip_newline(&mut self) -> bool {
        let rest = self.rest();
        let length =
            if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with(['\n', '\r'])) };
        self.at += length;
        length > 0
    }

    /// Blanks and one newline, or nothing.
    fn skip_line_end(&mut self) {
        let begin = self.at;
        self.skip_blanks();
        if !self.skip_newline() {
            self.at = begin;
        }
    }

    fn blanks_before_set(&self) -> bool {
        let rest = self.rest().trim_start_matches([' ', '\t']);
        ["#set", "#{set}"].iter().any(|it| {
            rest.strip_prefix(it)
                .is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with('('))
        })
    }

    /// Whether `(` comes next, blanks aside.
    fn opens(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t']).starts_with('(')
    }

    fn open(&mut self, directive: &str) -> Parsed<()> {
        self.skip_white();
        if self.peek() != Some(b'(') {
            return Err(self.expected(&format!("`(` after `{directive}`")));
        }
        self.at += 1;
        Ok(())
    }

    /// `)` and what a directive swallows behind it.
    fn close(&mut self) -> Parsed<()> {
        self.skip_white();
        if self.peek() != Some(b')') {
            return Err(self.expected("`)`"));
        }
        self.at += 1;
        self.skip_line_end();
        Ok(())
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.problem(&format!("more than {DEPTH_MAX} levels inside each other")));
        }
        Ok(())
    }

    /// The `#` of the directive that was just read.
    fn last_hash(&self) -> usize {
        self.text.get(..self.at).and_then(|before| before.rfind('#')).unwrap_or(0)
    }

    fn offset(&self, at: usize) -> Offset {
        let at = if self.pinned { self.base } else { self.base + at };
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn expected(&self, what: &str) -> Problem {
        let found = match self.rest().chars().next() {
            None => "the end of the template".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(found) => format!("`{found}`"),
        };
        self.problem(&format!("expected {what}, found {found}"))
    }

    fn problem(&self, message: &str) -> Problem {
        self.problem_at(self.at, message)
    }

    fn problem_at(&self, at: usize, message: &str) -> Problem {
        Problem { at: self.offset(at) as usize, message: message.to_owned() }
    }
}

enum Found {
    /// It is in the pending text.
    Text,
    /// Read, and leaves nothing: a comment, a macro's definition.
    Nothing,
    Node(Node),
    End(Ending),
}

fn flush(pending: &mut String, block: &mut Block) {
    if !pending.is_empty() {
        block.push(Node::Text(pending.as_str().into()));
        pending.clear();
    }
}

/// The name behind a `#`, and how many bytes the `#` and it take: `#name`, `#{name}`, `#@name`.
fn directive_name(rest: &str) -> (&str, usize) {
    let after = &rest[1..];
    let (opening, braced) = match after.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (after, false),
    };
    let (word, at) = match opening.strip_prefix('@') {
        Some(inner) => (inner, 1),
        None => (opening, 0),
    };
    let length = word.bytes().take_while(|it| it.is_ascii_alphanumeric() || *it == b'_').count();
    let name = &word[..length];
    if name.is_empty() || name.starts_with(|it: char| it.is_ascii_digit()) {
        return ("", 1);
    }
    if !braced {
        return (name, 1 + at + length);
    }
    if word[length..].starts_with('}') { (name, 3 + at + length) } else { ("", 1) }
}

fn is_directive(name: &str) -> bool {
    matches!(
        name,
        "set"
            | "if"
            | "elseif"
            | "else"
            | "end"
            | "foreach"
            | "macro"
            | "define"
            | "evaluate"
            | "break"
            | "stop"
            | "parse"
            | "include"
            | "literal"
    )
}

// A program may nest as deep as the parser lets it; the renderer must be able to follow.
const _: () = assert!(DEPTH_MAX < Limits::DEPTH_DEFAULT as usize);
