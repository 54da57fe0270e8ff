//! The own candidate: an append-only log of checksummed batches in segments.
//!
//! `generation-N/00000001.seg` and so on; each segment is a header and then frames (see
//! [`frame`]). A sealed segment is cut to its used length and the header of its successor records
//! that length, so a short or overlong segment is noticed. Only the last frame of the last segment
//! may be torn: it is cut, with a note. Anything else is an error that names file and offset.

mod frame;
mod replay;
mod rewrite;
mod segment;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::{
    engine::{Engine, Options, Slot, Visit},
    record::Record,
};
use segment::Segment;

/// Where a record lies.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    segment: u32,
    offset: u32,
    length: u32,
}

/// The open log.
pub(crate) struct Log {
    dir: PathBuf,
    generation: u64,
    options: Options,
    segments: Vec<Segment>,
    notes: Vec<String>,
    frame: Vec<u8>,
}

impl Engine for Log {
    type Place = Place;

    fn open(dir: &Path, options: Options, visit: &mut Visit<'_, Place>) -> Result<Self> {
        let generation = rewrite::current_generation(dir)?;
        let mut log = Self::empty(dir, generation, options);
        log.segments = replay::open_segments(&log.generation_dir())?;
        for position in 0..log.segments.len() {
            let note = replay::replay(&mut log.segments, position, visit)?;
            log.notes.extend(note);
        }
        if log.segments.is_empty() {
            log.start_segment()?;
        }
        Ok(log)
    }

    fn append(&mut self, batch: &[Record<'_>], places: &mut Vec<Place>) -> Result<()> {
        self.write_batch(batch, places)?;
        self.active()?.sync()
    }

    fn read(&self, wanted: &[Slot<Place>], visit: &mut dyn FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut bytes = Vec::new();
        for slot in wanted {
            bytes.resize(slot.place.length as usize, 0);
            let segment = self.segment(slot.place.segment)?;
            segment.read(u64::from(slot.place.offset), &mut bytes)?;
            let record = frame::decode_record(&bytes)
                .with_context(|| segment.describe(u64::from(slot.place.offset)))?;
            visit(&record)?;
        }
        Ok(())
    }

    fn reclaim(&mut self, dead: &[u64], moved: &mut Visit<'_, Place>) -> Result<()> {
        rewrite::rewrite(self, dead, moved)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn close(mut self) -> Result<()> {
        self.active()?.seal()
    }
}

impl Log {
    fn empty(dir: &Path, generation: u64, options: Options) -> Self {
        Self {
            dir: dir.to_owned(),
            generation,
            options,
            segments: Vec::new(),
            notes: Vec::new(),
            frame: Vec::new(),
        }
    }

    fn generation_dir(&self) -> PathBuf {
        rewrite::generation_dir(&self.dir, self.generation)
    }

    /// One `pwrite`, no sync.
    fn write_batch(&mut self, batch: &[Record<'_>], places: &mut Vec<Place>) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.frame);
        let first = places.len();
        frame::encode(batch, &mut bytes, places)?;
        self.make_room(bytes.len() as u64)?;
        let number = u32::try_from(self.segments.len())?;
        let ahead = self.options.ahead;
        let start = self.active()?.append(&bytes, ahead)?;
        for place in &mut places[first..] {
            place.segment = number;
            place.offset += u32::try_from(start)?;
        }
        self.frame = bytes;
        Ok(())
    }

    fn make_room(&mut self, frame_bytes: u64) -> Result<()> {
        let limit = self.options.segment_bytes;
        let active = self.active()?;
        if active.is_empty() || active.used() + frame_bytes <= limit {
            return Ok(());
        }
        active.seal()?;
        self.start_segment()
    }

    fn start_segment(&mut self) -> Result<()> {
        let previous = self.segments.last().map_or(0, Segment::used);
        let number = u32::try_from(self.segments.len() + 1)?;
        self.segments.push(Segment::create(&self.generation_dir(), number, previous)?);
        Ok(())
    }

    fn active(&mut self) -> Result<&mut Segment> {
        self.segments.last_mut().context("log without segments")
    }

    fn segment(&self, number: u32) -> Result<&Segment> {
        ensure!(number > 0, "segments count from 1");
        self.segments.get(number as usize - 1).context("no such segment")
    }
}

/// Makes created, renamed and removed names durable.
fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)?.sync_all().with_context(|| format!("sync {}", dir.display()))
}

#[cfg(test)]
mod tests;
