//! `etcdctl user`, `role` and `auth`: the store has no users, and says so at once.

use crate::LIMIT;
use crate::support::transcript::Pair;
use crate::support::within;

#[tokio::test]
async fn users_and_roles_are_refused() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        for words in [
            "auth enable",
            "auth disable",
            "user list",
            "user add someone:secret",
            "user get someone",
            "user delete someone",
            "user grant-role someone r",
            "user revoke-role someone r",
            "role list",
            "role add r",
            "role get r",
            "role delete r",
            "role grant-permission r readwrite k",
            "role revoke-permission r k",
        ] {
            let refused = pair.ours.ctl(words).await;
            assert_eq!(refused.code, Some(1), "{words}: {refused:?}");
            let text = "code = Unimplemented desc = etcdserver: users and roles are not supported";
            assert!(refused.stderr.contains(text), "{words}: {refused:?}");
        }
        // A client that shows a password nevertheless is told what etcd without users tells it.
        pair.run("get k --user=someone:secret").await;
    })
    .await;
}
