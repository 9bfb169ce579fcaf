use clap::CommandFactory;

use super::*;
use crate::run::WRONG_USAGE;

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split(' ')).unwrap()
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_has_its_environment_variable() {
    let root = Cli::command();
    let commands = std::iter::once(&root).chain(root.get_subcommands());
    let mut seen = 0;
    for argument in commands.flat_map(clap::Command::get_arguments) {
        let Some(long) = argument.get_long().filter(|long| !matches!(*long, "help" | "version")) else { continue };
        let expected = format!("SQL_AUTOSCALER_{}", long.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{long}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn the_commands_of_the_interface_are_there() {
    let root = Cli::command();
    let names: Vec<&str> = root.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(
        names,
        [
            "up",
            "router",
            "scaler",
            "demo",
            "check",
            "ready",
            "status",
            "shards",
            "moves",
            "decisions",
            "explain",
            "scale-out",
            "drain",
            "pause",
            "resume",
            "query",
            "replay"
        ]
    );
}

#[test]
fn global_flags_stand_before_or_after_the_command() {
    for line in
        ["sql-autoscaler --data-dir /d --log-format json up", "sql-autoscaler up --log-format json --data-dir /d"]
    {
        let cli = parse(line);
        assert_eq!((cli.data_dir.to_str(), cli.log_format), (Some("/d"), LogFormat::Json));
    }
    let cli = parse("sql-autoscaler");
    assert!(cli.command.is_none());
    assert_eq!(cli.data_dir.to_str(), Some("data"));
}

#[test]
fn config_may_have_one_dash() {
    let rewritten = |line: &str| {
        let read = with_long_config(line.split(' ').map(OsString::from));
        read.into_iter().map(|argument| argument.into_string().unwrap()).collect::<Vec<_>>().join(" ")
    };
    for line in ["s -config f up", "s -config=f up", "s up -config f", "s check --json -config f", "s -config f"] {
        let cli = Cli::try_parse_from(with_long_config(line.split(' ').map(OsString::from))).unwrap();
        assert_eq!(cli.config.as_deref(), Some(std::path::Path::new("f")), "{line}");
    }
    assert_eq!(rewritten("s --config f query"), "s --config f query");
    // Neither a parameter's value, nor what stands behind the end of the flags, nor another word.
    for line in ["s query SELECT --param -config", "s query -- -config", "s drain -configure", "s -con f"] {
        assert_eq!(rewritten(line), line);
    }
}

#[test]
fn query_takes_parameters_only_with_its_sql() {
    let Some(Command::Query(query)) = parse("sql-autoscaler query SELECT --param -5 --param x --format csv").command
    else {
        panic!("not a query")
    };
    assert_eq!((query.param.as_slice(), query.format), (&["-5".to_owned(), "x".to_owned()][..], Format::Csv));
    assert!(Cli::try_parse_from(["sql-autoscaler", "query", "--param", "1"]).is_err());
}

#[test]
fn check_repairs_only_when_told_to() {
    let check = |line: &str| match parse(line).command {
        Some(Command::Check(check)) => check.as_repair(),
        other => panic!("not a check: {other:?}"),
    };
    assert_eq!(check("sql-autoscaler check --json"), None);
    assert_eq!(check("sql-autoscaler check --dry-run"), None);
    assert_eq!(check("sql-autoscaler check --repair"), Some(Repair::Remove));
    assert_eq!(check("sql-autoscaler check --repair --dry-run"), Some(Repair::DryRun));
}

#[test]
fn wrong_usage_is_an_error_of_clap() {
    for line in [&["sql-autoscaler", "fly"][..], &["sql-autoscaler", "drain"], &["sql-autoscaler", "replay"]] {
        assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), i32::from(WRONG_USAGE));
    }
}

#[test]
fn a_services_level_is_that_of_all_its_parts() {
    let of = |level: &str| Cli::try_parse_from(["sql-autoscaler", "--log-level", level]).unwrap().log_directives();
    assert_eq!(of("info"), "info");
    assert_eq!(of("info,router=debug"), "info,router=debug,keyspace=debug,door=debug");
    assert_eq!(of("scaler=trace,sqlx=warn"), "scaler=trace,moves=trace,keyspace=trace,door=trace,sqlx=warn");
}
