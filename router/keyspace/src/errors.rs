//! Errors as people read them.

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string);
    causes.fold(error.to_string(), |text, cause| {
        // Some libraries say their cause themselves.
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}
