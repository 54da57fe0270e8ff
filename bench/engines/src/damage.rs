//! What each engine does with a flipped byte and with a file that lost its end.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::child;

const KEYS: usize = 20_000;
const CUT: usize = 100;
const LIMIT: Duration = Duration::from_secs(20);

/// One engine, one of its files.
struct Case {
    title: &'static str,
    engine: &'static str,
    /// Which file of the data set: its extension or, for fjall's tables, its directory.
    file: fn(&Path) -> bool,
    pick: Pick,
    settle: bool,
    verify: bool,
}

enum Pick {
    Largest,
    Last,
    Middle,
}

const CASES: [Case; 6] = [
    Case { title: "redb", engine: "redb", file: is_redb, pick: Pick::Largest, settle: false, verify: false },
    Case {
        title: "redb, check on open",
        engine: "redb",
        file: is_redb,
        pick: Pick::Largest,
        settle: false,
        verify: true,
    },
    Case {
        title: "fjall, journal",
        engine: "fjall",
        file: is_journal,
        pick: Pick::Last,
        settle: false,
        verify: false,
    },
    Case {
        title: "fjall, table",
        engine: "fjall",
        file: is_table,
        pick: Pick::Largest,
        settle: true,
        verify: false,
    },
    Case {
        title: "log, sealed segment",
        engine: "log",
        file: is_segment,
        pick: Pick::Middle,
        settle: false,
        verify: false,
    },
    Case {
        title: "log, last segment",
        engine: "log",
        file: is_segment,
        pick: Pick::Last,
        settle: false,
        verify: false,
    },
];

fn is_redb(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "redb")
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jnl")
}

fn is_table(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|name| name == "tables")
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "seg")
}

/// Prints the literal outcomes, then the tally of `positions` flips spread over each file.
pub(crate) fn run(dir: &Path, positions: usize) -> Result<()> {
    println!("\n## Damage ({KEYS} records in batches of 100, cleanly closed, then damaged)\n");
    println!("| engine, file | damage | outcome |\n|---|---|---|");
    let mut tallies = Vec::new();
    for case in &CASES {
        let bench = Bench::prepare(dir, case)?;
        let flip = bench.flip(bench.used / 2)?;
        println!("| {} | byte {} of {} flipped | {} |", case.title, bench.used / 2, bench.used, flip.text());
        println!("| {} | last {CUT} used bytes cut | {} |", case.title, bench.cut()?.text());
        tallies.push((case.title, bench.sweep(positions)?));
    }
    println!("\n{positions} single flips per file, evenly spread over its used part:\n");
    println!("| engine, file | outcomes |\n|---|---|");
    for (title, tally) in tallies {
        let parts: Vec<_> = tally.iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
        println!("| {title} | {} |", parts.join("; "));
    }
    Ok(())
}

/// A pristine data set and the file to damage in copies of it.
struct Bench<'a> {
    case: &'a Case,
    pristine: PathBuf,
    copy: PathBuf,
    file: PathBuf,
    bytes: Vec<u8>,
    /// Without trailing zeros.
    used: usize,
}

impl<'a> Bench<'a> {
    fn prepare(dir: &Path, case: &'a Case) -> Result<Self> {
        let (pristine, copy) = (dir.join("pristine"), dir.join("damaged"));
        reset(&pristine)?;
        child::measure("prepare", case.engine, &pristine, &[KEYS, usize::from(case.settle)])?;
        let file = pick(&pristine, case)?;
        let bytes = fs::read(&file)?;
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let file = file.strip_prefix(&pristine)?.to_owned();
        Ok(Self { case, pristine, copy, file, bytes, used })
    }

    fn flip(&self, position: usize) -> Result<Outcome> {
        let mut bytes = self.bytes.clone();
        *bytes.get_mut(position).context("position past the file")? ^= 0x40;
        self.probe(&bytes)
    }

    fn cut(&self) -> Result<Outcome> {
        self.probe(&self.bytes[..self.used - CUT])
    }

    fn sweep(&self, positions: usize) -> Result<BTreeMap<&'static str, usize>> {
        let mut tally = BTreeMap::new();
        for step in 0..positions {
            // Off the middle of each slice, so that no alignment of the format is favoured.
            let position = (2 * step + 1) * self.used / (2 * positions) + step % 7;
            *tally.entry(self.flip(position.min(self.used - 1))?.kind()).or_default() += 1;
        }
        Ok(tally)
    }

    fn probe(&self, bytes: &[u8]) -> Result<Outcome> {
        reset(&self.copy)?;
        copy_tree(&self.pristine, &self.copy)?;
        fs::write(self.copy.join(&self.file), bytes)?;
        let numbers = [KEYS, usize::from(self.case.verify)];
        let output = child::try_run("probe", self.case.engine, &self.copy, &numbers, LIMIT)?;
        let name = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok(Outcome { output, copy: self.copy.display().to_string(), name: name.to_owned() })
    }
}

/// How a probe ended.
struct Outcome {
    output: Option<Output>,
    copy: String,
    name: String,
}

impl Outcome {
    fn text(&self) -> String {
        let Some(output) = &self.output else {
            return format!("did not end within {} s", LIMIT.as_secs());
        };
        let said = String::from_utf8_lossy(&output.stdout).trim().replace('\n', ", ");
        let error = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
        let literal = format!("{said} {error}").replace(&format!("{}/", self.copy), "");
        format!("{}: `{}`", self.kind(), literal.trim().replace('|', "/"))
    }

    fn kind(&self) -> &'static str {
        let Some(output) = &self.output else {
            return "hangs";
        };
        let error = String::from_utf8_lossy(&output.stderr);
        if error.contains("panicked at") {
            return "panic";
        }
        if output.status.signal().is_some() {
            return "killed by a signal";
        }
        if !output.status.success() {
            let named = !self.name.is_empty() && error.contains(&format!("/{}:", self.name));
            return if named && error.contains("offset ") {
                "error naming file and offset"
            } else {
                "error naming neither file nor offset"
            };
        }
        kind_of_success(output)
    }
}

fn kind_of_success(output: &Output) -> &'static str {
    let said = String::from_utf8_lossy(&output.stdout);
    let says = |line: &str| said.lines().any(|other| other == line);
    if !says("wrong=0") {
        return "opens, returns wrong values";
    }
    match (says("lost=0"), said.contains("note=")) {
        (true, _) => "opens, nothing lost",
        (false, true) => "opens, says what it cut",
        (false, false) => "opens, records silently lost",
    }
}

fn pick(root: &Path, case: &Case) -> Result<PathBuf> {
    let mut files = Vec::new();
    list(root, &mut files)?;
    files.retain(|path| (case.file)(path));
    files.sort();
    match case.pick {
        Pick::Largest => files.sort_by_key(|path| fs::metadata(path).map_or(0, |meta| meta.len())),
        Pick::Middle => files.truncate(files.len() / 2 + 1),
        Pick::Last => {}
    }
    files.pop().context("no such file in the data set")
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let mut files = Vec::new();
    list(from, &mut files)?;
    for file in files {
        let target = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(target.parent().context("file without a directory")?)?;
        fs::copy(&file, target)?;
    }
    Ok(())
}

fn reset(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    Ok(())
}
