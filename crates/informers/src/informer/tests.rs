use k8s_openapi::api::core::v1::ConfigMap;
use parking_lot::Mutex;

use super::*;
use crate::index::Index;

fn object(name: &str, uid: &str, version: u32) -> ConfigMap {
    let mut object = ConfigMap::default();
    object.metadata.namespace = Some("default".to_owned());
    object.metadata.name = Some(name.to_owned());
    object.metadata.uid = Some(uid.to_owned());
    object.metadata.resource_version = Some(version.to_string());
    object
}

fn told(change: &Change<ConfigMap>) -> String {
    let what = match change {
        Change::Added(_) => "added",
        Change::Modified { .. } => "modified",
        Change::Deleted(_) => "deleted",
    };
    let meta = &change.object().metadata;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    format!("{what} {} {} {}", text(&meta.name), text(&meta.uid), text(&meta.resource_version))
}

#[test]
fn handlers_are_told_what_lists_and_watches_change() {
    let informer = Informer::<ConfigMap>::default();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&log);
    informer.on_change(move |change| lines.lock().push(told(change)));
    let mut listing = None;
    let mut take = |events: Vec<Event<ConfigMap>>| {
        for event in events {
            informer.take(event, &mut listing);
        }
        std::mem::take(&mut *log.lock())
    };
    let first =
        vec![Event::Init, Event::InitApply(object("a", "1", 1)), Event::InitApply(object("b", "2", 2))];
    assert!(take(first).is_empty() && !informer.is_synced());
    assert_eq!(take(vec![Event::InitDone]), ["added a 1 1", "added b 2 2"]);
    assert!(informer.is_synced());
    let changes = vec![Event::Apply(object("a", "1", 3)), Event::Delete(object("b", "2", 4))];
    assert_eq!(take(changes), ["modified a 1 3", "deleted b 2 4"]);
    // While nobody looked, `a` was replaced by another of its name, and `c` came.
    let again = vec![
        Event::Init,
        Event::InitApply(object("a", "5", 5)),
        Event::InitApply(object("c", "6", 6)),
        Event::InitDone,
    ];
    assert_eq!(take(again), ["deleted a 1 3", "added a 5 5", "added c 6 6"]);
    let same = vec![Event::Init, Event::InitApply(object("a", "5", 5)), Event::InitDone];
    assert_eq!(take(same), ["deleted c 6 6"]);
    assert_eq!(
        (informer.len(), informer.namespace("default").len(), informer.namespace("other").len()),
        (1, 1, 0)
    );
}

#[test]
fn an_index_follows_its_informer() {
    let informer = Informer::<ConfigMap>::default();
    let by_uid =
        Index::new(&informer, |object: &ConfigMap| object.metadata.uid.clone().into_iter().collect());
    let mut listing = None;
    let names = |uid: &str| -> Vec<String> {
        by_uid.get(&uid.to_owned()).iter().filter_map(|object| object.metadata.name.clone()).collect()
    };
    informer.take(Event::Apply(object("a", "1", 1)), &mut listing);
    informer.take(Event::Apply(object("b", "1", 2)), &mut listing);
    assert_eq!(names("1"), ["a", "b"]);
    informer.take(Event::Apply(object("a", "2", 3)), &mut listing);
    assert_eq!((names("1"), names("2")), (vec!["b".to_owned()], vec!["a".to_owned()]));
    informer.take(Event::Delete(object("b", "1", 4)), &mut listing);
    assert!(names("1").is_empty());
}
