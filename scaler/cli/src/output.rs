//! Where commands write: results to standard output, all that is for people to standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Stdout, Write};

/// Exit code of a command whose results nobody reads any more, as behind `| head`: what a shell tells of a program that
/// SIGPIPE ended.
pub const READER_GONE: u8 = 141;

#[derive(Debug, thiserror::Error)]
#[error("whoever read the results went away")]
struct ReaderGone;

/// Standard output. That its reader went away is told from every other pipe or connection that breaks
/// ([`is_reader_gone`]).
pub struct Results(Stdout);

/// Where results go.
pub fn results() -> Results {
    Results(io::stdout())
}

impl Write for Results {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

fn named(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => io::Error::new(ErrorKind::BrokenPipe, ReaderGone),
        _ => error,
    }
}

/// Whether a command ends because nobody reads its results any more, which is nothing to complain of.
pub fn is_reader_gone(error: &anyhow::Error) -> bool {
    let inner = |cause: &(dyn std::error::Error + 'static)| {
        let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
        Some(inner.is::<ReaderGone>())
    };
    error.chain().any(|cause| inner(cause) == Some(true))
}

/// Standard error. Whoever closed it does not want to know, and what was to be said is no reason to fail.
pub struct Notes;

impl Write for Notes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells people a line.
pub fn tell(line: impl Display) {
    // In one piece, beside other threads.
    let _ = Notes.write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;
    use crate::admin::AdminError;

    #[test]
    fn only_the_reader_of_results_may_go_away() {
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        let gone = |error: Result<(), AdminError>| is_reader_gone(&error.context("a command").unwrap_err());
        assert!(gone(Err(AdminError::Output(named(broken())))));
        let source = Box::new(AdminError::Output(named(broken())));
        assert!(gone(Err(AdminError::Statement { line: 1, source })));
        assert!(!gone(Err(AdminError::Output(named(ErrorKind::StorageFull.into())))));
        assert!(!gone(Err(AdminError::Input(broken()))), "another pipe");
    }
}
