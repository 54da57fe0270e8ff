//! Amounts of resources, and what a Pod asks for in all.

use std::sync::Arc;

/// What a container without a request counts for in scores: a tenth of a processor.
pub const DEFAULT_MILLI_CPU: i64 = 100;
/// What a container without a request counts for in scores: 200 MiB.
pub const DEFAULT_MEMORY: i64 = 200 << 20;

/// Amounts of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resources {
    /// Thousandths of processors.
    pub milli_cpu: i64,
    /// Bytes of memory.
    pub memory: i64,
    /// Bytes of local disk.
    pub ephemeral: i64,
    /// All others, huge pages among them, sorted by name.
    pub extended: Vec<(Arc<str>, i64)>,
}

impl Resources {
    /// Returns the amount of another resource than the first three.
    pub fn extended(&self, name: &str) -> i64 {
        self.extended.iter().find(|(have, _)| have.as_ref() == name).map_or(0, |(_, amount)| *amount)
    }

    /// Adds to the amount of another resource than the first three.
    pub fn add_extended(&mut self, name: &Arc<str>, amount: i64) {
        self.merge(name, |have| have.saturating_add(amount));
    }

    /// Adds all of these.
    pub fn add(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.saturating_add(other.milli_cpu);
        self.memory = self.memory.saturating_add(other.memory);
        self.ephemeral = self.ephemeral.saturating_add(other.ephemeral);
        for (name, amount) in &other.extended {
            self.add_extended(name, *amount);
        }
    }

    /// Takes all of these away; what reaches nothing is forgotten.
    pub fn subtract(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.saturating_sub(other.milli_cpu);
        self.memory = self.memory.saturating_sub(other.memory);
        self.ephemeral = self.ephemeral.saturating_sub(other.ephemeral);
        for (name, amount) in &other.extended {
            self.merge(name, |have| have.saturating_sub(*amount));
        }
        self.extended.retain(|(_, amount)| *amount != 0);
    }

    /// Raises each amount to that of the other.
    pub fn raise(&mut self, other: &Self) {
        self.milli_cpu = self.milli_cpu.max(other.milli_cpu);
        self.memory = self.memory.max(other.memory);
        self.ephemeral = self.ephemeral.max(other.ephemeral);
        for (name, amount) in &other.extended {
            self.merge(name, |have| have.max(*amount));
        }
    }

    fn merge(&mut self, name: &Arc<str>, change: impl FnOnce(i64) -> i64) {
        match self.extended.binary_search_by(|(have, _)| have.cmp(name)) {
            Ok(at) => self.extended[at].1 = change(self.extended[at].1),
            Err(at) => self.extended.insert(at, (Arc::clone(name), change(0))),
        }
    }

    fn is_nothing(&self) -> bool {
        self.milli_cpu == 0 && self.memory == 0 && self.ephemeral == 0 && self.extended.is_empty()
    }
}

/// What a container asks for; none where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerRequest {
    /// Thousandths of processors.
    pub milli_cpu: Option<i64>,
    /// Bytes of memory.
    pub memory: Option<i64>,
    /// Bytes of local disk, and everything else; its processors and memory are not read.
    pub others: Resources,
    /// Whether it is an init container that goes on running beside the others.
    pub sidecar: bool,
}

impl ContainerRequest {
    fn amounts(&self, milli_cpu: i64, memory: i64) -> Resources {
        Resources {
            milli_cpu: self.milli_cpu.unwrap_or(milli_cpu),
            memory: self.memory.unwrap_or(memory),
            ..self.others.clone()
        }
    }
}

/// What a Pod asks for in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodRequest {
    /// What has to fit.
    pub exact: Resources,
    /// Thousandths of processors for scores, with defaults where containers say nothing.
    pub scored_cpu: i64,
    /// Bytes of memory for scores, with defaults where containers say nothing.
    pub scored_memory: i64,
}

/// The parts that a Pod's request is made of.
#[derive(Clone, Debug, Default)]
pub struct RequestParts {
    /// The containers.
    pub containers: Vec<ContainerRequest>,
    /// The init containers, in their order.
    pub init_containers: Vec<ContainerRequest>,
    /// What the whole Pod asks for, which goes before what its containers say.
    pub pod: Option<ContainerRequest>,
    /// What the runtime takes.
    pub overhead: Resources,
}

impl RequestParts {
    /// Adds them up: containers and sidecars run together; an init container runs beside the sidecars before it.
    pub fn total(&self) -> PodRequest {
        let scored = self.sum(DEFAULT_MILLI_CPU, DEFAULT_MEMORY);
        PodRequest { exact: self.sum(0, 0), scored_cpu: scored.milli_cpu, scored_memory: scored.memory }
    }

    fn sum(&self, milli_cpu: i64, memory: i64) -> Resources {
        let mut running = Resources::default();
        for container in &self.containers {
            running.add(&container.amounts(milli_cpu, memory));
        }
        let mut sidecars = Resources::default();
        let mut starting = Resources::default();
        for container in &self.init_containers {
            let mut amounts = container.amounts(milli_cpu, memory);
            if container.sidecar {
                sidecars.add(&amounts);
                starting.raise(&sidecars);
            } else {
                amounts.add(&sidecars);
                starting.raise(&amounts);
            }
        }
        running.add(&sidecars);
        running.raise(&starting);
        if let Some(pod) = &self.pod {
            running.milli_cpu = pod.milli_cpu.unwrap_or(running.milli_cpu);
            running.memory = pod.memory.unwrap_or(running.memory);
            for (name, amount) in &pod.others.extended {
                running.merge(name, |_| *amount);
            }
        }
        running.add(&self.overhead);
        running.extended.retain(|(_, amount)| *amount != 0);
        running
    }
}

impl PodRequest {
    /// Returns whether nothing is asked for beyond a place.
    pub(crate) fn is_nothing(&self) -> bool {
        self.exact.is_nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(milli_cpu: i64, memory: i64) -> ContainerRequest {
        ContainerRequest { milli_cpu: Some(milli_cpu), memory: Some(memory), ..Default::default() }
    }

    fn sidecar(milli_cpu: i64, memory: i64) -> ContainerRequest {
        ContainerRequest { sidecar: true, ..asks(milli_cpu, memory) }
    }

    #[test]
    fn a_request_follows_from_its_parts() {
        let table = [
            ("containers add up", vec![asks(100, 10), asks(200, 20)], vec![], None, (300, 30)),
            ("a large init container counts alone", vec![asks(100, 10)], vec![asks(500, 5)], None, (500, 10)),
            ("sidecars run beside containers", vec![asks(100, 10)], vec![sidecar(50, 5)], None, (150, 15)),
            (
                "an init container runs beside the sidecars before it",
                vec![asks(100, 10)],
                vec![sidecar(50, 5), asks(500, 1), sidecar(1, 1)],
                None,
                (550, 16),
            ),
            (
                "the Pod's own request goes first",
                vec![asks(100, 10)],
                vec![],
                Some(asks(1000, 99)),
                (1000, 99),
            ),
        ];
        for (name, containers, init_containers, pod, (milli_cpu, memory)) in table {
            let parts = RequestParts { containers, init_containers, pod, overhead: Resources::default() };
            let total = parts.total();
            assert_eq!((total.exact.milli_cpu, total.exact.memory), (milli_cpu, memory), "{name}");
        }
    }

    #[test]
    fn missing_requests_count_in_scores_only_and_overhead_in_both() {
        let zero = ContainerRequest { milli_cpu: Some(0), ..Default::default() };
        let parts = RequestParts {
            containers: vec![ContainerRequest::default(), zero],
            overhead: Resources { milli_cpu: 7, memory: 3, ..Default::default() },
            ..Default::default()
        };
        let total = parts.total();
        assert_eq!((total.exact.milli_cpu, total.exact.memory), (7, 3));
        assert_eq!((total.scored_cpu, total.scored_memory), (107, 2 * DEFAULT_MEMORY + 3));
    }

    #[test]
    fn adding_and_subtracting_cancel_out() {
        let gpu: Arc<str> = "example.com/gpu".into();
        let mut sum = Resources { milli_cpu: 5, ..Default::default() };
        let mut more = Resources { memory: 9, ephemeral: 2, ..Default::default() };
        more.add_extended(&gpu, 2);
        let before = sum.clone();
        sum.add(&more);
        assert_eq!(sum.extended("example.com/gpu"), 2);
        sum.subtract(&more);
        assert_eq!(sum, before);
    }
}
