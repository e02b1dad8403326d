//! A path's text to its steps.

use super::filter::{Comparison, Filter, Operand};
use super::{Function, JsonPath, PathError, Step};
use crate::template::pattern::{Extent, Pattern};

/// Steps of one path, and levels of parentheses in a filter.
const STEPS_MAX: usize = 100;
const DEPTH_MAX: usize = 20;
const BYTES_MAX: usize = 4096;

pub(super) fn parse(text: &str) -> Result<JsonPath, PathError> {
    let trimmed = text.trim();
    let mut reader = Reader { text: trimmed, at: 0, depth: 0 };
    if trimmed.len() > BYTES_MAX {
        return reader.fail("a path has at most 4096 bytes");
    }
    if trimmed.is_empty() {
        return reader.fail("the path is empty");
    }
    match reader.peek() {
        Some(b'$' | b'@') => reader.at += 1,
        // Without a root it is a member of it.
        Some(b'[') => {}
        _ => {
            let member = reader.member()?;
            let mut path = reader.path(true)?;
            path.steps.insert(0, member);
            return Ok(path);
        }
    }
    reader.path(true)
}

struct Reader<'s> {
    text: &'s str,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, PathError>;

impl<'s> Reader<'s> {
    /// The steps behind the root, to the end of the text or, in a filter, of the operand.
    fn path(&mut self, is_whole: bool) -> Parsed<JsonPath> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail("filters too deep inside each other");
        }
        let mut steps = Vec::new();
        let mut function = None;
        loop {
            if steps.len() > STEPS_MAX {
                return self.fail("a path has at most 100 steps");
            }
            match self.peek() {
                Some(b'.') if self.peek_at(1) == Some(b'.') => {
                    self.at += 2;
                    steps.push(Step::Everywhere);
                    match self.peek() {
                        None => return self.fail("a path cannot end with `..`"),
                        Some(b'[') => {}
                        Some(b'*') => {
                            self.at += 1;
                            steps.push(Step::All);
                        }
                        Some(_) => {
                            let member = self.member()?;
                            steps.push(member);
                        }
                    }
                }
                Some(b'.') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'[') => {}
                        Some(b'*') => {
                            self.at += 1;
                            steps.push(Step::All);
                        }
                        _ => {
                            function = self.function()?;
                            if function.is_some() {
                                break;
                            }
                            let member = self.member()?;
                            steps.push(member);
                        }
                    }
                }
                Some(b'[') => {
                    let step = self.bracket()?;
                    steps.push(step);
                }
                _ => break,
            }
        }
        if matches!(steps.last(), Some(Step::Everywhere)) {
            return self.fail("a path cannot end with `..`");
        }
        if is_whole && self.at < self.text.len() {
            return self.expected("`.` or `[`");
        }
        self.depth -= 1;
        Ok(JsonPath { steps, function })
    }

    /// A member's name behind a dot.
    fn member(&mut self) -> Parsed<Step> {
        let rest = self.rest();
        let ends = |it: char| ".[]()=!<>&|,~ \t'\"".contains(it);
        let length = rest.find(ends).unwrap_or(rest.len());
        if length == 0 {
            return self.expected("a member's name");
        }
        self.at += length;
        Ok(Step::Member(rest[..length].into()))
    }

    /// `length()` and its like; None, with nothing read, for a name without parentheses.
    fn function(&mut self) -> Parsed<Option<Function>> {
        let begin = self.at;
        let name: &str =
            self.text[begin..].split(['.', '[', '(', ')', ' ']).next().unwrap_or_default();
        if self.peek_at(name.len()) != Some(b'(') {
            return Ok(None);
        }
        self.at += name.len() + 1;
        self.skip_white();
        let argument = self.integer();
        self.skip_white();
        if self.peek() != Some(b')') {
            return self.expected("`)`");
        }
        self.at += 1;
        Ok(Some(match name {
            "length" | "size" => Function::Length,
            "min" => Function::Min,
            "max" => Function::Max,
            "avg" => Function::Average,
            "stddev" => Function::Deviation,
            "sum" => Function::Sum,
            "keys" => Function::Keys,
            "first" => Function::First,
            "last" => Function::Last,
            "index" => Function::Index(argument.unwrap_or(0)),
            _ => {
                self.at = begin;
                return self.fail(&format!("there is no function `{name}`"));
            }
        }))
    }

    fn bracket(&mut self) -> Parsed<Step> {
        self.at += 1;
        self.skip_white();
        let step = match self.peek() {
            Some(b'*') => {
                self.at += 1;
                Step::All
            }
            Some(b'\'' | b'"') => {
                let mut names = vec![self.quoted()?.into_boxed_str()];
                self.skip_white();
                while self.peek() == Some(b',') {
                    self.at += 1;
                    self.skip_white();
                    names.push(self.quoted()?.into_boxed_str());
                    self.skip_white();
                }
                match (names.len(), names.pop()) {
                    (1, Some(only)) => Step::Member(only),
                    (_, last) => {
                        names.extend(last);
                        Step::Members(names)
                    }
                }
            }
            Some(b'?') => {
                self.at += 1;
                self.skip_white();
                self.take(b'(')?;
                let filter = self.any_of()?;
                self.take(b')')?;
                Step::Where(filter)
            }
            Some(b'(') => self.last_but()?,
            _ => self.indexes()?,
        };
        self.take(b']')?;
        Ok(step)
    }

    /// `[(@.length-1)]`.
    fn last_but(&mut self) -> Parsed<Step> {
        self.at += 1;
        let rest = self.rest();
        let Some(behind) =
            rest.strip_prefix("@.length()").or_else(|| rest.strip_prefix("@.length"))
        else {
            return self.expected("`@.length`");
        };
        self.at += rest.len() - behind.len();
        self.skip_white();
        self.take(b'-')?;
        self.skip_white();
        let Some(count) = self.integer().filter(|it| *it > 0) else {
            return self.expected("a number");
        };
        self.take(b')')?;
        Ok(Step::Index(-count))
    }

    fn indexes(&mut self) -> Parsed<Step> {
        let first = self.integer();
        self.skip_white();
        if self.peek() == Some(b':') {
            self.at += 1;
            self.skip_white();
            let to = self.integer();
            self.skip_white();
            // A third number would be a step, which this dialect reads and ignores.
            if self.peek() == Some(b':') {
                self.at += 1;
                self.skip_white();
                self.integer();
                self.skip_white();
            }
            return Ok(Step::Slice(first, to));
        }
        let Some(first) = first else {
            return self.expected("an index, a name in quotes, `*` or `?`");
        };
        let mut indexes = vec![first];
        while self.peek() == Some(b',') {
            self.at += 1;
            self.skip_white();
            let Some(next) = self.integer() else { return self.expected("an index") };
            indexes.push(next);
            self.skip_white();
        }
        Ok(if indexes.len() == 1 { Step::Index(first) } else { Step::Indexes(indexes) })
    }

    // Filters.

    fn any_of(&mut self) -> Parsed<Filter> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail("parentheses too deep inside each other");
        }
        let mut alternatives = vec![self.all_of()?];
        while self.word("||") {
            alternatives.push(self.all_of()?);
        }
        self.depth -= 1;
        Ok(match (alternatives.len(), alternatives.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                alternatives.extend(last);
                Filter::Any(alternatives)
            }
        })
    }

    fn all_of(&mut self) -> Parsed<Filter> {
        let mut parts = vec![self.single()?];
        while self.word("&&") {
            parts.push(self.single()?);
        }
        Ok(match (parts.len(), parts.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                parts.extend(last);
                Filter::All(parts)
            }
        })
    }

    fn single(&mut self) -> Parsed<Filter> {
        self.skip_white();
        if self.peek() == Some(b'!') && self.peek_at(1) != Some(b'=') {
            self.at += 1;
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return self.fail("too many `!`");
            }
            let inner = self.single()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        if self.peek() == Some(b'(') {
            self.at += 1;
            let inner = self.any_of()?;
            self.take(b')')?;
            return Ok(inner);
        }
        let left = self.operand()?;
        let Some(comparison) = self.comparison() else {
            return match left {
                Operand::Path(_) | Operand::Root(_) => Ok(Filter::Exists(left)),
                _ => self.expected("a comparison"),
            };
        };
        self.skip_white();
        if comparison == Comparison::Matches {
            let pattern = self.regular_expression()?;
            return Ok(Filter::Matches(left, pattern));
        }
        let right = self.operand()?;
        Ok(Filter::Compare(left, comparison, right))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        use Comparison::{
            AnyOf, AtLeast, AtMost, Contains, Empty, Equal, Greater, In, Less, Matches, NoneOf,
            NotIn, Size, SubsetOf, Unequal,
        };
        let all = [
            ("===", Equal),
            ("==", Equal),
            ("=~", Matches),
            ("!==", Unequal),
            ("!=", Unequal),
            ("<=", AtMost),
            (">=", AtLeast),
            ("<", Less),
            (">", Greater),
            ("in", In),
            ("nin", NotIn),
            ("subsetof", SubsetOf),
            ("anyof", AnyOf),
            ("noneof", NoneOf),
            ("contains", Contains),
            ("sizeof", Size),
            ("size", Size),
            ("empty", Empty),
        ];
        all.into_iter().find(|(word, _)| self.word(word)).map(|(_, comparison)| comparison)
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.skip_white();
        match self.peek() {
            Some(b'@') => {
                self.at += 1;
                Ok(Operand::Path(self.path(false)?))
            }
            Some(b'$') => {
                self.at += 1;
                Ok(Operand::Root(self.path(false)?))
            }
            Some(b'\'' | b'"') => Ok(Operand::Text(self.quoted()?.into())),
            Some(b'[') => {
                self.at += 1;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return self.fail("lists too deep inside each other");
                }
                let mut items = Vec::new();
                loop {
                    self.skip_white();
                    match self.peek() {
                        Some(b']') => break,
                        Some(b',') => self.at += 1,
                        _ => items.push(self.operand()?),
                    }
                }
                self.at += 1;
                self.depth -= 1;
                Ok(Operand::List(items))
            }
            _ => {
                let rest = self.rest();
                let is_part = |it: char| it.is_ascii_alphanumeric() || "+-.".contains(it);
                let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
                let word = &rest[..length];
                let operand = match word {
                    "true" => Operand::Boolean(true),
                    "false" => Operand::Boolean(false),
                    "null" => Operand::Null,
                    _ => match (word.parse(), word.parse::<f64>()) {
                        (Ok(whole), _) => Operand::Integer(whole),
                        (_, Ok(real)) if real.is_finite() => Operand::Double(real),
                        _ => return self.expected("a path, a number or a text in quotes"),
                    },
                };
                self.at += length;
                Ok(operand)
            }
        }
    }

    /// `/pattern/flags`.
    fn regular_expression(&mut self) -> Parsed<Pattern> {
        self.take(b'/')?;
        let begin = self.at;
        let bytes = self.text.as_bytes();
        let mut end = begin;
        loop {
            match bytes.get(end) {
                None => return self.expected("`/` at the end of the pattern"),
                Some(b'/') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let Some(pattern) = self.text.get(begin..end) else { return self.expected("a pattern") };
        self.at = end + 1;
        let flags: String = self
            .rest()
            .chars()
            .take_while(|it| matches!(it, 'i' | 's' | 'm' | 'x' | 'd' | 'u'))
            .collect();
        self.at += flags.len();
        let known: String =
            flags.chars().filter(|it| matches!(it, 'i' | 's' | 'm' | 'x')).collect();
        let pattern =
            if known.is_empty() { pattern.to_owned() } else { format!("(?{known}:{pattern})") };
        Pattern::compile(&pattern, Extent::Whole).or_else(|reason| self.fail(&reason))
    }

    // The text.

    fn quoted(&mut self) -> Parsed<String> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return self.expected("a name in quotes");
        };
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            if character == char::from(quote) {
                self.at += at + 1;
                return Ok(text);
            }
            if character == '\\' {
                match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, escaped)) => text.push(escaped),
                    None => {}
                }
            } else {
                text.push(character);
            }
        }
        self.at = self.text.len();
        self.expected("the closing quote")
    }

    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let signed = usize::from(rest.starts_with(['-', '+']));
        let digits = rest.bytes().skip(signed).take_while(u8::is_ascii_digit).count();
        let number = rest[..signed + digits].parse().ok()?;
        self.at += signed + digits;
        Some(number)
    }

    /// Takes a word or sign with white space around it.
    fn word(&mut self, word: &str) -> bool {
        let begin = self.at;
        self.skip_white();
        let is_name = word.starts_with(|it: char| it.is_ascii_alphabetic());
        let found = self.rest().strip_prefix(word).is_some_and(|rest| {
            !is_name || !rest.starts_with(|it: char| it.is_ascii_alphanumeric())
        });
        self.at = if found { self.at + word.len() } else { begin };
        found
    }

    fn take(&mut self, byte: u8) -> Parsed<()> {
        self.skip_white();
        if self.peek() != Some(byte) {
            return self.expected(&format!("`{}`", char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_white(&mut self) {
        self.at +=
            self.rest().bytes().take_while(|it| matches!(it, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn expected<T>(&self, what: &str) -> Parsed<T> {
        let found = match self.rest().chars().next() {
            None => "the end".to_owned(),
            Some(found) => format!("`{found}`"),
        };
        self.fail(&format!("expected {what}, found {found}"))
    }

    fn fail<T>(&self, message: &str) -> Parsed<T> {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        Err(PathError { at: before.chars().count() + 1, message: message.to_owned() })
    }
}
