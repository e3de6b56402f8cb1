//! Arithmetic on size hints.

/// What a `size_hint` returns.
pub(super) type Hint = (usize, Option<usize>);

/// Two streams, both to their end.
pub(super) fn sum(a: Hint, b: Hint) -> Hint {
    let upper = match (a.1, b.1) {
        (Some(a), Some(b)) => a.checked_add(b),
        _ => None,
    };
    (a.0.saturating_add(b.0), upper)
}

/// `held` items that are out of the source already, before the rest of it.
pub(super) fn after(held: usize, source: Hint) -> Hint {
    sum((held, Some(held)), source)
}

/// The items in `Vec`s of at least one and at most `size`.
pub(super) fn in_parts(items: Hint, size: usize) -> Hint {
    (items.0.div_ceil(size), items.1)
}

/// Any of the items may be left out.
pub(super) fn at_most(items: Hint) -> Hint {
    (0, items.1)
}
