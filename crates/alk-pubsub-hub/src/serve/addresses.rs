use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many sockets each address has.
///
/// Of an IPv6 address only the first 64 bits count: whoever has one has all that begin so.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    sockets: Mutex<HashMap<IpAddr, usize>>,
}

/// One of the places that an address has; free again when this is dropped.
#[derive(Debug)]
pub(super) struct AddressPlace {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, sockets: Mutex::default() })
    }

    /// A place for one more socket of this address, if it may have one.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<AddressPlace> {
        let address = counted(address);
        let mut sockets = self.sockets();
        let taken = sockets.entry(address).or_default();
        // Where it is refused it has some already: no entry of none is left behind.
        (*taken < self.most).then(|| {
            *taken += 1;
            AddressPlace { addresses: self.clone(), address }
        })
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut sockets = self.addresses.sockets();
        if let Some(taken) = sockets.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                sockets.remove(&self.address);
            }
        }
    }
}

fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;

    #[test]
    fn each_address_has_so_many_and_gets_them_back() {
        let addresses = Addresses::new(2);
        let place = |address: &str| addresses.place(address.parse().unwrap());
        let one = (place("192.0.2.1").unwrap(), place("::ffff:192.0.2.1").unwrap());
        assert!(place("192.0.2.1").is_none() && place("192.0.2.2").is_some());
        drop(one.0);
        let again = place("192.0.2.1");
        assert!(again.is_some() && place("192.0.2.1").is_none());
        drop((again, one.1));
        assert!(addresses.sockets().is_empty(), "nothing is kept of who has gone");
    }

    #[test]
    fn addresses_that_one_customer_has_count_as_one() {
        let addresses = Addresses::new(1);
        let one = addresses.place("2001:db8::1".parse().unwrap());
        assert!(one.is_some());
        assert!(addresses.place("2001:db8::2:3:4:5".parse().unwrap()).is_none());
        assert!(addresses.place("2001:db8:0:1::1".parse().unwrap()).is_some());
    }
}
