use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many sockets there may be beside those of clients that hold a seat: requests that are over in a moment, also when
/// all seats are taken.
const STANDING: usize = 256;

/// How many clients there may be. A WebSocket and an event stream each take a seat, other requests do not.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    sockets: Arc<Semaphore>,
    pub(crate) most: usize,
}

/// A socket, which may hold a seat for as long as it is open.
#[derive(Debug, Clone)]
pub(super) struct Seat(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

/// A place for a socket.
#[derive(Debug)]
pub(super) struct SocketPlace {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS - STANDING);
        let free = Arc::new(Semaphore::new(most));
        Self { free, sockets: Arc::new(Semaphore::new(most + STANDING)), most }
    }

    pub(crate) fn taken(&self) -> usize {
        self.most - self.free.available_permits().min(self.most)
    }

    /// Waits for a place for another socket. Cancel safe.
    pub(super) async fn socket(&self) -> SocketPlace {
        SocketPlace { _permit: self.sockets.clone().acquire_owned().await.ok() }
    }

    /// Has the socket take a seat; whether there was one.
    pub(super) fn take(&self, seat: &Seat) -> bool {
        match self.free.clone().try_acquire_owned() {
            Ok(permit) => {
                seat.set(Some(permit));
                true
            }
            Err(_) => false,
        }
    }
}

impl Seat {
    pub(super) fn none() -> Self {
        Self(Arc::default())
    }

    pub(super) fn leave(&self) {
        self.set(None);
    }

    fn set(&self, permit: Option<OwnedSemaphorePermit>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), permit);
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use super::{Seat, Seats};

    #[test]
    fn a_seat_is_free_again_when_its_socket_is_gone() {
        let seats = Seats::new(2);
        let (one, two, three) = (Seat::none(), Seat::none(), Seat::none());
        assert!(seats.take(&one) && seats.take(&two) && !seats.take(&three));
        let upgraded = one.clone();
        drop(one);
        assert_eq!(seats.taken(), 2);
        drop(upgraded);
        assert_eq!(seats.taken(), 1);
        assert!(seats.take(&three));
        three.leave();
        assert_eq!(seats.taken(), 1);
    }
}
