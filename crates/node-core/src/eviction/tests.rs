use proptest::prelude::*;
use serde_json::json;
use stanchion_machinery::quantity::Quantity;

use super::*;
use crate::moment::Moment;
use crate::names::PodRef;

const MIB: i64 = 1 << 20;

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn memory(available: i64) -> Figure {
    Figure { signal: Signal::MemoryAvailable, available: available * MIB, capacity: 8192 * MIB }
}

fn disk(available: i64) -> Figure {
    Figure { signal: Signal::NodefsAvailable, available, capacity: 1000 }
}

#[test]
fn thresholds_are_read() {
    let met = |text: &str, figure| Threshold::parse(text, None).map(|threshold| threshold.is_met(&figure));
    assert_eq!(met("memory.available<100Mi", memory(99)), Ok(true));
    assert_eq!(met("memory.available<100Mi", memory(100)), Ok(false));
    assert_eq!(met("nodefs.available<10%", disk(99)), Ok(true));
    assert_eq!(met("nodefs.available<10%", disk(100)), Ok(false));
    assert_eq!(met("nodefs.available<12.5%", disk(124)), Ok(true));
    assert_eq!(met("nodefs.available<99.9%", disk(998)), Ok(true));
    for off in ["nodefs.available<0%", "nodefs.available<100%", "nodefs.available<0"] {
        assert_eq!(met(off, disk(0)), Ok(false), "{off}");
    }
    for text in
        ["memory.available", "memory.available<x", "disk<10%", "nodefs.available<101%", "pid.available<-1"]
    {
        assert!(Threshold::parse(text, None).is_err(), "{text}");
    }
    let limits: Vec<String> =
        defaults().iter().map(|t| format!("{}<{}", t.signal.as_str(), t.limit)).collect();
    let expected = ["memory.available<100Mi", "nodefs.available<1Gi", "nodefs.inodesFree<1%"];
    assert_eq!(limits, expected);
}

#[test]
fn hard_thresholds_replace_the_default_of_their_signal() {
    let shown = |text: &str| {
        let line = |t: &Threshold| format!("{}<{}", t.signal.as_str(), t.limit);
        hard(text).map(|read| read.iter().map(line).collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    let read = shown("nodefs.available<10%, memory.available<1Gi");
    assert_eq!(
        read,
        Ok(["memory.available<1Gi", "nodefs.available<10%", "nodefs.inodesFree<1%"]
            .map(str::to_owned)
            .to_vec())
    );
    let refused = [
        ("", "not of the form"),
        ("nodefs.available<10%,", "not of the form"),
        (
            "imagefs.available<15%",
            "for imagefs.available: this node looks at memory.available, nodefs.available, nodefs.inodesFree",
        ),
        ("nodefs.available<10%,nodefs.available<1Gi", "for nodefs.available is given twice"),
    ];
    for (text, why) in refused {
        let error = shown(text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn what_has_to_stay_free_is_not_for_pods() {
    let amount = |text| Quantity::parse(text).expect("a quantity");
    let capacity = [("cpu", "2"), ("memory", "8Gi"), ("ephemeral-storage", "200Gi"), ("pods", "110")]
        .map(|(name, text)| (name.to_owned(), amount(text)));
    let thresholds = hard("memory.available<5%,nodefs.available<10Gi").expect("read");
    let kept = kept(&thresholds, &capacity.into());
    let expected = [("memory", Quantity::new((8 << 30) / 20)), ("ephemeral-storage", amount("10Gi"))];
    assert_eq!(kept, expected.map(|(name, amount)| (name.to_owned(), amount)).into());
}

#[test]
fn conditions_are_held_and_memory_comes_first() {
    let mut pressure = Pressure::new(hard("nodefs.available<10%").expect("read"));
    let round = pressure.observe(&[disk(50), memory(50)], at(0));
    assert_eq!(round.conditions, [Condition::Memory, Condition::Disk].into());
    assert_eq!(round.urgent.map(|(threshold, _)| threshold.signal), Some(Signal::MemoryAvailable));
    let round = pressure.observe(&[disk(50), memory(500)], at(100));
    assert_eq!(round.urgent.map(|(threshold, _)| threshold.signal), Some(Signal::NodefsAvailable));
    assert_eq!(round.conditions.len(), 2, "memory is held");
    let round = pressure.observe(&[disk(500), memory(500)], at(299));
    assert_eq!((round.conditions.len(), round.urgent), (2, None));
    let round = pressure.observe(&[disk(500), memory(500)], at(300));
    assert_eq!(round.conditions, [Condition::Disk].into());
    assert!(pressure.observe(&[disk(500)], at(400)).conditions.is_empty());
}

#[test]
fn soft_thresholds_wait() {
    let soft = Threshold::parse("memory.available<1Gi", Some(Duration::from_secs(30))).expect("valid");
    let mut pressure = Pressure::new(vec![soft]);
    assert_eq!(pressure.observe(&[memory(500)], at(0)).urgent, None);
    assert_eq!(pressure.observe(&[memory(2000)], at(20)).urgent, None);
    assert_eq!(pressure.observe(&[memory(500)], at(25)).urgent, None, "counts anew");
    assert_eq!(pressure.observe(&[memory(500)], at(54)).urgent, None);
    assert!(pressure.observe(&[memory(500)], at(55)).urgent.is_some());
    let seconds = Duration::from_secs;
    assert_eq!(grace(&soft, seconds(60), seconds(40)), seconds(40));
    assert_eq!(grace(&soft, seconds(10), seconds(40)), seconds(10));
    assert_eq!(grace(&defaults()[0], seconds(60), seconds(40)), seconds(1));
}

#[test]
fn more_than_the_threshold_is_reclaimed() {
    let mut threshold = Threshold::parse("nodefs.available<10%", None).expect("valid");
    threshold.reclaim = Some(Limit::Share(50));
    let mut pressure = Pressure::new(vec![threshold]);
    assert_eq!(pressure.observe(&[disk(120)], at(0)).urgent, None);
    assert!(pressure.observe(&[disk(99)], at(10)).urgent.is_some());
    assert!(pressure.observe(&[disk(149)], at(20)).urgent.is_some());
    assert_eq!(pressure.observe(&[disk(150)], at(30)).urgent, None);
}

fn candidate(name: &str, priority: i32, request: i64, used: i64) -> Candidate {
    Candidate {
        pod: PodRef { namespace: "ns".into(), name: name.into(), uid: name.into() },
        priority,
        is_critical: false,
        memory_request: request,
        disk_request: 0,
        usage: Some(Usage { memory: used, processes: used, ..Usage::default() }),
    }
}

#[test]
fn who_exceeds_goes_first_then_lower_priority_then_more() {
    let picked = |candidates: &[Candidate], signal| {
        victim(candidates, signal).map(|candidate| candidate.pod.name.clone()).unwrap_or_default()
    };
    let within = candidate("within", -5, 100, 90);
    let little = candidate("little", 0, 10, 20);
    let much = candidate("much", 0, 10, 80);
    let important = candidate("important", 9, 10, 900);
    let critical = Candidate { is_critical: true, ..candidate("critical", -9, 0, 999) };
    let all = [within.clone(), little.clone(), much.clone(), important.clone(), critical.clone()];
    assert_eq!(picked(&all, Signal::MemoryAvailable), "much");
    assert_eq!(picked(&[within.clone(), important.clone()], Signal::MemoryAvailable), "important");
    assert_eq!(picked(&all, Signal::PidAvailable), "within", "by priority alone, then by number");
    let unknown = Candidate { usage: None, ..candidate("unknown", 50, 100, 0) };
    assert_eq!(picked(&[much, unknown], Signal::MemoryAvailable), "unknown");
    assert_eq!(picked(&[critical], Signal::MemoryAvailable), "");
}

#[test]
fn messages_say_what_was_short() {
    let text = message(&defaults()[0], &memory(50), &[("c".into(), 80 * MIB, 10 * MIB)]);
    let expected = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was \
                    using 80Mi, request is 10Mi, has larger consumption of memory. ";
    assert_eq!(text, expected);
}

#[test]
fn own_limits_are_enforced() {
    let limits = json!({"limits": {"ephemeral-storage": "1Gi"}});
    let spec = serde_json::from_value(json!({
        "containers": [{"name": "a", "resources": limits}, {"name": "b", "resources": limits}],
        "volumes": [
            {"name": "v", "emptyDir": {"sizeLimit": "10Mi"}},
            {"name": "w", "emptyDir": {}},
            {"name": "m", "emptyDir": {"medium": "Memory"}},
        ],
    }))
    .expect("a spec");
    let judged = |volumes: &[(&str, i64)], containers: &[(&str, i64)]| {
        let sized =
            |pairs: &[(&str, i64)]| pairs.iter().map(|(name, mib)| ((*name).to_owned(), mib * MIB)).collect();
        exceeded_limit(&spec, &LocalUsage { volumes: sized(volumes), containers: sized(containers) })
    };
    assert_eq!(judged(&[("v", 10)], &[("a", 1024)]), None);
    assert_eq!(judged(&[("v", 11)], &[]).as_deref(), {
        Some("Usage of EmptyDir volume \"v\" exceeds the limit \"10Mi\". ")
    });
    assert_eq!(judged(&[("w", 3000)], &[]).as_deref(), {
        Some("Pod ephemeral local storage usage exceeds the total limit of containers 2Gi. ")
    });
    assert_eq!(judged(&[("m", 3000)], &[]), None, "that is memory");
    assert_eq!(judged(&[], &[("b", 1025)]).as_deref(), {
        Some("Container b exceeded its local ephemeral storage limit \"1Gi\". ")
    });
}

proptest! {
    /// A critical Pod is never picked, and no Pod within its request while another exceeds its own.
    #[test]
    fn invariant_the_modest_and_the_critical_are_spared(
        pods in prop::collection::vec((-3_i32..3, 0_i64..50, 0_i64..50, any::<bool>()), 0..12),
    ) {
        let candidates: Vec<Candidate> = pods
            .into_iter()
            .enumerate()
            .map(|(index, (priority, request, used, is_critical))| {
                Candidate { is_critical, ..candidate(&index.to_string(), priority, request, used) }
            })
            .collect();
        let exceeds = |candidate: &Candidate| {
            candidate.usage.is_some_and(|usage| usage.memory > candidate.memory_request)
        };
        match victim(&candidates, Signal::MemoryAvailable) {
            None => prop_assert!(candidates.iter().all(|candidate| candidate.is_critical)),
            Some(picked) => {
                prop_assert!(!picked.is_critical);
                let greedy = candidates.iter().filter(|c| !c.is_critical && exceeds(c));
                for other in greedy {
                    prop_assert!(exceeds(picked) && picked.priority <= other.priority);
                }
            }
        }
    }
}
