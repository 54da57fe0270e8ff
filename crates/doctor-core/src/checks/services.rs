//! Services.

pub(super) mod no_endpoints;

#[cfg(test)]
mod tests;
