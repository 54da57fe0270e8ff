//! Binary logs and relay logs, read while their server is down.
//!
//! Only what finds transactions: a file begins with four bytes and a description, then come events of a header of 19
//! bytes (when, kind, server, length, end, flags) and a body. A transaction begins with its id, and is whole if what ends
//! it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use stanchion_ha_core::{Gtid, Position, ServerId};

const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
const HEADER: u32 = 19;
/// An event is at most as long as a packet can be, and its header.
const LONGEST_EVENT: u32 = 1024 * 1024 * 1024 + 4096;
/// So much of a body is read; what is looked for is at its front.
const LOOKED_AT: u64 = 1024;
/// A description's flag of a file that was not closed.
const IN_USE: u16 = 1;
/// A transaction id's flag of one that is a single statement, without an end of its own.
const STANDALONE: u8 = 1;

const QUERY: u8 = 2;
const XID: u8 = 16;
const XA_PREPARE: u8 = 38;
const GTID: u8 = 162;
const GTID_LIST: u8 = 163;
const START_ENCRYPTION: u8 = 164;
const QUERY_COMPRESSED: u8 = 165;

/// A transaction in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) gtid: Gtid,
    /// Where it begins in its file.
    pub(crate) offset: u64,
}

/// What one file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// What was logged before the file, if it says so.
    pub(crate) before: Option<Position>,
    /// The last whole transaction.
    pub(crate) last: Option<Logged>,
    /// The first transaction behind the position that was asked for, if it is whole.
    pub(crate) first_behind: Option<Logged>,
    /// Where the last whole transaction ends, or what is before all of them.
    pub(crate) end: u64,
    /// Whether the file was closed.
    pub(crate) closed: bool,
}

/// Returns the files that an index names, oldest first; none if there is no index.
pub(crate) fn files_of(index: &Path) -> io::Result<Vec<PathBuf>> {
    let directory = index.parent().unwrap_or(Path::new("/"));
    let names = match File::open(index) {
        Ok(file) => BufReader::new(file).lines().collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(names.iter().filter(|name| !name.is_empty()).map(|name| directory.join(name)).collect())
}

/// Looks through a file for whole transactions, and for the first one behind `after`.
pub(crate) fn scan(path: &Path, after: Position) -> io::Result<Scanned> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut scan = Scan {
        after,
        open: None,
        found: Scanned { before: None, last: None, first_behind: None, end: 4, closed: true },
    };
    let mut magic = [0; 4];
    if size < 4 {
        return Ok(scan.found);
    }
    reader.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no binary log, or an encrypted one"));
    }
    let mut offset = 4;
    while let Some(event) = Event::read(&mut reader, offset, size)? {
        offset += u64::from(event.length);
        scan.event(&event, offset)?;
        reader.seek(SeekFrom::Start(offset))?;
    }
    Ok(scan.found)
}

struct Event {
    kind: u8,
    server: ServerId,
    flags: u16,
    offset: u64,
    length: u32,
    front: Vec<u8>,
}

impl Event {
    /// Reads the event at `offset`; none if it is not whole.
    fn read(reader: &mut (impl Read + Seek), offset: u64, size: u64) -> io::Result<Option<Self>> {
        if offset + u64::from(HEADER) > size {
            return Ok(None);
        }
        let mut header = [0; HEADER as usize];
        reader.read_exact(&mut header)?;
        let number =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = number(9);
        if !(HEADER..=LONGEST_EVENT).contains(&length) || offset + u64::from(length) > size {
            return Ok(None);
        }
        let mut front = Vec::new();
        reader.take(u64::from(length - HEADER).min(LOOKED_AT)).read_to_end(&mut front)?;
        let flags = u16::from_le_bytes([header[17], header[18]]);
        Ok(Some(Self { kind: header[4], server: ServerId(number(5)), flags, offset, length, front }))
    }

    fn number<const N: usize>(&self, at: usize) -> io::Result<[u8; N]> {
        let bytes = self.front.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an event is shorter than its kind"))
    }

    /// Returns the statement of a query that is not compressed.
    fn statement(&self) -> io::Result<&[u8]> {
        let database = usize::from(self.number::<1>(8)?[0]);
        let variables = usize::from(u16::from_le_bytes(self.number(11)?));
        Ok(self.front.get(13 + variables + database + 1..).unwrap_or_default())
    }
}

/// A transaction whose end has not come yet.
struct Open {
    logged: Logged,
    standalone: bool,
}

struct Scan {
    after: Position,
    open: Option<Open>,
    found: Scanned,
}

impl Scan {
    fn event(&mut self, event: &Event, end: u64) -> io::Result<()> {
        match event.kind {
            15 if event.offset == 4 => self.found.closed = event.flags & IN_USE == 0,
            GTID_LIST => self.list(event)?,
            GTID => {
                let sequence = u64::from_le_bytes(event.number(0)?);
                let domain = u32::from_le_bytes(event.number(8)?);
                if domain != 0 {
                    let problem =
                        format!("it has a transaction of domain {domain}; clusters write domain 0 alone");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
                }
                let standalone = event.number::<1>(12)?[0] & STANDALONE != 0;
                let gtid = Gtid { server: event.server, sequence };
                self.open = Some(Open { logged: Logged { gtid, offset: event.offset }, standalone });
                return Ok(());
            }
            START_ENCRYPTION => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is encrypted")),
            _ => {}
        }
        let Some(open) = &self.open else {
            self.found.end = end;
            return Ok(());
        };
        let ends = match event.kind {
            XID | XA_PREPARE => true,
            QUERY if !open.standalone => {
                let statement = event.statement()?;
                statement.starts_with(b"COMMIT") || statement.starts_with(b"ROLLBACK")
            }
            QUERY | QUERY_COMPRESSED => open.standalone,
            _ => false,
        };
        if ends {
            let logged = open.logged;
            self.open = None;
            self.found.end = end;
            self.found.last = Some(logged);
            if self.found.first_behind.is_none() && logged.gtid.sequence > self.after.sequence() {
                self.found.first_behind = Some(logged);
            }
        }
        Ok(())
    }

    /// The list has for each server the last id that it wrote, and the newest of a domain last.
    fn list(&mut self, event: &Event) -> io::Result<()> {
        let count = u32::from_le_bytes(event.number(0)?) & 0x0fff_ffff;
        let mut before = Position::START;
        for at in (4..).step_by(16).take(count as usize) {
            if at + 16 > event.front.len() {
                break;
            }
            let server = ServerId(u32::from_le_bytes(event.number(at + 4)?));
            let sequence = u64::from_le_bytes(event.number(at + 8)?);
            if sequence >= before.sequence() {
                before = Position::at(server, sequence);
            }
        }
        self.found.before = Some(before);
        Ok(())
    }
}
