"""This machine's own address on the local network, read from its interfaces. Nothing is sent and no name is resolved."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys

_SIOCGIFADDR = 0x8915  # linux/sockios.h: the IPv4 address of an interface
# Interfaces of containers and virtual machines: a phone cannot reach them.
_VIRTUAL = ("lo", "docker", "br-", "veth", "virbr", "vmnet", "cni", "flannel")


def lan_address() -> str | None:
    """The IPv4 address that phones on the network can use, private ranges first; None when there is only loopback."""
    found = [ipaddress.IPv4Address(text) for text in _interface_addresses()]
    usable = [address for address in found if not (address.is_loopback or address.is_link_local or address.is_unspecified)]
    # sorted() is stable: among private addresses the system's order of interfaces decides.
    return str(sorted(usable, key=lambda address: not address.is_private)[0]) if usable else None


def is_local(host: str) -> bool:
    """Whether a host is of a local network: a private address, this machine, or a name that only such a network knows."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.lower().endswith((".local", ".lan", ".home.arpa", ".internal"))
    return address.is_private or address.is_loopback or address.is_link_local


def interface_addresses() -> list[str]:
    """The IPv4 addresses of this machine's interfaces but those of containers and virtual machines, loopback left out."""
    return [each for each in _interface_addresses() if not ipaddress.IPv4Address(each).is_loopback]


def _interface_addresses() -> list[str]:
    if not sys.platform.startswith("linux"):
        return _named_addresses()
    import fcntl

    addresses = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _index, name in socket.if_nameindex():
            if name.startswith(_VIRTUAL):
                continue
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # an interface without an IPv4 address
            addresses.append(socket.inet_ntoa(answer[20:24]))
    return addresses


def _named_addresses() -> list[str]:
    try:
        return socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []
