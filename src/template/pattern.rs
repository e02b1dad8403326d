//! Patterns: Java's regular expressions, and its rules for replacing and splitting. One for all of
//! ringgate: API Gateway runs Java's elsewhere too.

use super::budget::{Budget, Outcome, failed};

/// Compiled size, in bytes. `regex` counts some 100 for each part of a pattern, 5,000 for `\p{L}`.
const SIZE_MAX: usize = 256 * 1024;

/// How often a pattern that needs backtracking may go back.
const BACKTRACKS_MAX: usize = 50_000;

/// Steps that compiling one costs when it is not a literal of the template.
const COMPILE_STEPS: usize = 2_000;

/// A pattern that is no template's: of `identityValidationExpression`, say. It must match a text from its
/// first to its last character, as `String.matches` does.
#[derive(Debug)]
pub struct JavaPattern(Pattern);

impl JavaPattern {
    /// Compiles a pattern of up to 4096 bytes. The error says what is wrong with it.
    pub fn compile(java: &str) -> Result<Self, String> {
        Pattern::compile(java, Extent::Whole).map(Self)
    }

    /// Whether the whole text matches. A text on which the pattern goes back too often does not.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}

#[derive(Debug)]
pub(super) enum Pattern {
    /// No character of it means anything.
    Plain(Box<str>),
    /// In linear time.
    Linear(regex::Regex),
    /// With look-around, back-references or possessive quantifiers.
    Backtracking(Box<fancy_regex::Regex>),
}

/// What a pattern must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The text from its first to its last character.
    Whole,
    /// Anything in it.
    Part,
}

/// Where a match and its groups are, in bytes.
type Groups = Vec<Option<(usize, usize)>>;

impl Pattern {
    /// Compiles a pattern as Java writes it.
    pub(super) fn compile(java: &str, extent: Extent) -> Result<Self, String> {
        if !java.contains(['\\', '[', ']', '(', ')', '{', '}', '.', '*', '+', '?', '^', '$', '|']) {
            return Ok(Self::Plain(java.into()));
        }
        if java.len() > 4096 {
            return Err("a pattern has at most 4096 bytes".to_owned());
        }
        let mut translated = translate(java)?;
        if extent == Extent::Whole {
            translated = format!("\\A(?:{translated})\\z");
        }
        let is_possessive = ["*+", "++", "?+", "}+"].iter().any(|it| translated.contains(it));
        if !is_possessive {
            let built =
                regex::RegexBuilder::new(&translated).size_limit(SIZE_MAX).nest_limit(50).build();
            match built {
                Ok(regex) => return Ok(Self::Linear(regex)),
                Err(regex::Error::CompiledTooBig(_)) => {
                    return Err("the pattern is too large".to_owned());
                }
                Err(_) => {}
            }
        }
        fancy_regex::RegexBuilder::new(&translated)
            .backtrack_limit(BACKTRACKS_MAX)
            .delegate_size_limit(SIZE_MAX)
            .build()
            .map(|regex| Self::Backtracking(Box::new(regex)))
            .map_err(|error| error.to_string())
    }

    /// Compiles one that the template made while running.
    pub(super) fn compile_now(
        java: &str,
        extent: Extent,
        method: &str,
        budget: &Budget<'_>,
    ) -> Outcome<Self> {
        budget.steps(COMPILE_STEPS)?;
        Self::compile(java, extent)
            .or_else(|reason| failed(method, format!("PatternSyntaxException: {reason}")))
    }

    /// `String.matches`, of one compiled for [`Extent::Whole`].
    pub(super) fn is_match(&self, text: &str) -> Result<bool, String> {
        match self {
            Self::Plain(plain) => Ok(**plain == *text),
            Self::Linear(regex) => Ok(regex.is_match(text)),
            Self::Backtracking(regex) => regex.is_match(text).map_err(|error| error.to_string()),
        }
    }

    fn find(&self, text: &str, from: usize) -> Result<Option<Groups>, String> {
        match self {
            Self::Plain(plain) => Ok(text
                .get(from..)
                .and_then(|rest| rest.find(&**plain))
                .map(|at| vec![Some((from + at, from + at + plain.len()))])),
            Self::Linear(regex) => Ok(regex
                .captures_at(text, from)
                .map(|found| found.iter().map(|it| it.map(|it| (it.start(), it.end()))).collect())),
            Self::Backtracking(regex) => {
                let found =
                    regex.captures_from_pos(text, from).map_err(|error| error.to_string())?;
                Ok(found.map(|found| {
                    found.iter().map(|it| it.map(|it| (it.start(), it.end()))).collect()
                }))
            }
        }
    }

    /// `replaceAll` and `replaceFirst`: `$1` and `\` mean something in `replacement`.
    pub(super) fn replace(
        &self,
        text: &str,
        replacement: &str,
        first_only: bool,
        budget: &Budget<'_>,
    ) -> Outcome<String> {
        let method = if first_only { "replaceFirst" } else { "replaceAll" };
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut from = 0;
        while let Some(groups) = self.find(text, from).or_else(|reason| failed(method, reason))? {
            let Some(Some((start, end))) = groups.first().copied() else { break };
            budget.steps(4)?;
            out.push_str(text.get(copied..start).unwrap_or_default());
            expand(replacement, text, &groups, &mut out)
                .or_else(|reason| failed(method, reason))?;
            budget.output(out.len())?;
            copied = end;
            if first_only {
                break;
            }
            from = after(text, start, end);
            if from > text.len() {
                break;
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(out)
    }

    /// `split(pattern, limit)` by Java's rules: an empty match at the beginning makes no piece, and
    /// without a limit empty pieces at the end are left out.
    pub(super) fn split<'t>(
        &self,
        text: &'t str,
        limit: i64,
        budget: &Budget<'_>,
    ) -> Outcome<Vec<&'t str>> {
        let mut pieces = Vec::new();
        let (mut copied, mut from) = (0, 0);
        while limit <= 0 || i64::try_from(pieces.len()).unwrap_or(i64::MAX) < limit - 1 {
            let Some(groups) = self.find(text, from).or_else(|reason| failed("split", reason))?
            else {
                break;
            };
            let Some(Some((start, end))) = groups.first().copied() else { break };
            budget.steps(1)?;
            budget.hold(size_of::<&str>())?;
            from = after(text, start, end);
            // An empty match at either end separates nothing.
            if end > 0 && !(start == end && start == text.len()) {
                pieces.push(text.get(copied..start).unwrap_or_default());
                copied = end;
            }
            if from > text.len() {
                break;
            }
        }
        pieces.push(text.get(copied..).unwrap_or_default());
        if limit == 0 {
            // A text without a match is a piece even when it is empty; one of separators alone has none.
            let is_split = pieces.len() > 1;
            while is_split && pieces.last().is_some_and(|it| it.is_empty()) {
                pieces.pop();
            }
        }
        Ok(pieces)
    }
}

/// Where the search goes on behind a match: an empty one must not be found again.
fn after(text: &str, start: usize, end: usize) -> usize {
    if end > start {
        return end;
    }
    end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

fn expand(replacement: &str, text: &str, groups: &Groups, out: &mut String) -> Result<(), String> {
    let mut characters = replacement.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, escaped)) => out.push(escaped),
                None => return Err("character to be escaped is missing".to_owned()),
            },
            '$' => {
                let Some(digit) = characters.next().and_then(|(_, it)| it.to_digit(10)) else {
                    return Err("Illegal group reference".to_owned());
                };
                let mut group = digit as usize;
                if group >= groups.len() {
                    return Err(format!("No group {group}"));
                }
                // Further digits belong to it as long as there is such a group.
                while let Some(digit) = characters.peek().and_then(|(_, it)| it.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= groups.len() {
                        break;
                    }
                    group = longer;
                    characters.next();
                }
                if let Some((start, end)) = groups.get(group).copied().flatten() {
                    out.push_str(text.get(start..end).unwrap_or_default());
                }
            }
            _ => out.push_str(&replacement[at..at + character.len_utf8()]),
        }
    }
    Ok(())
}

/// Java's words for what `regex` spells differently: `\Q..\E`, and classes that are ASCII in Java.
///
/// What Java does not know is refused here and not left to the engines: `fancy_regex` knows calls of groups
/// (`(?P>0)`, `\g<0>`), and takes all memory for one that calls itself.
fn translate(java: &str) -> Result<String, String> {
    let mut out = String::with_capacity(java.len() + 16);
    let mut characters = java.chars();
    let mut class_depth = 0_u32;
    while let Some(character) = characters.next() {
        match character {
            '[' => {
                class_depth += 1;
                out.push('[');
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                out.push(']');
            }
            // Escaped, so that it opens no group either where an engine sees another end of the class.
            '(' if class_depth > 0 => out.push_str("\\("),
            '(' => {
                if let Some(kind) = characters.as_str().strip_prefix('?')
                    && !is_group_of_java(kind)
                {
                    let kind: String = kind.chars().take(3).collect();
                    return Err(format!("there is no group `(?{kind}` in Java"));
                }
                out.push('(');
            }
            '\\' => {
                let Some(escaped) = characters.next() else {
                    out.push('\\');
                    break;
                };
                let rest = characters.as_str();
                let in_class = class_depth > 0;
                match escaped {
                    'Q' => {
                        let (quoted, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
                        out.push_str(&regex::escape(quoted));
                        characters = behind.chars();
                    }
                    'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                    'D' => out.push_str("[^0-9]"),
                    'w' => out.push_str(if in_class { "A-Za-z0-9_" } else { "[A-Za-z0-9_]" }),
                    'W' => out.push_str("[^A-Za-z0-9_]"),
                    's' => out.push_str(if in_class {
                        " \\t\\n\\x0B\\f\\r"
                    } else {
                        "[ \\t\\n\\x0B\\f\\r]"
                    }),
                    'S' => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
                    'h' => out.push_str(if in_class { " \\t" } else { "[ \\t]" }),
                    'R' => out.push_str("(?:\\r\\n|[\\n\\x0B\\f\\r])"),
                    'Z' => out.push_str("(?:\\n?\\z)"),
                    'p' if rest.starts_with('{') => {
                        let (name, behind) =
                            rest[1..].split_once('}').unwrap_or_else(|| (&rest[1..], ""));
                        let ascii = match name {
                            "Alpha" => "a-zA-Z",
                            "Digit" => "0-9",
                            "Alnum" => "a-zA-Z0-9",
                            "Lower" | "javaLowerCase" => "a-z",
                            "Upper" | "javaUpperCase" => "A-Z",
                            "Punct" => "!-/:-@\\[-`{-~",
                            "Space" => " \\t\\n\\x0B\\f\\r",
                            "XDigit" => "0-9a-fA-F",
                            _ => "",
                        };
                        if ascii.is_empty() {
                            out.push_str("\\p{");
                            out.push_str(name.strip_prefix("Is").unwrap_or(name));
                            out.push('}');
                        } else if in_class {
                            out.push_str(ascii);
                        } else {
                            out.push('[');
                            out.push_str(ascii);
                            out.push(']');
                        }
                        characters = behind.chars();
                    }
                    '/' | '"' | '\'' | ' ' | ':' | ',' | ';' | '=' | '!' | '@' | '%' | '_'
                    | '<' | '>' => {
                        out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
                    }
                    other if other.is_ascii_alphabetic() && !ESCAPES.contains(other) => {
                        return Err(format!("there is no `\\{other}` in Java"));
                    }
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// The letters that mean something behind a backslash in Java, besides those that are translated.
const ESCAPES: &str = "tnrfaecxuvVHbBAGzXkpPNE";

/// Whether `(?` and what follows open a group of Java's.
fn is_group_of_java(kind: &str) -> bool {
    let mut characters = kind.chars();
    match characters.next() {
        Some(':' | '=' | '!' | '>') => true,
        Some('<') => {
            characters.next().is_some_and(|it| it == '=' || it == '!' || it.is_ascii_alphabetic())
        }
        // Flags, for the rest or for a group.
        _ => {
            let rest = kind.trim_start_matches(|it| "idmsuxU-".contains(it));
            rest.len() < kind.len() && rest.starts_with([':', ')'])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_does_not_know_is_refused_before_an_engine_sees_it() {
        for pattern in [
            "(?P>0)",
            "a(?P>0)^^",
            "(a(?1))",
            "(?R)",
            "(?0)",
            "(?+1)(a)",
            "(?-1)",
            "(?&n)",
            "(?P<n>a)",
            "(?P=n)",
            "(?(1)a|b)",
            "(?~a)",
            "(?#c)",
            "(?",
            "(?i",
            r"(a)\g<0>",
            r"\g<1>",
            r"\Ka",
            r"[\g]",
        ] {
            for extent in [Extent::Whole, Extent::Part] {
                assert!(Pattern::compile(pattern, extent).is_err(), "{pattern}");
            }
        }
    }

    #[test]
    fn javas_groups_are_taken() {
        for (pattern, text, expected) in [
            ("(?:a)(?i)B", "ab", true),
            ("(?i:A)b", "ab", true),
            ("(?i-s:A)b", "aB", false),
            ("(?=a)ab", "ab", true),
            ("(?!b)ab", "ab", true),
            ("a(?<=a)b", "ab", true),
            ("a(?<!b)b", "ab", true),
            ("(?>a)b", "ab", true),
            (r"(?<n>a)\k<n>", "aa", true),
            ("[(?&R)]+", "(?&R)", true),
            ("[[(?R)]&&[^x]]+", "(?R)", true),
            (r"[\](?0)]+", "](?0)", true),
            (r"\(?R", "R", true),
        ] {
            let found = JavaPattern::compile(pattern).map(|it| it.matches(text));
            assert_eq!(found, Ok(expected), "{pattern}");
        }
    }

    proptest::proptest! {
        /// A pattern may come from a client: compiling it takes neither long nor much memory.
        #[test]
        fn any_text_is_a_pattern_or_refused(
            pattern in r"(\(|\(\?|\)|P>|[0R&<>=!:~#]|\[|\]|\\[a-zA-Z]|\*|\+|\{9\}|a|\||\^){0,30}",
            text in "[a0R]{0,9}",
        ) {
            for extent in [Extent::Whole, Extent::Part] {
                if let Ok(pattern) = Pattern::compile(&pattern, extent) {
                    let _ = pattern.is_match(&text);
                }
            }
        }
    }
}
