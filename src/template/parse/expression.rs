//! Expressions: `or`, then `and`, equality, order, sums, products, `not`, and the literals.

use super::{Ending, Parsed, Parser};
use crate::template::program::{Block, Expression, Operator};

/// Loosest first. Of two operators that begin alike the longer stands first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("or", Operator::Or)],
    &[("&&", Operator::And), ("and", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("eq", Operator::Equal),
        ("ne", Operator::Unequal),
    ],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("le", Operator::AtMost),
        ("ge", Operator::AtLeast),
        ("lt", Operator::Less),
        ("gt", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

/// Of one level in a row: they lean to the left, and the renderer goes down to the first.
const OPERATORS_MAX: usize = 100;

impl Parser<'_> {
    /// An expression with white space around it.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.enter()?;
        self.skip_white();
        let found = self.level(0);
        self.depth -= 1;
        found
    }

    fn level(&mut self, level: usize) -> Parsed<Expression> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        let mut length = 0;
        loop {
            let end = self.at;
            self.skip_white();
            let Some(operator) = self.operator(operators) else {
                self.at = end;
                return Ok(left);
            };
            // A long chain leans to the left and is walked by recursion: it counts as depth.
            length += 1;
            if length > OPERATORS_MAX {
                let message = format!("at most {OPERATORS_MAX} operators in a row");
                return Err(self.problem(&message));
            }
            self.skip_white();
            let right = self.level(level + 1)?;
            left = Expression::Binary { operator, sides: Box::new((left, right)) };
        }
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        let rest = self.rest();
        let (word, operator) = operators.iter().find(|(word, _)| {
            rest.strip_prefix(word).is_some_and(|after| {
                let is_word = word.starts_with(|it: char| it.is_ascii_alphabetic());
                !is_word || !after.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_')
            })
        })?;
        self.at += word.len();
        Some(*operator)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let is_not = match self.peek() {
            Some(b'!') => {
                self.at += 1;
                true
            }
            _ => self.operator(&[("not", Operator::Or)]).is_some(),
        };
        if !is_not {
            return self.primary();
        }
        self.enter()?;
        self.skip_white();
        let inner = self.unary()?;
        self.depth -= 1;
        Ok(Expression::Not(Box::new(inner)))
    }

    /// A literal, a reference, or an expression in parentheses.
    pub(super) fn primary(&mut self) -> Parsed<Expression> {
        self.enter()?;
        let found = match self.peek() {
            Some(b'$') => match self.reference(0)? {
                Some(reference) => Expression::Reference(Box::new(reference)),
                None => return Err(self.expected("a reference")),
            },
            Some(b'(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.skip_white();
                if self.peek() != Some(b')') {
                    return Err(self.expected("`)`"));
                }
                self.at += 1;
                inner
            }
            Some(b'"') => self.double_quoted()?,
            Some(b'\'') => Expression::Text(self.quoted('\'')?.0.into()),
            Some(b'[') => self.list_or_range()?,
            Some(b'{') => self.map()?,
            Some(b'0'..=b'9' | b'-' | b'.') => self.number()?,
            _ => {
                let begin = self.at;
                match self.word() {
                    "true" => Expression::Boolean(true),
                    "false" => Expression::Boolean(false),
                    _ => {
                        self.at = begin;
                        return Err(self.expected("a value"));
                    }
                }
            }
        };
        self.depth -= 1;
        Ok(found)
    }

    fn number(&mut self) -> Parsed<Expression> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits =
            |from: usize| bytes.iter().skip(from).take_while(|it| it.is_ascii_digit()).count();
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(sign);
        let mut end = sign + whole;
        let mut is_double = false;
        // Two dots are a range's.
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
            let fraction = digits(end + 1);
            if whole + fraction > 0 {
                is_double = true;
                end += 1 + fraction;
            }
        }
        if whole + usize::from(is_double) > 0 && matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + signed);
            if exponent > 0 {
                is_double = true;
                end += 1 + signed + exponent;
            }
        }
        let text = &rest[..end];
        if is_double {
            let Ok(number) = text.parse() else { return Err(self.expected("a number")) };
            self.at += end;
            return Ok(Expression::Double(number));
        }
        if whole == 0 {
            return Err(self.expected("a value"));
        }
        self.at += end;
        Ok(match text.parse() {
            Ok(number) => Expression::Integer(number),
            Err(_) => Expression::Big(text.into()),
        })
    }

    /// Text in quotes, with doubled ones made single, and where its first byte stands.
    fn quoted(&mut self, quote: char) -> Parsed<(String, usize)> {
        let begin = self.at;
        let mut text = String::new();
        self.at += 1;
        let content = self.at;
        loop {
            let rest = self.rest();
            let Some(length) = rest.find(quote) else {
                return Err(self.problem_at(begin, &format!("the text has no closing `{quote}`")));
            };
            text.push_str(&rest[..length]);
            self.at += length + 1;
            if !self.rest().starts_with(quote) {
                return Ok((text, content));
            }
            text.push(quote);
            self.at += 1;
        }
    }

    fn double_quoted(&mut self) -> Parsed<Expression> {
        let (text, content) = self.quoted('"')?;
        if !text.contains(['$', '#']) {
            return Ok(Expression::Text(text.into()));
        }
        let mut inner = Parser {
            text: &text,
            at: 0,
            base: self.offset(content) as usize,
            pinned: self.pinned,
            depth: self.depth,
            names: std::mem::replace(&mut self.names, super::Names::new()),
            macros: std::mem::take(&mut self.macros),
            patterns_left: self.patterns_left,
        };
        let parsed = inner.block();
        let problem =
            match &parsed {
                Ok((_, Ending::Text)) => None,
                Ok(_) => Some(inner.problem_at(
                    inner.last_hash(),
                    "a directive is ended that the text did not begin",
                )),
                Err(_) => None,
            };
        self.patterns_left = inner.patterns_left;
        (self.names, self.macros) = (inner.names, inner.macros);
        if let Some(problem) = problem {
            return Err(problem);
        }
        let (block, _): (Block, Ending) = parsed?;
        Ok(match block.as_slice() {
            [] => Expression::Text("".into()),
            [super::Node::Text(only)] => Expression::Text(only.clone()),
            _ => Expression::Interpolated(block),
        })
    }

    fn list_or_range(&mut self) -> Parsed<Expression> {
        self.at += 1;
        self.skip_white();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Expression::List(items));
        }
        loop {
            items.push(self.expression()?);
            self.skip_white();
            if items.len() == 1 && self.rest().starts_with("..") {
                self.at += 2;
                let last = self.expression()?;
                self.skip_white();
                if self.peek() != Some(b']') {
                    return Err(self.expected("`]` after the range"));
                }
                self.at += 1;
                let Some(first) = items.pop() else { return Err(self.expected("a value")) };
                return Ok(Expression::Range(Box::new((first, last))));
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
        self.at += 1;
        Ok(Expression::List(items))
    }

    fn map(&mut self) -> Parsed<Expression> {
        self.at += 1;
        self.skip_white();
        let mut entries = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Expression::Map(entries));
        }
        loop {
            let key = self.expression()?;
            self.skip_white();
            if self.peek() != Some(b':') {
                return Err(self.expected("`:` after the key"));
            }
            self.at += 1;
            let value = self.expression()?;
            entries.push((key, value));
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.expected("`,` or `}`")),
            }
        }
        self.at += 1;
        Ok(Expression::Map(entries))
    }
}
