//! Broadcast, multicast and hops of UDP sockets: as [`std::net::UdpSocket`] has them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{AddressFamily, SocketType, bind, sockopt};

use super::tcp_connect::new_socket_of;
use super::udp_socket::UdpSocket;
use crate::io::named;

impl UdpSocket {
    /// A socket that shares its address and port with other sockets that were made in this way: what several receivers of one multicast
    /// group on one machine need. asyncio's `reuse_port`.
    ///
    /// # Errors
    ///
    /// When the address can't be had.
    pub fn bind_shared(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let bound = new_socket_of(family, SocketType::DGRAM).and_then(|socket| {
            sockopt::set_socket_reuseaddr(&socket, true)?;
            sockopt::set_socket_reuseport(&socket, true)?;
            bind(&socket, &address)?;
            Ok(socket)
        });
        bound.map_err(|error| named(error, "binds", address))?.try_into()
    }

    /// Whether it may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.std().broadcast()
    }

    /// Sets whether it may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.std().set_broadcast(broadcast)
    }

    /// How many hops datagrams may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.std().ttl()
    }

    /// Sets how many hops datagrams may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.std().set_ttl(ttl)
    }

    /// Joins a multicast group on the interface with an address; an unspecified one lets the system choose.
    ///
    /// # Errors
    ///
    /// When the address is not one of multicast, or there is no such interface.
    ///
    /// # Examples
    ///
    /// ```
    /// use cede::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// cede::run(|| -> std::io::Result<()> {
    ///     let group = Ipv4Addr::new(239, 1, 2, 3);
    ///     let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    ///     let port = receiver.local_addr()?.port();
    ///     receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    ///     let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    ///     sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    ///     sender.send_to(b"to all", (group, port))?;
    ///     let mut buffer = [0; 16];
    ///     assert_eq!(receiver.recv_from(&mut buffer)?.0, 6);
    ///     receiver.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
    /// })
    /// # .unwrap();
    /// ```
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.std().join_multicast_v4(group, interface).map_err(|error| named(error, "joins", group))
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// When it is not a member.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.std().leave_multicast_v4(group, interface).map_err(|error| named(error, "leaves", group))
    }

    /// Joins a multicast group of IPv6 on the interface with a number; 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// When the address is not one of multicast, or there is no such interface.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.std().join_multicast_v6(group, interface).map_err(|error| named(error, "joins", group))
    }

    /// Leaves a multicast group of IPv6.
    ///
    /// # Errors
    ///
    /// When it is not a member.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.std().leave_multicast_v6(group, interface).map_err(|error| named(error, "leaves", group))
    }

    /// The address of the interface through which multicast goes out.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        Ok(sockopt::ip_multicast_if(self)?)
    }

    /// Sets through which interface multicast goes out, by its address.
    ///
    /// # Errors
    ///
    /// When there is no such interface.
    pub fn set_multicast_if_v4(&self, interface: &Ipv4Addr) -> io::Result<()> {
        sockopt::set_ip_multicast_if(self, interface)
            .map_err(|error| named(error.into(), "sends multicast through", interface))
    }

    /// The number of the interface through which multicast of IPv6 goes out; 0 where the system chooses.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        Ok(sockopt::ipv6_multicast_if(self)?)
    }

    /// Sets through which interface multicast of IPv6 goes out, by its number.
    ///
    /// # Errors
    ///
    /// When there is no such interface.
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        sockopt::set_ipv6_multicast_if(self, interface).map_err(|error| {
            named(error.into(), "sends multicast through", format_args!("interface {interface}"))
        })
    }

    /// Whether multicast comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.std().multicast_loop_v4()
    }

    /// Sets whether multicast comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_loop_v4(&self, comes_back: bool) -> io::Result<()> {
        self.std().set_multicast_loop_v4(comes_back)
    }

    /// Whether multicast of IPv6 comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.std().multicast_loop_v6()
    }

    /// Sets whether multicast of IPv6 comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_loop_v6(&self, comes_back: bool) -> io::Result<()> {
        self.std().set_multicast_loop_v6(comes_back)
    }

    /// How many hops multicast may take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.std().multicast_ttl_v4()
    }

    /// Sets how many hops multicast may take; 1 by default, which stays in the local network.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.std().set_multicast_ttl_v4(ttl)
    }
}
