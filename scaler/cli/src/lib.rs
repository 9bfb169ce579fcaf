//! The command line of `sql-autoscaler`: from arguments and a configuration to services and answers.

pub mod args;
pub mod run;

pub mod admin;
mod check;
pub mod config;
mod demo;
mod instances;
pub mod output;
pub mod parts;
mod services;
mod shutdown;
pub mod up;
