//! Clients that others wrote: kube-rs with its watchers and controllers, and Python's.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "clients/calls.rs"]
mod calls;
#[cfg(test)]
#[path = "clients/controller.rs"]
mod controller;
#[cfg(test)]
#[path = "clients/custom.rs"]
mod custom;
#[cfg(test)]
#[path = "clients/leader.rs"]
mod leader;
#[cfg(test)]
#[path = "clients/python.rs"]
mod python;
#[cfg(test)]
#[path = "clients/watching.rs"]
mod watching;
