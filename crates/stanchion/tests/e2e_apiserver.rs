//! The API server under faults and under clients that are in each other's way, over every store it can have.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "apiserver/contention.rs"]
mod contention;
#[cfg(test)]
#[path = "apiserver/crash.rs"]
mod crash;
#[cfg(test)]
#[path = "apiserver/history.rs"]
mod history;
#[cfg(test)]
#[path = "apiserver/home.rs"]
mod home;
#[cfg(test)]
#[path = "apiserver/outage.rs"]
mod outage;
#[cfg(test)]
#[path = "apiserver/quota.rs"]
mod quota;
#[cfg(test)]
#[path = "apiserver/services.rs"]
mod services;
#[cfg(test)]
#[path = "apiserver/stores.rs"]
mod stores;
