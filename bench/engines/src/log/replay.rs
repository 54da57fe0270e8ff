//! Start-up: visits every record, tells a torn tail from damage.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Place, frame,
    segment::{self, Segment},
};
use crate::engine::Visit;

/// Opens all segments of a generation and checks that none is missing.
pub(super) fn open_segments(dir: &Path) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for (position, path) in segment_paths(dir)?.into_iter().enumerate() {
        let number = u32::try_from(position + 1)?;
        segments.push(Segment::open(path, number)?);
    }
    for pair in segments.windows(2) {
        let (want, got) = (pair[1].previous_length, pair[0].used());
        ensure!(
            want == got,
            "{}: the file is {got} bytes long, its successor says {want}",
            pair[0].describe(want.min(got))
        );
    }
    Ok(segments)
}

fn segment_paths(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Visits the records of one segment. Returns a note if a torn tail was cut.
pub(super) fn replay(
    segments: &mut [Segment],
    position: usize,
    visit: &mut Visit<'_, Place>,
) -> Result<Option<String>> {
    let is_last = position + 1 == segments.len();
    let number = u32::try_from(position + 1)?;
    let segment = &mut segments[position];
    let (mut offset, mut payload) = (segment::HEADER as u64, Vec::new());
    while offset < segment.used() {
        match read_frame(segment, offset, &mut payload) {
            Ok(()) => {
                visit_frame(&payload, number, offset, visit).with_context(|| segment.describe(offset))?;
            }
            Err(error) if is_last => return end_of_log(segment, offset, &error),
            Err(error) => bail!("{}: damaged: {error:#}", segment.describe(offset)),
        }
        offset += (frame::HEADER + payload.len()) as u64;
    }
    Ok(None)
}

fn read_frame(segment: &Segment, offset: u64, payload: &mut Vec<u8>) -> Result<()> {
    let rest = segment.used() - offset;
    ensure!(rest >= frame::HEADER as u64, "the frame header is cut short");
    let mut header = [0; frame::HEADER];
    segment.read(offset, &mut header)?;
    let length = frame::payload_length(&header)?;
    ensure!(rest >= (frame::HEADER + length) as u64, "the frame runs past the end of the file");
    payload.resize(length, 0);
    segment.read(offset + frame::HEADER as u64, payload)?;
    frame::check_payload(&header, payload)
}

fn visit_frame(payload: &[u8], number: u32, start: u64, visit: &mut Visit<'_, Place>) -> Result<()> {
    let mut at = 0;
    while at < payload.len() {
        let (record, length) = frame::first_record(&payload[at..])?;
        let offset = u32::try_from(start)? + u32::try_from(frame::HEADER + at)?;
        visit(&record, Place { segment: number, offset, length: u32::try_from(length)? })?;
        at += length;
    }
    Ok(())
}

/// An unreadable frame in the last segment: preallocated zeros, a torn tail, or damage.
fn end_of_log(segment: &mut Segment, offset: u64, error: &anyhow::Error) -> Result<Option<String>> {
    let mut rest = vec![0; usize::try_from(segment.used() - offset)?];
    segment.read(offset, &mut rest)?;
    if rest.iter().all(|byte| *byte == 0) {
        segment.resume_at(offset);
        return Ok(None);
    }
    if let Some(next) = next_valid_frame(&rest) {
        let next = offset + next as u64;
        bail!("{}: damaged: {error:#}; a valid frame follows at {next}", segment.describe(offset));
    }
    let cut = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    segment.cut(offset)?;
    Ok(Some(format!("{}: cut a torn tail of {cut} bytes ({error:#})", segment.describe(offset))))
}

/// Finds a complete frame after the first byte: then `rest` does not begin with a torn tail.
fn next_valid_frame(rest: &[u8]) -> Option<usize> {
    (1..rest.len().saturating_sub(frame::HEADER)).find(|start| is_valid_frame(&rest[*start..]))
}

fn is_valid_frame(bytes: &[u8]) -> bool {
    let Some((header, rest)) = bytes.split_first_chunk::<{ frame::HEADER }>() else {
        return false;
    };
    let Ok(length) = frame::payload_length(header) else {
        return false;
    };
    rest.get(..length).is_some_and(|payload| frame::check_payload(header, payload).is_ok())
}
