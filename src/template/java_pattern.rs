//! Java's `Pattern.matches` for those outside of this folder: selection patterns of integration responses.

use super::pattern::{Extent, Pattern};

/// A regular expression in Java's dialect that a whole text must match.
#[derive(Debug)]
pub struct JavaPattern(Pattern);

impl JavaPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it is none, or one that cannot be run here.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        Pattern::compile(pattern, Extent::Whole).map(Self)
    }

    /// Whether it matches the whole text. One that would have to go back too often does not.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_must_match_and_a_dot_is_no_newline() {
        for (pattern, text, expected) in [
            (r"4\d{2}", "404", true),
            (r"4\d{2}", "4040", false),
            (r"4\d{2}", "1404", false),
            ("200", "200", true),
            (".*four hundred.*", "say four hundred!", true),
            (".*four hundred.*", "line\nfour hundred", false),
            (r"(\n|.)+", "line\nfour hundred", true),
            (r"(?!5)\d+", "404", true),
            (r"(?!5)\d+", "504", false),
            (r"\Q4.4\E", "4.4", true),
            ("a|b", "ab", false),
        ] {
            let compiled = JavaPattern::parse(pattern).unwrap();
            assert_eq!(compiled.is_match(text), expected, "{pattern} {text}");
        }
        assert!(JavaPattern::parse("(").is_err());
    }
}
