//! Floating-point numbers in their shortest form.

use std::io::Write;

/// Writes the shortest number that reads back as `value`: plain digits from 1e-15 up to 1e15, an exponent beyond,
/// as MySQL does. `value` is finite, as every MySQL DOUBLE is.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if size == 0.0 || (1e-15..1e15).contains(&size) {
        write!(out, "{value}").expect("a Vec takes every write");
    } else {
        write!(out, "{value:e}").expect("a Vec takes every write");
    }
}

/// [`write_double`] for a FLOAT, whose shortest form has fewer digits than that of the same value as a DOUBLE.
pub(super) fn write_float(out: &mut Vec<u8>, value: f32) {
    let size = value.abs();
    if size == 0.0 || (1e-15..1e15).contains(&size) {
        write!(out, "{value}").expect("a Vec takes every write");
    } else {
        write!(out, "{value:e}").expect("a Vec takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(value: f64) -> String {
        let mut out = Vec::new();
        write_double(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn float(value: f32) -> String {
        let mut out = Vec::new();
        write_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_doubles_as_the_server_does() {
        // Each text is what MariaDB 10.11 prints for the value.
        for text in [
            "0",
            "100",
            "100000000000000",
            "999999999999999",
            "1e15",
            "1.5e15",
            "1.234567890123456e15",
            "9.999999999999998e16",
            "1e22",
            "0.0001",
            "0.00001",
            "0.000000000000001",
            "0.0000000000000015",
            "0.00000000012345678901234568",
            "1e-16",
            "5e-324",
            "1.5e308",
            "-1.2345678901234568e-300",
            "0.30000000000000004",
        ] {
            assert_eq!(double(text.parse().unwrap()), text);
        }
        assert_eq!(double(-0.0), "-0");
    }

    #[test]
    fn prints_floats_with_their_own_digits() {
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(16777200.0), "16777200");
        assert_eq!(float(1.17549e-38), "1.17549e-38");
    }
}
