/// How much [`group_by`](fn@super::group_by) remembers.
///
/// Together at most `max_groups × capacity` items in the groups that are live, and as many in groups that
/// have ended before they were taken off the stream.
///
/// ```
/// use alk_pubsub_core::operators::GroupLimits;
///
/// let limits = GroupLimits::default().with_capacity(16);
/// assert_eq!((limits.max_groups(), limits.capacity()), (GroupLimits::DEFAULT_MAX_GROUPS, 16));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "limits do nothing until they are given to `group_by`"]
pub struct GroupLimits {
    max_groups: usize,
    capacity: usize,
}

impl GroupLimits {
    /// What [`max_groups`](Self::max_groups) is unless set.
    pub const DEFAULT_MAX_GROUPS: usize = 1024;

    /// What [`capacity`](Self::capacity) is unless set.
    pub const DEFAULT_CAPACITY: usize = 256;

    /// At most so many groups are live. When one more begins, that without an item for the longest time ends.
    ///
    /// # Panics
    ///
    /// When `max_groups` is zero.
    #[track_caller]
    pub fn with_max_groups(self, max_groups: usize) -> Self {
        assert!(max_groups > 0, "there must be room for at least 1 group");
        Self { max_groups, ..self }
    }

    /// A group holds at most so many items. When one more comes, the oldest is lost and counted.
    ///
    /// # Panics
    ///
    /// When `capacity` is zero.
    #[track_caller]
    pub fn with_capacity(self, capacity: usize) -> Self {
        assert!(capacity > 0, "the capacity of a group must be at least 1");
        Self { capacity, ..self }
    }

    /// How many groups are live at most.
    #[must_use]
    pub fn max_groups(&self) -> usize {
        self.max_groups
    }

    /// How many items a group holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { max_groups: Self::DEFAULT_MAX_GROUPS, capacity: Self::DEFAULT_CAPACITY }
    }
}
