use bytes::Bytes;

use super::*;

fn put(key: &'static str) -> Op {
    Op::Put(Put { key: Bytes::from_static(key.as_bytes()), ..Put::default() })
}

fn delete(from: &'static str, to: &'static str) -> Op {
    let range = KeyRange::from_wire(Bytes::from_static(from.as_bytes()), Bytes::from_static(to.as_bytes()));
    Op::Delete(DeleteRange { range, prev_kv: false })
}

fn txn(success: Vec<Op>, failure: Vec<Op>) -> Txn {
    Txn { compares: Vec::new(), success, failure }
}

fn check(txn: &Txn) -> Result<(), StoreError> {
    txn.check(&Limits { txn_ops: 4, ..Limits::default() })
}

#[test]
fn one_path_changes_a_key_once() {
    let duplicate = Err(StoreError::DuplicateKey);
    assert_eq!(check(&txn(vec![put("a"), put("b")], vec![put("a")])), Ok(()));
    assert_eq!(check(&txn(vec![put("a"), put("a")], vec![])), duplicate);
    assert_eq!(check(&txn(vec![], vec![put("b"), delete("a", "c")])), duplicate);
    assert_eq!(check(&txn(vec![delete("a", "c"), delete("b", "d")], vec![])), Ok(()));
    assert_eq!(check(&txn(vec![put("c"), delete("a", "c")], vec![])), Ok(()), "the end is exclusive");
}

#[test]
fn nested_branches_exclude_each_other_but_not_their_surroundings() {
    let either = Op::Txn(txn(vec![put("a")], vec![put("a")]));
    assert_eq!(check(&txn(vec![either.clone()], vec![])), Ok(()));
    assert_eq!(check(&txn(vec![either.clone(), put("a")], vec![])), Err(StoreError::DuplicateKey));
    assert_eq!(check(&txn(vec![either.clone(), either], vec![])), Err(StoreError::DuplicateKey));
    let deleting = Op::Txn(txn(vec![delete("a", "z")], vec![]));
    assert_eq!(check(&txn(vec![deleting, put("b")], vec![])), Err(StoreError::DuplicateKey));
}

#[test]
fn operations_are_counted_through_the_nesting() {
    let four = vec![put("a"), put("b"), put("c"), put("d")];
    assert_eq!(check(&txn(four.clone(), vec![])), Ok(()));
    let mut five = four.clone();
    five.push(put("e"));
    assert_eq!(check(&txn(five, vec![])), Err(StoreError::TooManyOps));
    assert_eq!(check(&txn(vec![Op::Txn(txn(four, vec![]))], vec![])), Err(StoreError::TooManyOps));
}

#[test]
fn contradictions_and_empty_keys_are_refused() {
    let base = Put { key: Bytes::from_static(b"k"), ..Put::default() };
    let value = Put { ignore_value: true, value: Bytes::from_static(b"v"), ..base.clone() };
    assert_eq!(value.check(), Err(StoreError::ValueProvided));
    let lease = Put { ignore_lease: true, lease: crate::LeaseId(7), ..base.clone() };
    assert_eq!(lease.check(), Err(StoreError::LeaseProvided));
    assert_eq!(Put::default().check(), Err(StoreError::EmptyKey));
    assert_eq!(base.check(), Ok(()));
}
