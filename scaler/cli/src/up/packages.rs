//! Programs that Debian packages bring.

use std::path::PathBuf;

use super::error::UpError;

/// Where a program is that a Debian package brings.
pub fn find(names: &'static [&'static str], package: &'static str) -> Result<PathBuf, UpError> {
    backends::find_program(names).ok_or(UpError::ProgramMissing { names, package })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_tells_its_package() {
        static NAMES: [&str; 2] = ["no-such-program", "nor-this-one"];
        insta::assert_snapshot!(find(&NAMES, "some-package").unwrap_err(), @r"no no-such-program or nor-this-one found: install the Debian package `some-package`");
    }
}
