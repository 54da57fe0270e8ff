use serde_json::{Value, json};
use stanchion_api::{InstanceStatus, OperationState};

use super::*;
use crate::build::tests::cluster;

/// A cluster of which everything is as it should be, to be disturbed by tests.
struct World {
    cluster: ValidCluster,
    ha: Option<HaStatus>,
    asked: Option<Operation>,
    operation: Option<OperationStatus>,
    pods: Vec<PodFacts>,
    claims: Vec<ClaimFacts>,
    templates: BTreeMap<u32, String>,
}

impl World {
    fn new(instances: u32, spec: &Value) -> Self {
        let mut spec = spec.clone();
        spec["instances"] = json!(instances);
        let cluster = cluster(&spec);
        let names: Vec<String> = (0..instances).map(|ordinal| format!("orders-{ordinal}")).collect();
        let instance = |name: &String| InstanceStatus { name: name.clone(), ..InstanceStatus::default() };
        let ha = HaStatus {
            observed_generation: Some(1),
            primary: Some("orders-0".to_owned()),
            term: 4,
            stage: "Serving".to_owned(),
            sync_set: names[1..].to_vec(),
            instances: names.iter().map(instance).collect(),
            ..HaStatus::default()
        };
        Self {
            ha: Some(ha),
            asked: None,
            operation: None,
            pods: (0..instances).map(pod).collect(),
            claims: (0..instances).map(claim).collect(),
            templates: (0..instances).map(|ordinal| (ordinal, "new".to_owned())).collect(),
            cluster,
        }
    }

    fn ha(&mut self) -> &mut HaStatus {
        self.ha.as_mut().expect("a status")
    }

    fn plan(&self) -> Plan {
        self.view().plan()
    }

    fn view(&self) -> View<'_> {
        View {
            cluster: &self.cluster,
            ha: self.ha.as_ref(),
            asked: self.asked.as_ref(),
            operation: self.operation.as_ref(),
            pods: &self.pods,
            claims: &self.claims,
            templates: &self.templates,
            now: Timestamp::from_second(3_000_000).expect("a time"),
        }
    }

    fn outdate(&mut self) {
        self.pods.iter_mut().for_each(|pod| pod.template = "old".to_owned());
    }
}

fn pod(ordinal: u32) -> PodFacts {
    PodFacts {
        ordinal,
        name: format!("orders-{ordinal}"),
        uid: format!("u{ordinal}"),
        template: "new".to_owned(),
        life: Life::Running,
        ready: true,
        held_up: None,
    }
}

fn claim(ordinal: u32) -> ClaimFacts {
    let size = Quantity::parse("10Gi").ok();
    ClaimFacts { ordinal, uid: format!("c{ordinal}"), leaving: false, size }
}

fn deleted(ordinal: u32, why: Why) -> Action {
    Action::DeletePod { name: format!("orders-{ordinal}"), uid: format!("u{ordinal}"), why }
}

fn asked(plan: &Plan) -> Option<&Operation> {
    match plan.actions.as_slice() {
        [Action::Ask(operation)] => Some(operation),
        _ => None,
    }
}

#[test]
fn a_new_cluster_gets_claims_and_pods_at_once() {
    let mut world = World::new(3, &json!({}));
    (world.ha, world.pods, world.claims) = (None, Vec::new(), Vec::new());
    let actions = world.plan().actions;
    assert_eq!(actions[..3], [0, 1, 2].map(Action::CreateClaim));
    assert_eq!(actions[3..], [0, 1, 2].map(Action::CreatePod));
}

#[test]
fn a_settled_cluster_is_left_alone() {
    let plan = World::new(3, &json!({})).plan();
    assert_eq!(plan, Plan { actions: Vec::new(), progress: Progress::Settled });
}

#[test]
fn a_pod_that_is_gone_or_has_ended_is_made_anew_whatever_the_others_do() {
    let mut world = World::new(3, &json!({}));
    world.pods[1].life = Life::Ended;
    world.pods[2].ready = false;
    world.pods.remove(0);
    world.ha = None;
    assert_eq!(world.plan().actions, [Action::CreatePod(0), deleted(1, Why::Ended)]);
}

#[test]
fn a_pod_that_is_being_deleted_is_waited_for() {
    let mut world = World::new(3, &json!({}));
    world.pods[1].life = Life::Leaving;
    let plan = world.plan();
    assert!(plan.actions.is_empty());
    assert_eq!(plan.progress, Progress::Creating { names: vec!["orders-1".to_owned()] });
}

#[test]
fn volumes_grow_and_never_shrink() {
    let mut world = World::new(3, &json!({"storage": {"size": "20Gi"}}));
    world.claims[1].size = Quantity::parse("30Gi").ok();
    assert_eq!(world.plan().actions, [Action::GrowClaim(0), Action::GrowClaim(2)]);
}

#[test]
fn a_new_template_replaces_replicas_one_at_a_time() {
    let mut world = World::new(3, &json!({}));
    world.outdate();
    assert_eq!(world.plan().actions, [deleted(2, Why::Outdated)]);
    world.pods[2] = PodFacts { ready: false, ..pod(2) };
    assert_eq!(world.plan().progress, Progress::Waiting { what: "orders-2 to be ready".to_owned() });
    world.pods[2].ready = true;
    assert_eq!(world.plan().actions, [deleted(1, Why::Outdated)]);
}

#[test]
fn the_primary_is_replaced_last_and_hands_over_first() {
    let mut world = World::new(3, &json!({}));
    world.pods[0].template = "old".to_owned();
    let plan = world.plan();
    let operation = asked(&plan).expect("a switchover").clone();
    assert_eq!((operation.to.as_deref(), operation.deadline_seconds), (Some("orders-1"), Some(30)));
    assert_eq!(operation.id, "rollout-4-10000");
    world.asked = Some(operation.clone());
    assert!(world.plan().actions.is_empty(), "it is asked once");
    let failed = OperationStatus {
        id: operation.id,
        kind: "switchover".to_owned(),
        state: OperationState::Failed,
        message: String::new(),
    };
    world.operation = Some(failed);
    assert!(matches!(world.plan().progress, Progress::Waiting { .. }), "not again at once");
    world.ha().primary = Some("orders-1".to_owned());
    world.ha().term = 5;
    world.ha().sync_set = vec!["orders-0".to_owned(), "orders-2".to_owned()];
    assert_eq!(world.plan().actions, [deleted(0, Why::Outdated)]);
}

#[test]
fn what_a_person_asked_for_comes_first() {
    let mut world = World::new(3, &json!({}));
    world.pods[0].template = "old".to_owned();
    world.asked = Operation::parse(r#"{"id":"mine","kind":"switchover"}"#).ok();
    assert!(world.plan().actions.is_empty());
}

#[test]
fn nothing_is_replaced_without_somebody_who_goes_on_acknowledging() {
    for disturb in [
        (|world: &mut World| world.ha().stage = "Fencing".to_owned()) as fn(&mut World),
        |world| world.ha().sync_set = vec!["orders-2".to_owned()],
        |world| world.ha().sync_set.clear(),
        |world| world.ha().instances[1].trouble = Some("error 1236".to_owned()),
        |world| world.ha = None,
    ] {
        let mut world = World::new(3, &json!({}));
        world.outdate();
        disturb(&mut world);
        let plan = world.plan();
        assert!(plan.actions.is_empty(), "{plan:?}");
        assert!(matches!(plan.progress, Progress::Waiting { .. }), "{plan:?}");
    }
}

#[test]
fn a_broken_template_can_be_mended() {
    let mut world = World::new(3, &json!({}));
    world.outdate();
    world.pods[1].life = Life::Pending;
    world.pods[1].ready = false;
    assert_eq!(world.plan().actions, [deleted(1, Why::Outdated)], "no container of it ever ran");
    let mut world = World::new(3, &json!({}));
    world.outdate();
    world.pods.iter_mut().for_each(|pod| pod.ready = false);
    (world.ha().term, world.ha().primary) = (0, None);
    assert_eq!(world.plan().actions.len(), 3, "there never was a primary");
}

#[test]
fn one_instance_is_replaced_without_a_switchover() {
    let mut world = World::new(1, &json!({}));
    world.outdate();
    assert_eq!(world.plan().actions, [deleted(0, Why::Outdated)]);
}

#[test]
fn instances_are_taken_away_only_after_the_manager_let_go() {
    let mut world = World::new(5, &json!({}));
    let before = world.ha().clone();
    let mut world = World { cluster: cluster(&json!({"instances": 3})), ..world };
    world.cluster.generation = 2;
    assert!(world.plan().actions.is_empty(), "the manager counts on them");
    world.ha().instances.truncate(3);
    world.ha().sync_set.truncate(2);
    assert!(world.plan().actions.is_empty(), "that was said of another spec");
    world.ha().observed_generation = Some(2);
    assert_eq!(world.plan().actions, [deleted(4, Why::Surplus), deleted(3, Why::Surplus)]);
    world.ha = Some(HaStatus { primary: Some("orders-4".to_owned()), ..before });
    let plan = world.plan();
    let operation = asked(&plan).expect("a switchover");
    assert_eq!((operation.id.as_str(), operation.to.as_deref()), ("scale-4-10000", Some("orders-1")));
}

#[test]
fn volumes_of_instances_that_were_taken_away_go_only_if_the_spec_says_so() {
    let world = World::new(3, &json!({}));
    let one = |policy: &str| {
        let cluster = cluster(&json!({"instances": 1, "deletionPolicy": policy}));
        let ha = World::new(1, &json!({})).ha;
        let (pods, claims) = (vec![pod(0)], world.claims.clone());
        World { cluster, ha, pods, claims, ..World::new(1, &json!({})) }.plan()
    };
    assert_eq!(one("Retain").actions, []);
    let gone = [1, 2].map(|ordinal| Action::DeleteClaim { ordinal, uid: format!("c{ordinal}") });
    assert_eq!(one("Delete").actions, gone);
}
