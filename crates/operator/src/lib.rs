//! Makes DatabaseClusters real: Pods, claims, Services, secrets.
