//! Moves against real servers. Without a server on the machine the tests say so and pass.

#[cfg(test)]
mod keys;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod servers;
