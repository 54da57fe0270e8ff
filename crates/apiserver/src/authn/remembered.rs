//! Tokens that were verified lately: checking a signature costs more than all else about a small request.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::Verified;

/// How many tokens one generation holds; there are two.
const GENERATION: usize = 4096;

type Tokens = HashMap<[u8; 32], Arc<Verified>>;

/// Verified tokens by their digest; what was not used for a whole generation is forgotten.
#[derive(Default)]
pub(super) struct Remembered(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: Tokens,
    old: Tokens,
}

impl Remembered {
    /// Returns what is known of a token, or finds it out. Failures are not remembered, nor is what has expired.
    pub(super) fn get_or<E>(
        &self,
        token: &str,
        now: i64,
        verify: impl FnOnce() -> Result<Arc<Verified>, E>,
    ) -> Result<Arc<Verified>, E> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.0.lock().get(&digest, now) {
            return Ok(known);
        }
        let verified = verify()?;
        self.0.lock().insert(digest, Arc::clone(&verified));
        Ok(verified)
    }
}

impl Generations {
    fn get(&mut self, digest: &[u8; 32], now: i64) -> Option<Arc<Verified>> {
        let young = self.young.get(digest).map(Arc::clone);
        let known = young.or_else(|| {
            let known = self.old.remove(digest)?;
            self.insert(*digest, Arc::clone(&known));
            Some(known)
        })?;
        if known.is_over(now) {
            self.young.remove(digest);
            return None;
        }
        Some(known)
    }

    fn insert(&mut self, digest: [u8; 32], verified: Arc<Verified>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::super::User;
    use super::super::tokens::ObjectRef;
    use super::*;

    fn verified(expires: i64) -> Arc<Verified> {
        let service_account = ObjectRef { name: "web".to_owned(), uid: "1".to_owned() };
        let (user, namespace) = (User::default(), "shop".to_owned());
        Arc::new(Verified { user, namespace, service_account, bound: None, audiences: Vec::new(), expires })
    }

    fn is_known(remembered: &Remembered, token: &str, now: i64) -> bool {
        remembered.get_or(token, now, || Err(())).is_ok()
    }

    #[test]
    fn tokens_are_remembered_until_they_expire() {
        let remembered = Remembered::default();
        assert!(!is_known(&remembered, "a", 0), "failures are passed on");
        remembered.get_or("a", 0, || Ok::<_, ()>(verified(1000))).expect("verified");
        assert!(is_known(&remembered, "a", 1060) && !is_known(&remembered, "b", 0));
        assert!(!is_known(&remembered, "a", 1061));
        assert!(!is_known(&remembered, "a", 0), "and then it is gone");
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_bounded() {
        let remembered = Remembered::default();
        for number in 0..3 * GENERATION {
            for token in [format!("{number}"), "used".to_owned()] {
                remembered.get_or(&token, 0, || Ok::<_, ()>(verified(9))).expect("verified");
            }
        }
        let generations = remembered.0.lock();
        assert!(generations.young.len() <= GENERATION && generations.old.len() <= GENERATION);
        drop(generations);
        assert!(is_known(&remembered, "used", 0) && !is_known(&remembered, "0", 0));
    }
}
