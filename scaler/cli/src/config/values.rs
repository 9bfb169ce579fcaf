//! Values of a form that several keys have.

use std::time::Duration;

use keyspace::endpoint::{DsnError, Endpoint};

use super::json::{Object, Value};

/// A year, in seconds: longer waits are typing mistakes, and all of these fit a `Duration` with room.
pub const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;

/// The servers of a list of DSNs, or of the lines of a file. `None`: neither key is there. `misfit` says what is wrong
/// with a server, if anything is.
pub fn dsns(
    object: &mut Object<'_>,
    key: &'static str,
    file_key: &'static str,
    misfit: &dyn Fn(&Endpoint) -> Option<&'static str>,
) -> Option<Vec<Endpoint>> {
    let (list, file) = (object.take_optional(key), object.take_optional(file_key));
    let endpoint = |value: &Value<'_>, dsn: &str| {
        let parsed = Endpoint::parse(dsn).map_err(|error| dsn_mistake(&error));
        let fitting = parsed.and_then(|endpoint| match misfit(&endpoint) {
            Some(misfit) => Err(misfit.to_owned()),
            None => Ok(endpoint),
        });
        fitting.map_err(|message| value.mistake(message)).ok()
    };
    match (list, file) {
        (Some(_), Some(file)) => {
            file.mistake(format!("`{key}` and `{file_key}` exclude each other"));
            Some(Vec::new())
        }
        (Some(list), None) => {
            let values = list.list().unwrap_or_default();
            Some(values.iter().filter_map(|value| endpoint(value, &value.text()?)).collect())
        }
        (None, Some(file)) => {
            let text = file.file_text().unwrap_or_default();
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Some(lines.filter_map(|line| endpoint(&file, line)).collect())
        }
        (None, None) => None,
    }
}

/// In a DSN that was cut at the wrong place anything may be a piece of the password, so what was found is not said.
pub fn dsn_mistake(error: &DsnError) -> String {
    match error {
        DsnError::Port(_) => "the port in the DSN is not a number from 0 to 65535".to_owned(),
        DsnError::Parameter(_) => "the DSN has a parameter other than ssl-mode".to_owned(),
        DsnError::SslMode(_) => {
            "the DSN's ssl-mode is not one of disabled, preferred, required, verify_ca, verify_identity".to_owned()
        }
        DsnError::Form | DsnError::NoDatabase | DsnError::PercentEncoding => error.to_string(),
    }
}

/// A time of at least so many seconds.
pub fn seconds(value: &Value<'_>, expected: &str, least: f64) -> Option<Duration> {
    value.number(expected, |number| (least..=LONGEST_SECONDS).contains(&number)).map(Duration::from_secs_f64)
}
