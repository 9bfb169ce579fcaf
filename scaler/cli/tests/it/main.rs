//! Tests against real programs: MariaDB, MySQL, Prometheus, its exporter. Where a program is missing, its tests say
//! so aloud and pass.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bootstrap;
#[cfg(test)]
mod check;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod compose;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod history;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod router;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod slot_load;
#[cfg(test)]
mod stalls;
#[cfg(test)]
mod up;
#[cfg(test)]
mod writes;
