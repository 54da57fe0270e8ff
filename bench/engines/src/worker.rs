//! The measurements themselves, each in a process of its own. Figures go to stdout as `name=value`.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    engine::{Ahead, Engine, Options, Slot},
    engine_fjall::Fjall,
    engine_redb::Redb,
    index::Index,
    log::Log,
    machine::{disk_bytes, status_bytes, written_bytes},
    probe,
    store::Store,
    workload::{self, Random},
};

/// Neighbouring keys in one range request.
const RANGE: usize = 1000;

/// Runs `task engine dir numbers..`, as given by [`crate::child`].
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [task, engine, dir, numbers @ ..] = args else {
        bail!("usage: worker <task> <engine> <dir> [numbers]")
    };
    let numbers = numbers.iter().map(|text| text.parse()).collect::<Result<Vec<usize>, _>>()?;
    let job = Job { task, dir: Path::new(dir), numbers };
    match engine.as_str() {
        "redb" => job.run::<Redb>(),
        "fjall" => job.run::<Fjall>(),
        "log" => job.run::<Log>(),
        other => bail!("no engine called {other}"),
    }
}

struct Job<'a> {
    task: &'a str,
    dir: &'a Path,
    numbers: Vec<usize>,
}

impl Job<'_> {
    fn run<E: Engine>(&self) -> Result<()> {
        match self.task {
            "commit" => self.commit::<E>(),
            "index" => self.index::<E>(),
            "load" => self.load::<E>(),
            "reopen" => self.reopen::<E>(),
            "read" => self.read::<E>(),
            "reclaim" => self.reclaim::<E>(),
            "prepare" => probe::prepare::<E>(self.dir, self.number(0)?, self.number(1)? == 1),
            "probe" => probe::probe::<E>(self.dir, self.number(0)?, self.number(1)? == 1),
            other => bail!("no task called {other}"),
        }
    }

    fn number(&self, position: usize) -> Result<usize> {
        self.numbers.get(position).copied().context("a number is missing")
    }

    /// Group commits of one size for a while.
    fn commit<E: Engine>(&self) -> Result<()> {
        let (batch, millis) = (self.number(0)?, self.number(1)? as u64);
        let (_, ahead) = Ahead::ALL.get(self.number(2)?).context("no such way")?;
        let options = Options { ahead: *ahead, ..Options::DEFAULT };
        let mut store = Store::<E>::open(self.dir, options)?;
        let (mut commits, mut next) = (0_usize, 0);
        let (start, written) = (Instant::now(), written_bytes()?);
        while start.elapsed() < Duration::from_millis(millis) {
            let keys: Vec<usize> = (next..next + batch).collect();
            store.commit(&keys)?;
            commits += 1;
            next += batch;
        }
        let rate = commits as f64 / start.elapsed().as_secs_f64();
        report("commits", rate);
        report("records", rate * batch as f64);
        let written = written_bytes()? - written;
        report("written", written as f64 / (commits * batch) as f64);
        store.engine.close()
    }

    /// The index without anything under it.
    fn index<E: Engine>(&self) -> Result<()> {
        let mut index = Index::<E::Place>::new();
        let order = workload::shuffled(self.number(0)?, 1, 1);
        let start = Instant::now();
        for (revision, number) in (1..).zip(&order) {
            let slot = Slot { revision, place: E::Place::default() };
            index.insert(workload::key(*number).as_bytes(), slot);
        }
        report("seconds", start.elapsed().as_secs_f64());
        drop(order);
        report_memory()?;
        std::hint::black_box(index.len());
        Ok(())
    }

    /// Loads all keys and ends without a clean shutdown.
    #[expect(clippy::disallowed_methods, reason = "skipping the destructors is the point")]
    fn load<E: Engine>(&self) -> Result<()> {
        let order = workload::shuffled(self.number(0)?, 1, 1);
        let mut store = Store::<E>::open(self.dir, Options::DEFAULT)?;
        let start = Instant::now();
        store.commit_all(&order, self.number(1)?)?;
        report("seconds", start.elapsed().as_secs_f64());
        drop(order);
        report_memory()?;
        std::process::exit(0)
    }

    fn reopen<E: Engine>(&self) -> Result<()> {
        let start = Instant::now();
        let store = Store::<E>::open(self.dir, Options::DEFAULT)?;
        report("seconds", start.elapsed().as_secs_f64());
        report_memory()?;
        report("keys", store.index.len() as f64);
        store.engine.close()
    }

    fn read<E: Engine>(&self) -> Result<()> {
        let (keys, millis) = (self.number(0)?, self.number(1)? as u64);
        let store = Store::<E>::open(self.dir, Options::DEFAULT)?;
        let mut random = Random::new(2);
        // Not measured: fills the caches.
        request_rate(millis / 2, || point(&store, random.below(keys)))?;
        report("points", request_rate(millis, || point(&store, random.below(keys)))?);
        let last_start = keys - RANGE;
        report("ranges", request_rate(millis, || range(&store, random.below(last_start)))?);
        report_memory()?;
        store.engine.close()
    }

    /// Overwrites every key three times in random order, then drops what was superseded.
    fn reclaim<E: Engine>(&self) -> Result<()> {
        let keys = self.number(0)?;
        let mut store = Store::<E>::open(self.dir, Options::DEFAULT)?;
        store.commit_all(&workload::shuffled(keys, 1, 3), 1000)?;
        store.commit_all(&workload::shuffled(keys, 3, 4), 1000)?;
        report("before", disk_bytes(self.dir) as f64);
        let start = Instant::now();
        let (outcome, peak) = with_peak(self.dir, || store.reclaim());
        outcome?;
        report("seconds", start.elapsed().as_secs_f64());
        report("peak", peak as f64);
        report("after", disk_bytes(self.dir) as f64);
        store.engine.close()?;
        report("closed", disk_bytes(self.dir) as f64);
        Ok(())
    }
}

fn point<E: Engine>(store: &Store<E>, number: usize) -> Result<()> {
    let slot = store.index.latest(workload::key(number).as_bytes()).context("key not found")?;
    store.engine.read(&[slot], &mut |record| {
        std::hint::black_box(record.value);
        Ok(())
    })
}

fn range<E: Engine>(store: &Store<E>, number: usize) -> Result<()> {
    let slots = store.index.range(workload::key(number).as_bytes(), RANGE);
    anyhow::ensure!(slots.len() == RANGE, "range came back short");
    store.engine.read(&slots, &mut |record| {
        std::hint::black_box(record.value);
        Ok(())
    })
}

/// Requests per second over about `millis`.
fn request_rate(millis: u64, mut request: impl FnMut() -> Result<()>) -> Result<f64> {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_millis(millis) {
        request()?;
        done += 1;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

/// Runs `work` and watches how large the directory gets meanwhile.
fn with_peak<T>(dir: &Path, work: impl FnOnce() -> T) -> (T, u64) {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(disk_bytes(dir), Ordering::Relaxed);
                crate::child::pause(Duration::from_millis(50));
            }
        });
        let outcome = work();
        done.store(true, Ordering::Relaxed);
        outcome
    });
    (outcome, peak.into_inner())
}

fn report_memory() -> Result<()> {
    report("rss", status_bytes("VmRSS:")? as f64);
    report("peak_rss", status_bytes("VmHWM:")? as f64);
    Ok(())
}

fn report(name: &str, value: f64) {
    println!("{name}={value}");
}
