//! The manager of failovers: elected through the store, follows reports and Pods, writes topologies.
