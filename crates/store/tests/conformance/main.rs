//! One suite over `dyn KeyValueStore`, run against the embedded store, our server over gRPC, and etcd.
//!
//! A case gets a scene: the store, and a prefix of its own. Cases count revisions, so the cases of one store
//! run one after the other. The embedded store runs every case in a test of its own; a server is started once
//! for all cases of a noun.

mod scene;
mod stores;

mod compaction;
mod kv;
mod lease;
mod range;
mod txn;
mod watch;

/// Makes the tests of a module from its cases: `embedded::<case>`, `grpc` and `etcd`.
macro_rules! suite {
    ($($case:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let store = crate::stores::Embedded::open();
                    super::$case(&crate::scene::Scene::new(&store.store, stringify!($case))).await;
                    store.store.close().await;
                }
            )+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn grpc() {
            let served = crate::stores::Served::start().await;
            $( $case(&crate::scene::Scene::new(&served.remote, stringify!($case))).await; )+
            served.stop().await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn etcd() {
            let etcd = crate::stores::Etcd::start().await;
            $( $case(&crate::scene::Scene::new(&etcd.remote, stringify!($case))).await; )+
        }
    };
}
use suite;
