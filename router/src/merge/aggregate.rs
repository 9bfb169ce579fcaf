//! Adding up what each shard aggregated over its own rows.

use std::cmp::Ordering;
use std::collections::HashMap;

use keyspace::literal::Kind;

use super::compare::{Compare, write_group_key};
use super::decimal::{Decimal, Division};
use crate::cells::{Column, Row, write_double};

/// How one column of the answer comes from the columns of the shards' rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The sum of the shards' COUNTs.
    Count {
        index: usize,
    },
    /// The sum of the shards' SUMs; NULL where all are. Exact for DECIMAL, which SUM gives for every exact number.
    ///
    /// A shard prints its SUM rounded to the scale of the type. That loses nothing for columns, their sums,
    /// differences and products; but a division carries digits that are not printed, so SUM and AVG of one cannot
    /// be put together from parts: SUM(d/3) over three ones in three shards would give 0.99999, where one MariaDB
    /// gives 1.00000.
    Sum {
        index: usize,
    },
    Min {
        index: usize,
        compare: Compare,
    },
    Max {
        index: usize,
        compare: Compare,
    },
    /// AVG from the shards' SUM and COUNT of the same argument; NULL where the count is 0.
    Avg {
        sum: usize,
        count: usize,
    },
    /// The value in the group's first row: for columns that the group determines.
    First {
        index: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    #[error("merging needs more than {limit} groups held at once")]
    TooManyRows { limit: usize },
    #[error("column {index} of a shard's answer is not a number")]
    NotANumber { index: usize },
    /// No server defines what comes then: both print more digits or 65 nines, by execution plan.
    #[error("the sum in column {index} is out of the range of its type")]
    OutOfRange { index: usize },
}

/// Hash aggregation with a bound on the number of groups.
#[derive(Debug)]
pub struct Groups {
    keys: Vec<(usize, Compare)>,
    aggregates: Vec<Aggregate>,
    /// The kinds of the columns of the shards' rows.
    kinds: Vec<Kind>,
    division: Division,
    max_held_rows: usize,
    positions: HashMap<Box<[u8]>, usize>,
    groups: Vec<Vec<State>>,
    /// The key of the row at hand, kept to spare an allocation for each row of a known group.
    key: Vec<u8>,
}

impl Groups {
    /// `columns` are those of the shards' rows. Without `keys` all rows make one group.
    pub fn new(
        keys: Vec<(usize, Compare)>,
        aggregates: Vec<Aggregate>,
        columns: &[Column],
        division: Division,
        max_held_rows: usize,
    ) -> Self {
        Self {
            keys,
            aggregates,
            kinds: columns.iter().map(|column| column.kind).collect(),
            division,
            max_held_rows,
            positions: HashMap::new(),
            groups: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Takes a row of a shard's answer. After an error the groups are of no use.
    ///
    /// # Panics
    /// When a key or an aggregate names a column that the row does not have.
    pub fn push(&mut self, row: &impl Row) -> Result<(), MergeError> {
        self.key.clear();
        write_group_key(&mut self.key, &self.keys, row);
        let position = match self.positions.get(self.key.as_slice()) {
            Some(&position) => position,
            None => self.open_group(row)?,
        };
        self.groups[position].iter_mut().try_for_each(|state| state.add(row))
    }

    /// The answer: a row for each group in the order in which they were first seen, a cell for each aggregate, as
    /// the server would print it. No rows when none was taken: without GROUP BY it is each shard that sends one.
    pub fn finish(self) -> Result<Vec<Vec<Option<Vec<u8>>>>, MergeError> {
        let division = self.division;
        let finish_group = |states: Vec<State>| states.into_iter().map(|state| state.finish(division)).collect();
        self.groups.into_iter().map(finish_group).collect()
    }

    fn open_group(&mut self, first_row: &impl Row) -> Result<usize, MergeError> {
        if self.groups.len() >= self.max_held_rows {
            return Err(MergeError::TooManyRows { limit: self.max_held_rows });
        }
        let position = self.groups.len();
        self.positions.insert(self.key.as_slice().into(), position);
        let states = self.aggregates.iter().map(|&aggregate| State::open(aggregate, &self.kinds, first_row));
        self.groups.push(states.collect());
        Ok(position)
    }
}

/// What one aggregate of one group has come to so far.
#[derive(Debug)]
enum State {
    Count {
        index: usize,
        count: u64,
    },
    Sum {
        index: usize,
        sum: Sum,
    },
    /// `wanted` is how a better value compares with the one held.
    Extreme {
        index: usize,
        compare: Compare,
        wanted: Ordering,
        value: Option<Vec<u8>>,
    },
    Average {
        sum_index: usize,
        count_index: usize,
        sum: Sum,
        count: u64,
    },
    First {
        value: Option<Vec<u8>>,
    },
}

impl State {
    /// The state before the group's first row was added.
    fn open(aggregate: Aggregate, kinds: &[Kind], first_row: &impl Row) -> Self {
        match aggregate {
            Aggregate::Count { index } => Self::Count { index, count: 0 },
            Aggregate::Sum { index } => Self::Sum { index, sum: Sum::of(kinds[index]) },
            Aggregate::Min { index, compare } => Self::Extreme { index, compare, wanted: Ordering::Less, value: None },
            Aggregate::Max { index, compare } => {
                Self::Extreme { index, compare, wanted: Ordering::Greater, value: None }
            }
            Aggregate::Avg { sum, count } => {
                Self::Average { sum_index: sum, count_index: count, sum: Sum::of(kinds[sum]), count: 0 }
            }
            Aggregate::First { index } => Self::First { value: first_row.cell(index).map(<[u8]>::to_vec) },
        }
    }

    fn add(&mut self, row: &impl Row) -> Result<(), MergeError> {
        match self {
            Self::Count { index, count } => *count = add_count(*count, row, *index)?,
            Self::Sum { index, sum } => sum.add(row, *index)?,
            Self::Extreme { index, compare, wanted, value } => {
                let Some(cell) = row.cell(*index) else { return Ok(()) };
                match value {
                    Some(held) if compare.cells(cell, held) == *wanted => {
                        held.clear();
                        held.extend_from_slice(cell);
                    }
                    Some(_) => {}
                    None => *value = Some(cell.to_vec()),
                }
            }
            Self::Average { sum_index, count_index, sum, count } => {
                sum.add(row, *sum_index)?;
                *count = add_count(*count, row, *count_index)?;
            }
            Self::First { .. } => {}
        }
        Ok(())
    }

    fn finish(self, division: Division) -> Result<Option<Vec<u8>>, MergeError> {
        match self {
            Self::Count { count, .. } => Ok(Some(count.to_string().into_bytes())),
            Self::Sum { index, sum } => sum.checked(index).map(Sum::into_cell),
            Self::Extreme { value, .. } | Self::First { value } => Ok(value),
            Self::Average { count: 0, .. } => Ok(None),
            Self::Average { sum_index, sum, count, .. } => Ok(sum.checked(sum_index)?.into_average(count, division)),
        }
    }
}

fn add_count(count: u64, row: &impl Row, index: usize) -> Result<u64, MergeError> {
    let text = row.cell(index).and_then(|cell| std::str::from_utf8(cell).ok());
    let more: u64 = text.and_then(|text| text.parse().ok()).ok_or(MergeError::NotANumber { index })?;
    count.checked_add(more).ok_or(MergeError::OutOfRange { index })
}

/// A sum in the arithmetic of its type; `None` while every summand was NULL.
#[derive(Debug)]
enum Sum {
    Exact(Option<Decimal>),
    Double(Option<f64>),
}

impl Sum {
    /// The empty sum of a column of SUMs. Servers give exact numbers a DECIMAL and everything else a DOUBLE; cells
    /// of other kinds are not numbers and refused when they come.
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Float | Kind::Double => Self::Double(None),
            Kind::Integer
            | Kind::Unsigned
            | Kind::Decimal
            | Kind::Text
            | Kind::Enum
            | Kind::Set
            | Kind::Binary
            | Kind::Bit
            | Kind::Date
            | Kind::Time
            | Kind::DateTime
            | Kind::Year
            | Kind::Json
            | Kind::Geometry
            | Kind::Null => Self::Exact(None),
        }
    }

    fn add(&mut self, row: &impl Row, index: usize) -> Result<(), MergeError> {
        let Some(cell) = row.cell(index) else { return Ok(()) };
        let not_a_number = MergeError::NotANumber { index };
        match self {
            Self::Exact(sum) => {
                let summand = Decimal::parse(cell).ok_or(not_a_number)?;
                match sum {
                    Some(sum) => sum.add(summand),
                    None => *sum = Some(summand),
                }
            }
            Self::Double(sum) => {
                let text = std::str::from_utf8(cell).map_err(|_| not_a_number)?;
                let summand: f64 = text.parse().map_err(|_| not_a_number)?;
                *sum = Some(sum.map_or(summand, |sum| sum + summand));
            }
        }
        Ok(())
    }

    /// Refuses a sum that the server's type cannot hold.
    fn checked(self, index: usize) -> Result<Self, MergeError> {
        let in_range = match &self {
            Self::Exact(sum) => sum.as_ref().is_none_or(Decimal::fits),
            Self::Double(sum) => sum.is_none_or(f64::is_finite),
        };
        if in_range { Ok(self) } else { Err(MergeError::OutOfRange { index }) }
    }

    fn into_cell(self) -> Option<Vec<u8>> {
        match self {
            Self::Exact(sum) => sum.map(|sum| sum.to_cell()),
            Self::Double(sum) => sum.map(double_cell),
        }
    }

    /// `count` is not zero.
    fn into_average(self, count: u64, division: Division) -> Option<Vec<u8>> {
        match self {
            Self::Exact(sum) => sum.map(|sum| sum.average(count, division)),
            Self::Double(sum) => sum.map(|sum| double_cell(sum / count as f64)),
        }
    }
}

fn double_cell(value: f64) -> Vec<u8> {
    let mut cell = Vec::new();
    write_double(&mut cell, value);
    cell
}

#[cfg(test)]
mod tests;
