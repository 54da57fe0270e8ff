//! Files that only their owner may read.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context;

/// Writes a file as a whole, readable by its owner alone.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        // A temporary file is made with mode 0600.
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).with_context(|| format!("cannot write {}", path.display()))
}
