//! Stage variables: which names and values there can be.

use crate::aws::Fault;
use crate::resources::rest::Map;

/// Characters of a name at most (the service's limit).
const NAME_MAX: usize = 64;

/// Characters of a value at most (the service's limit).
const VALUE_MAX: usize = 512;

/// Variables of a stage at most (the service's limit).
const COUNT_MAX: usize = 100;

/// Whether all these can be a stage's variables together.
///
/// # Errors
/// 400: a name or value has other characters, or there are too many.
pub(in super::super) fn check(variables: &Map) -> Result<(), Fault> {
    for (name, value) in variables {
        check_one(name, value)?;
    }
    check_count(variables)
}

/// Whether there are not too many.
///
/// # Errors
/// 400: more than 100.
pub(super) fn check_count(variables: &Map) -> Result<(), Fault> {
    if variables.len() > COUNT_MAX {
        return Err(Fault::bad_request(format!(
            "A stage can have at most {COUNT_MAX} stage variables"
        )));
    }
    Ok(())
}

/// Whether this can be a variable.
///
/// # Errors
/// 400: the name or value has other characters, or is too long or empty.
pub(super) fn check_one(name: &str, value: &str) -> Result<(), Fault> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_word) {
        return Err(Fault::bad_request(format!(
            "Invalid stage variable name: {name}. Please use names with only word characters."
        )));
    }
    // The documentation has `~` and `#`, the refusal has the blank: all are let through.
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b" -._~:/?#&=,".contains(&byte);
    if value.is_empty() || value.len() > VALUE_MAX || !value.bytes().all(is_known) {
        // The quotes are uneven in Amazon's text.
        return Err(Fault::bad_request(format!(
            "Invalid stage variable value: {value}.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
        )));
    }
    Ok(())
}
