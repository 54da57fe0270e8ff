//! The alarms that are raised.

use stanchion_doctor_core::{Alarm, AlarmKind, Facts, Reading};
use stanchion_etcd_api::etcdserverpb::alarm_request::AlarmAction;
use stanchion_etcd_api::etcdserverpb::{AlarmRequest, AlarmType};

use super::Etcd;
use crate::chain;

impl Etcd {
    /// Reads the alarms: any member knows those of all.
    pub(super) async fn read_alarms(&self, facts: &mut Facts) -> Reading {
        let mut why = Vec::new();
        for endpoint in &self.endpoints {
            let request =
                AlarmRequest { action: AlarmAction::Get.into(), member_id: 0, alarm: AlarmType::None.into() };
            match endpoint.maintenance().alarm(request).await {
                Ok(response) => {
                    let alarms = response.into_inner().alarms.into_iter();
                    facts.etcd.alarms = alarms
                        .map(|alarm| Alarm { member: alarm.member_id, kind: kind(alarm.alarm) })
                        .collect();
                    return Reading::Read { source: endpoint.url().to_owned() };
                }
                Err(error) => why.push(format!("{}: {}", endpoint.url(), chain(&error))),
            }
        }
        Reading::Failed { source: self.options.endpoints.join(", "), why: why.join("; ") }
    }
}

fn kind(number: i32) -> AlarmKind {
    match AlarmType::try_from(number) {
        Ok(AlarmType::Nospace) => AlarmKind::NoSpace,
        Ok(AlarmType::Corrupt) => AlarmKind::Corrupt,
        Ok(AlarmType::None) | Err(_) => AlarmKind::Unknown(number),
    }
}
