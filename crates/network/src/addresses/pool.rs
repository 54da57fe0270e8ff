//! Numbers below a size, given out once each; what was given back is given out last.

use std::collections::{HashSet, VecDeque};

/// Free and taken numbers. Memory follows what was ever taken, never the size.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    size: u32,
    /// Every number from here on that is not in `taken` was never given out.
    fresh: u32,
    taken: HashSet<u32>,
    /// Given back, the oldest first.
    returned: VecDeque<u32>,
}

impl Pool {
    pub(super) fn new(size: u32) -> Self {
        Self { size, fresh: 0, taken: HashSet::new(), returned: VecDeque::new() }
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Returns a free number. `None`: all are taken.
    pub(super) fn allocate(&mut self) -> Option<u32> {
        while self.fresh < self.size {
            let number = self.fresh;
            self.fresh += 1;
            if !self.returned.contains(&number) && self.taken.insert(number) {
                return Some(number);
            }
        }
        let number = self.returned.pop_front()?;
        self.taken.insert(number);
        Some(number)
    }

    /// Takes a given number. Whether it was free.
    pub(super) fn claim(&mut self, number: u32) -> bool {
        self.returned.retain(|free| *free != number);
        self.taken.insert(number)
    }

    /// Gives a number back. Whether it was taken.
    pub(super) fn release(&mut self, number: u32) -> bool {
        let was = self.taken.remove(&number);
        if was {
            self.returned.push_back(number);
        }
        was
    }
}
