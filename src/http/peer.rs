//! Who is at the other end: the caller's address, or the one that a trusted proxy vouches for. The door puts
//! it among a request's extensions before the edge sees it.

#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) std::net::IpAddr);
