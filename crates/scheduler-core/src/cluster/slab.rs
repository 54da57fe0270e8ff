//! Values under small numbers that are used again.

/// Values under numbers; a number is valid until its value is removed.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> usize {
        if let Some(id) = self.free.pop() {
            self.values[id] = Some(value);
            return id;
        }
        self.values.push(Some(value));
        self.values.len() - 1
    }

    pub(crate) fn remove(&mut self, id: usize) -> Option<T> {
        let value = self.values.get_mut(id)?.take();
        if value.is_some() {
            self.free.push(id);
        }
        value
    }

    pub(crate) fn get(&self, id: usize) -> Option<&T> {
        self.values.get(id)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        self.values.get_mut(id)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.values.iter().enumerate().filter_map(|(id, value)| Some((id, value.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.values.iter_mut().enumerate().filter_map(|(id, value)| Some((id, value.as_mut()?)))
    }

    /// Returns one more than the largest number ever given.
    pub(crate) fn bound(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }
}
