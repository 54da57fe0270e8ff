//! Deliberate mistakes, made by the world around the code that decides.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Agents confirm the fence and go on listening.
    NoFence,
    /// A primary whose commit waits for long goes on without acknowledgements.
    Fallback,
    /// Agents take a topology that is older than the one they have acted on, and confirm what it says.
    StaleTerm,
    /// Replicas acknowledge before the topology says that they may.
    LateMember,
    /// A silent member is taken out of the sync set at once.
    EarlyRemoval,
    /// A crashed primary keeps what nobody acknowledged, and says that it belongs.
    Resurrection,
}

impl Bug {
    pub(crate) const ALL: [Self; 6] = [
        Self::NoFence,
        Self::Fallback,
        Self::StaleTerm,
        Self::LateMember,
        Self::EarlyRemoval,
        Self::Resurrection,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| format!("{bug:?}") == name)
    }
}
