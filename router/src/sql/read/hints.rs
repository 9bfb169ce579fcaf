//! Optimizer hints, which are comments to everything else.

use super::error::SqlError;

/// Hints that are settings: for their statement, and some of them for what comes after it on the connection.
const SETTING_HINTS: [&str; 2] = ["SET_VAR", "RESOURCE_GROUP"];

/// Refuses a comment that is a hint which sets something. What a hint may say otherwise does not change what is answered.
pub fn check_hint(comment: &str) -> Result<(), SqlError> {
    let is_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '$');
    let mut words = comment.split(|char| !is_word(char));
    let setting = words.find(|word| SETTING_HINTS.iter().any(|hint| word.eq_ignore_ascii_case(hint)));
    match setting {
        Some(hint) if comment.starts_with("/*+") => Err(SqlError::not_allowed(
            format!("the hint {}", hint.to_uppercase()),
            "the router pins settings, as it reads SQL by them",
        )),
        Some(_) | None => Ok(()),
    }
}
