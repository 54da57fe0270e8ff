use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn ending(path: &str) -> Ending {
    Ending {
        place: Place::File { path: path.into() },
        subject: "CN=kube-apiserver".to_owned(),
        is_authority: false,
        not_before: NOW - 366 * DAY,
        not_after: NOW - DAY,
        key: LeafKey::Kept,
        signer: Signer::AtHand {
            certificate: "/etc/kubernetes/pki/ca.crt".into(),
            key: "/etc/kubernetes/pki/ca.key".into(),
            not_before: NOW - 366 * DAY,
            not_after: NOW + 9 * 365 * DAY,
        },
    }
}

#[track_caller]
fn refused(ending: &Ending, part: &str) {
    let why = plan(NOW, ending).expect_err("it is refused").why;
    assert!(why.contains(part), "{part:?} is not in {why:?}");
}

#[test]
fn it_gets_the_lifetime_that_it_had_and_no_more_than_its_authority_has() {
    let renewal = plan(NOW, &ending("/etc/kubernetes/pki/apiserver.crt")).expect("a plan");
    assert_eq!((renewal.not_after, renewal.reader), (NOW + 365 * DAY, Reader::KubeApiserver));
    assert!(renewal.preview.what.contains("RSA keys are not made here"), "{renewal:?}");
    let mut short = ending("/etc/kubernetes/pki/etcd/server.crt");
    let Signer::AtHand { not_after, .. } = &mut short.signer else { panic!("{short:?}") };
    *not_after = NOW + 5 * DAY;
    let renewal = plan(NOW, &short).expect("a plan");
    assert_eq!((renewal.not_after, renewal.reader), (NOW + 5 * DAY, Reader::Etcd));
}

#[test]
fn what_cannot_be_made_anew_is_refused_with_the_reason() {
    let changed = |change: fn(&mut Ending)| {
        let mut ending = ending("/etc/kubernetes/pki/apiserver.crt");
        change(&mut ending);
        ending
    };
    refused(&changed(|one| one.is_authority = true), "trusted everywhere");
    refused(&changed(|one| one.not_before = NOW + 1), "clocks");
    refused(&changed(|one| one.key = LeafKey::Missing), "its key cannot be read");
    refused(
        &changed(|one| one.signer = Signer::External { certificate: "/ca.crt".into() }),
        "/ca.crt) is not here",
    );
    refused(&changed(|one| one.signer = Signer::Unknown), "no authority");
    refused(
        &changed(|one| {
            let Signer::AtHand { not_after, .. } = &mut one.signer else { return };
            *not_after = NOW;
        }),
        "is not valid now itself",
    );
    refused(&ending("/etc/kubernetes/pki/somebody.crt"), "none of those that kubeadm makes");
    refused(&ending("/etc/kubernetes/pki/server.crt"), "none of those");
    refused(&ending("/var/lib/kubelet/pki/kubelet-client-current.pem"), "by itself");
    let place =
        Place::Kubeconfig { path: "/etc/kubernetes/kubelet.conf".into(), user: "default-auth".to_owned() };
    refused(&Ending { place, ..ending("") }, "by itself");
}

#[test]
fn readers_are_known_by_the_place() {
    let of = |path: &str| plan(NOW, &ending(path)).expect("a plan").reader;
    assert_eq!(of("pki/front-proxy-client.crt"), Reader::KubeApiserver);
    assert_eq!(of("pki/etcd/healthcheck-client.crt").pod(), None);
    assert_eq!(of("pki/etcd/peer.crt").pod(), Some("etcd"));
    let of = |name: &str| {
        let place = Place::Kubeconfig { path: name.into(), user: "x".to_owned() };
        plan(NOW, &Ending { place, ..ending("") }).expect("a plan").reader
    };
    assert_eq!(of("/etc/kubernetes/admin.conf"), Reader::People);
    assert_eq!(of("/etc/kubernetes/scheduler.conf"), Reader::KubeScheduler);
}
