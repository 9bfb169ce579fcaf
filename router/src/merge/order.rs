//! Merging rows that each shard already sorted, and cutting LIMIT and OFFSET.

use std::cmp::Ordering;

use super::compare::{OrderKey, compare_rows};
use crate::cells::Row;

/// A k-way merge that someone else feeds: it says which input it needs, and is given that input's next row.
///
/// Rows that compare equal come out by the number of their input, and within an input in its own order.
///
/// ```text
/// while let Some(input) = merge.needs() { merge.offer(input, next_row_of(input)) }
/// merge.pop()
/// ```
#[derive(Debug)]
pub struct KWay<R> {
    keys: Vec<OrderKey>,
    heads: Vec<Head<R>>,
    /// Inputs that hold a row, as a binary heap with the least row on top.
    heap: Vec<usize>,
    /// Inputs whose next row is not known yet.
    wanted: Vec<usize>,
}

#[derive(Debug)]
enum Head<R> {
    Wanted,
    Row(R),
    Exhausted,
}

impl<R: Row> KWay<R> {
    /// A merge of `inputs` inputs, numbered from 0, each sorted by `keys`.
    pub fn new(inputs: usize, keys: Vec<OrderKey>) -> Self {
        Self {
            keys,
            heads: (0..inputs).map(|_| Head::Wanted).collect(),
            heap: Vec::with_capacity(inputs),
            wanted: (0..inputs).rev().collect(),
        }
    }

    /// An input that has to be fed before the next [`KWay::pop`], if there is one.
    pub fn needs(&self) -> Option<usize> {
        self.wanted.last().copied()
    }

    /// Feeds the next row of an input, or `None` when it has no more.
    ///
    /// # Panics
    /// When the input's next row is not wanted: it was fed already, has ended or does not exist.
    pub fn offer(&mut self, input: usize, row: Option<R>) {
        let position = self.wanted.iter().position(|&wanted| wanted == input);
        self.wanted.remove(position.expect("only inputs whose next row is wanted are fed"));
        match row {
            Some(row) => {
                self.heads[input] = Head::Row(row);
                self.heap.push(input);
                self.sift_up();
            }
            None => self.heads[input] = Head::Exhausted,
        }
    }

    /// The next row in order; `None` when all inputs have ended.
    ///
    /// # Panics
    /// While [`KWay::needs`] names an input, because the next row may be that input's.
    pub fn pop(&mut self) -> Option<R> {
        assert!(self.wanted.is_empty(), "every input is fed before a row is taken");
        if self.heap.is_empty() {
            return None;
        }
        let input = self.heap.swap_remove(0);
        self.sift_down();
        self.wanted.push(input);
        match std::mem::replace(&mut self.heads[input], Head::Wanted) {
            Head::Row(row) => Some(row),
            Head::Wanted | Head::Exhausted => unreachable!("the heap holds only inputs with a row"),
        }
    }

    fn sift_up(&mut self) {
        let mut child = self.heap.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if self.is_before(self.heap[parent], self.heap[child]) {
                break;
            }
            self.heap.swap(parent, child);
            child = parent;
        }
    }

    fn sift_down(&mut self) {
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            if left >= self.heap.len() {
                break;
            }
            let least = match right < self.heap.len() && self.is_before(self.heap[right], self.heap[left]) {
                true => right,
                false => left,
            };
            if self.is_before(self.heap[parent], self.heap[least]) {
                break;
            }
            self.heap.swap(parent, least);
            parent = least;
        }
    }

    fn is_before(&self, left: usize, right: usize) -> bool {
        match (&self.heads[left], &self.heads[right]) {
            (Head::Row(left_row), Head::Row(right_row)) => {
                compare_rows(&self.keys, left_row, right_row).then(left.cmp(&right)) == Ordering::Less
            }
            _ => unreachable!("the heap holds only inputs with a row"),
        }
    }
}

/// LIMIT and OFFSET over rows that come one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows still to be left out.
    offset: u64,
    /// Rows still to be let through; `None` is no limit.
    limit: Option<u64>,
}

impl Window {
    pub fn new(offset: u64, limit: Option<u64>) -> Self {
        Self { offset, limit }
    }

    /// Whether no further row will be admitted, so that none needs to be fetched.
    pub fn is_closed(&self) -> bool {
        self.limit == Some(0)
    }

    /// Counts the next row, and says whether it belongs to the answer.
    pub fn admits(&mut self) -> bool {
        if self.is_closed() {
            return false;
        }
        if self.offset > 0 {
            self.offset -= 1;
            return false;
        }
        self.limit = self.limit.map(|limit| limit - 1);
        true
    }
}

#[cfg(test)]
mod tests;
