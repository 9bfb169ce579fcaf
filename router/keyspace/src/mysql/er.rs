//! Error numbers of servers, by the names that both give them (`ER_` left out).

/// A row changed since the snapshot was taken (MariaDB with innodb_snapshot_isolation).
pub const CHECKREAD: u16 = 1020;
pub const DBACCESS_DENIED: u16 = 1044;
pub const ACCESS_DENIED: u16 = 1045;
/// No such database.
pub const BAD_DB: u16 = 1049;
pub const TABLE_EXISTS: u16 = 1050;
/// No such table to drop.
pub const BAD_TABLE: u16 = 1051;
pub const SERVER_SHUTDOWN: u16 = 1053;
pub const WRONG_FIELD_WITH_GROUP: u16 = 1055;
pub const DUP_FIELDNAME: u16 = 1060;
pub const DUP_KEYNAME: u16 = 1061;
pub const DUP_ENTRY: u16 = 1062;
pub const PARSE_ERROR: u16 = 1064;
/// An index names a column that the table lacks.
pub const KEY_COLUMN_DOES_NOT_EXIST: u16 = 1072;
pub const CANT_DROP_FIELD_OR_KEY: u16 = 1091;
pub const KILL_DENIED: u16 = 1095;
pub const WRONG_TABLE_NAME: u16 = 1103;
pub const UNKNOWN_TABLE: u16 = 1109;
/// The table is full.
pub const RECORD_FILE_FULL: u16 = 1114;
pub const HOST_NOT_PRIVILEGED: u16 = 1130;
pub const WRONG_VALUE_COUNT_ON_ROW: u16 = 1136;
/// A temporary table is named twice.
pub const CANT_REOPEN_TABLE: u16 = 1137;
pub const MIX_OF_GROUP_FUNC_AND_FIELDS: u16 = 1140;
pub const TABLEACCESS_DENIED: u16 = 1142;
pub const COLUMNACCESS_DENIED: u16 = 1143;
pub const NO_SUCH_TABLE: u16 = 1146;
/// The transaction lives on.
pub const LOCK_WAIT_TIMEOUT: u16 = 1205;
/// The transaction is rolled back.
pub const LOCK_DEADLOCK: u16 = 1213;
pub const USER_LIMIT_REACHED: u16 = 1226;
pub const SPECIFIC_ACCESS_DENIED: u16 = 1227;
/// The server's settings, as read_only, do not allow it.
pub const OPTION_PREVENTS_STATEMENT: u16 = 1290;
pub const SP_ALREADY_EXISTS: u16 = 1304;
pub const SP_DOES_NOT_EXIST: u16 = 1305;
/// A statement was ended by KILL QUERY.
pub const QUERY_INTERRUPTED: u16 = 1317;
pub const TRG_ALREADY_EXISTS: u16 = 1359;
pub const PROCACCESS_DENIED: u16 = 1370;
/// There is no such branch, or its session lives.
pub const XAER_NOTA: u16 = 1397;
/// MySQL shows no branches without XA_RECOVER_ADMIN.
pub const XAER_RMERR: u16 = 1401;
pub const CANT_CREATE_USER_WITH_GRANT: u16 = 1410;
pub const BINLOG_UNSAFE_ROUTINE: u16 = 1418;
pub const BINLOG_CREATE_ROUTINE_NEED_SUPER: u16 = 1419;
/// No such definer.
pub const NO_SUCH_USER: u16 = 1449;
pub const XA_RBTIMEOUT: u16 = 1613;
pub const XA_RBDEADLOCK: u16 = 1614;
pub const SIGNAL_EXCEPTION: u16 = 1644;
pub const DATA_OUT_OF_RANGE: u16 = 1690;
pub const ACCESS_DENIED_NO_PASSWORD: u16 = 1698;
pub const CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: u16 = 1792;
/// MariaDB.
pub const CONNECTION_KILLED: u16 = 1927;
/// MariaDB.
pub const STATEMENT_TIMEOUT: u16 = 1969;
/// MySQL.
pub const QUERY_TIMEOUT: u16 = 3024;
/// MySQL.
pub const SESSION_WAS_KILLED: u16 = 3169;
/// MySQL.
pub const LOCK_NOWAIT: u16 = 3572;
/// A CHECK is violated (MariaDB).
pub const CONSTRAINT_FAILED: u16 = 4025;
/// MySQL ended a session that was idle.
pub const CLIENT_INTERACTION_TIMEOUT: u16 = 4031;
/// Temporary tables are not allowed within XA transactions.
pub const XA_TEMP_TABLE: u16 = 4091;
/// MariaDB.
pub const UNKNOWN_DATA_TYPE: u16 = 4161;
