//! Names in the cluster.

pub(crate) mod ndots;
pub(crate) mod replicas;

#[cfg(test)]
mod tests;
