//! What holds for every state.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Member {
    address: u8,
    hostname: Option<u8>,
    ready: bool,
}

fn member() -> impl Strategy<Value = Member> {
    (1..20_u8, prop::option::of(0..4_u8), any::<bool>()).prop_map(|(address, hostname, ready)| Member {
        address,
        hostname,
        ready,
    })
}

/// A Service: whether it is headless, and its members.
fn sort() -> impl Strategy<Value = (bool, Vec<Member>)> {
    (any::<bool>(), prop::collection::vec(member(), 0..6))
}

fn build(name: &str, headless: bool, members: &[Member]) -> Service {
    let endpoints: Vec<Value> = members
        .iter()
        .map(|member| {
            let hostname = member.hostname.map(|number| format!("Pod-{number}"));
            let address = format!("127.64.0.{}", member.address);
            json!({"addresses": [address], "hostname": hostname, "conditions": {"ready": member.ready}})
        })
        .collect();
    let ip = if headless { "None".to_owned() } else { format!("127.96.0.{}", 20 + name.len()) };
    service(name, json!({"clusterIP": ip}), &[slice(&json!({"name": "p", "port": 1}), &endpoints)])
}

fn records(answer: Answer) -> Vec<RData> {
    match answer {
        Answer::Records { answers, .. } => answers.into_iter().map(|record| record.data).collect(),
        Answer::Alias { .. } | Answer::NoData { .. } | Answer::NoName { .. } => Vec::new(),
        Answer::Unready | Answer::Foreign => panic!("the zone is ready and ours"),
    }
}

/// Every ready endpoint has a name with its address, and its address has that name; nobody else has either.
fn invariant_names_lead_back(zone: &Zone, services: &[Service]) -> Result<(), TestCaseError> {
    for address in (1..20_u8).map(|last| IpAddr::from([127, 64, 0, last])) {
        let back: BTreeSet<Name> = records(zone.lookup(&Name::from(address), RecordType::PTR))
            .into_iter()
            .map(|data| if let RData::PTR(PTR(name)) = data { name } else { panic!("{data}") })
            .collect();
        let mut expected = BTreeSet::new();
        for service in services {
            for endpoint in &service.endpoints {
                let ready = endpoint.state == crate::services::EndpointState::Ready;
                if endpoint.address == address && ready {
                    let name =
                        format!("{}.{}.default.svc.cluster.local.", endpoint.label(), service.key.name);
                    expected.insert(Name::from_ascii(name).expect("a name"));
                }
            }
        }
        prop_assert_eq!(&back, &expected);
        for name in back {
            let found = records(zone.lookup(&name, RecordType::A));
            prop_assert!(found.contains(&super::super::address(address)), "{} has {:?}", name, found);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn names_lead_back_whatever_came_before(
        steps in prop::collection::vec((0..3_usize, prop::option::of(sort())), 0..12),
    ) {
        let mut zone = Zone::new("cluster.local", None).expect("a domain");
        zone.set_ready();
        let mut services: [Option<Service>; 3] = [None, None, None];
        for (which, sort) in steps {
            let name = "abc".get(..=which).expect("three names");
            let service = sort.map(|(headless, members)| build(name, headless, &members));
            zone.put_service(&Key::new("default", name), service.clone());
            services[which] = service;
            let there: Vec<Service> = services.iter().flatten().cloned().collect();
            invariant_names_lead_back(&zone, &there)?;
        }
    }

    /// A name that exists has every name above it.
    #[test]
    fn names_exist_up_to_the_domain(labels in prop::collection::vec("[a-z_]{1,3}|default|svc|pod|web|db|db-0|_tcp|_http|dns|ns|127-64-0-9", 1..6)) {
        let zone = zone();
        let name = Name::from_ascii(format!("{}.cluster.local.", labels.join("."))).expect("a name");
        let exists = |name: &Name| !matches!(zone.lookup(name, RecordType::A), Answer::NoName { .. });
        if exists(&name) {
            let above = name.base_name();
            prop_assert!(exists(&above), "{} exists, {} does not", name, above);
        }
    }

    #[test]
    fn no_name_panics(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..6), reverse in any::<bool>()) {
        let zone = zone();
        let end: &[&[u8]] = if reverse { &[b"127", b"in-addr", b"arpa"] } else { &[b"svc", b"cluster", b"local"] };
        let all = labels.iter().map(Vec::as_slice).chain(end.iter().copied());
        if let Ok(mut name) = Name::from_labels(all) {
            name.set_fqdn(true);
            for kind in [RecordType::A, RecordType::SRV, RecordType::PTR, RecordType::ANY] {
                let answer = zone.lookup(&name, kind);
                prop_assert!(!matches!(answer, Answer::Foreign | Answer::Unready));
            }
        }
    }
}
