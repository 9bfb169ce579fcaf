//! Settings of a session for the length of a few statements.

/// What lets every value in that another table holds already, as a dump's restore does.
pub const LENIENT: &str = "SET @_autoscaler_mode = @@sql_mode, sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'";
/// Ends what [`LENIENT`] begins.
pub const AS_BEFORE: &str = "SET sql_mode = @_autoscaler_mode";
