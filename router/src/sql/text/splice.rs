//! Edits of a statement's text.

use std::ops::Range;

/// The text with each range, none of which overlaps another, replaced.
pub fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let taken_out: usize = edits.iter().map(|(range, _)| range.len()).sum();
    let put_in: usize = edits.iter().map(|(_, replacement)| replacement.len()).sum();
    let mut spliced = String::with_capacity(text.len() + put_in - taken_out);
    let mut end = 0;
    for (range, replacement) in edits {
        spliced.push_str(&text[end..range.start]);
        spliced.push_str(&replacement);
        end = range.end;
    }
    spliced.push_str(&text[end..]);
    spliced
}
