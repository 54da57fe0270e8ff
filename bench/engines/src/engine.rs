//! The one trait all candidates implement.

use std::path::Path;

use anyhow::Result;

use crate::record::Record;

/// Receives records with the place they are stored at.
pub(crate) type Visit<'v, P> = dyn FnMut(&Record<'_>, P) -> Result<()> + 'v;

/// Ways for a log to get space ahead of its writes, 4 MiB at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ahead {
    /// `fallocate`: blocks are reserved and marked unwritten.
    Allocate,
    /// `ftruncate`: only the length grows.
    Length,
    /// Zeros are written and synced, so that later syncs change no metadata.
    Zeros,
    /// Nothing: every write makes the file longer.
    Nothing,
}

impl Ahead {
    /// In the order of the report; the position is the worker's argument.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("fallocate", Self::Allocate),
        ("set length", Self::Length),
        ("write zeros", Self::Zeros),
        ("nothing", Self::Nothing),
    ];
}

/// What the bench may vary when it opens an engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Segment size of the log engine.
    pub(crate) segment_bytes: u64,
    /// How the log engine gets space ahead of its writes.
    pub(crate) ahead: Ahead,
    /// Ask the engine to verify everything while opening, where it offers that.
    pub(crate) verify: bool,
}

impl Options {
    pub(crate) const DEFAULT: Self = Self { segment_bytes: 64 << 20, ahead: Ahead::Allocate, verify: false };
}

/// The block or page cache given to the engines that have one.
pub(crate) const CACHE_BYTES: usize = 64 << 20;

/// A revision and what its engine needs to find it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<P> {
    pub(crate) revision: u64,
    pub(crate) place: P,
}

/// A storage engine: revisions in, revisions out.
pub(crate) trait Engine: Sized {
    /// `()` where the revision alone finds the record.
    type Place: Copy + Default;

    /// Opens or creates the data in `dir` and visits every stored record in revision order.
    fn open(dir: &Path, options: Options, visit: &mut Visit<'_, Self::Place>) -> Result<Self>;

    /// Makes one group commit durable before it returns; one place per record is pushed.
    fn append(&mut self, batch: &[Record<'_>], places: &mut Vec<Self::Place>) -> Result<()>;

    /// Reads the wanted records in the order given, as one request.
    fn read(
        &self,
        wanted: &[Slot<Self::Place>],
        visit: &mut dyn FnMut(&Record<'_>) -> Result<()>,
    ) -> Result<()>;

    /// Removes the revisions in `dead` (ascending) and gives the space back to the file system.
    /// Records that end up elsewhere are passed to `moved`.
    fn reclaim(&mut self, dead: &[u64], moved: &mut Visit<'_, Self::Place>) -> Result<()>;

    /// Moves everything out of the engine's journal, where it has one.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// What recovery found worth saying.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// Clean shutdown.
    fn close(self) -> Result<()>;
}
