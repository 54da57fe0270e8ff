use std::collections::BTreeSet;

use super::*;

#[test]
fn every_check_says_what_it_is() {
    let ids: Vec<_> = ALL.iter().map(|check| check.id).collect();
    let sorted: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids, sorted.into_iter().collect::<Vec<_>>(), "ids are ascending, each there once");
    for check in ALL {
        let group = format!("{}/", check.group);
        assert!(check.id.starts_with(&group), "{} is not of {group}", check.id);
        assert!(
            !check.title.is_empty() && !check.needs.is_empty() && !check.basis.is_empty(),
            "{}",
            check.id
        );
        let sentences = check.meaning.matches(". ").count() + 1;
        assert!(sentences == 2 && check.meaning.ends_with('.'), "{} means {sentences} sentences", check.id);
        assert!(check.basis.iter().all(|basis| basis.starts_with("https://")), "{}", check.id);
        assert_eq!(find(check.id).map(|found| found.id), Some(check.id));
    }
}
