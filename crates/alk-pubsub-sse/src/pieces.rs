use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Small pieces are copied into one of up to this size: a copy costs less than a piece of its own on every layer below.
const JOINED: usize = 16 << 10;

/// Room that is kept for later.
const KEPT: usize = 16;

/// Pieces of a body that wait to be handed on. It holds no more than what one look at the feed brings.
#[derive(Debug, Default)]
pub(crate) struct Pieces(VecDeque<Bytes>);

impl Pieces {
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.0.push_back(piece);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next piece: a large one as it is, or small ones joined.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let first = self.0.pop_front()?;
        let (mut pieces, mut size) = (0, first.len());
        for piece in &self.0 {
            if size + piece.len() > JOINED {
                break;
            }
            pieces += 1;
            size += piece.len();
        }
        if pieces == 0 {
            return Some(first);
        }
        let mut joined = BytesMut::with_capacity(size);
        joined.extend_from_slice(&first);
        for piece in self.0.drain(..pieces) {
            joined.extend_from_slice(&piece);
        }
        if self.0.is_empty() {
            self.0.shrink_to(KEPT);
        }
        Some(joined.freeze())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{JOINED, Pieces};

    fn joined(sizes: &[usize]) -> Vec<usize> {
        let mut pieces = Pieces::default();
        for size in sizes {
            pieces.push(Bytes::from(vec![0; *size]));
        }
        std::iter::from_fn(|| pieces.next()).map(|piece| piece.len()).collect()
    }

    #[test]
    fn small_pieces_are_joined_and_large_ones_stay() {
        assert_eq!(joined(&[]), [0; 0]);
        assert_eq!(joined(&[1, 2, 3]), [6]);
        assert_eq!(joined(&[1, JOINED, 2, 3]), [1, JOINED, 5]);
        assert_eq!(joined(&[JOINED / 2, JOINED / 2, 1]), [JOINED, 1]);
    }

    #[test]
    fn one_piece_is_handed_on_without_a_copy() {
        let piece = Bytes::from(vec![1; 10]);
        let mut pieces = Pieces::default();
        pieces.push(piece.clone());
        assert_eq!(pieces.next().map(|next| next.as_ptr()), Some(piece.as_ptr()));
    }
}
