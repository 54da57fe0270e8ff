//! The CORRUPT alarm: raised and disarmed by hand, it stops everything in between.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_etcd_api::etcdserverpb::alarm_request::AlarmAction;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::Code;

use crate::LIMIT;
use crate::support::server::{Server, folder};
use crate::support::within;

#[tokio::test]
async fn a_corrupt_store_is_neither_read_nor_written() {
    within(LIMIT, async {
        let folder = folder();
        let server = Server::start(folder.path(), &[]).await;
        let mut kv = KvClient::new(server.channel().await);
        let put = pb::PutRequest { key: "k".into(), ..Default::default() };
        let range = pb::RangeRequest { key: "k".into(), ..Default::default() };
        kv.put(put.clone()).await.expect("a put before the alarm");

        assert_eq!(alarm(&server, AlarmAction::Activate).await, 1);
        let refusals = [
            kv.put(put.clone()).await.expect_err("a put under the alarm"),
            kv.range(range.clone()).await.expect_err("a read under the alarm"),
        ];
        for refusal in refusals {
            assert_eq!(refusal.message(), "etcdserver: corrupt cluster");
            assert_eq!(refusal.code(), Code::DataLoss);
        }
        assert!(server.ctl("alarm list").await.stdout.contains("alarm:CORRUPT"));

        assert_eq!(alarm(&server, AlarmAction::Deactivate).await, 1);
        assert_eq!(alarm(&server, AlarmAction::Get).await, 0);
        kv.put(put).await.expect("a put after the alarm");
        assert_eq!(kv.range(range).await.expect("a read after the alarm").into_inner().count, 1);
    })
    .await;
}

/// Does something to the CORRUPT alarm; returns how many alarms the answer names.
async fn alarm(server: &Server, action: AlarmAction) -> usize {
    let mut client = MaintenanceClient::new(server.channel().await);
    let request =
        pb::AlarmRequest { action: action as i32, member_id: 0, alarm: pb::AlarmType::Corrupt as i32 };
    client.alarm(request).await.expect("an answer").into_inner().alarms.len()
}
