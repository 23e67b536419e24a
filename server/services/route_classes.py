"""How much devices are told to send in one POST (X-OpenRosa-Accept-Content-Length), by the kind of link they come over.

A cut costs at most one POST, so a satellite link gets small ones and a cable large ones. Larger bodies are taken all the same.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Post
from server.problems import Problem
from server.queries import devices as queries
from server.services.audits import audit
from server.services.identity import Identity

CLASSES = ("lan", "default", "satellite")


def checked(name: str | None) -> str | None:
    """One of CLASSES, or None for an empty name (nobody said). Raises Problem invalid_input."""
    if not name:
        return None
    if name not in CLASSES:
        raise Problem("invalid_input", reason=f"Link: say one of {', '.join(CLASSES)}.", field="Link")
    return name


def accept_length(settings: Settings, who: Identity | None, address: str | None) -> int:
    """Bytes of one POST for this sender at this address: the device's class, else its network's, else its post's."""
    if who is None:
        return length_for(settings, None, None, address)
    return length_for(settings, who.route_class, who.post_route_class, address)


def length_for(settings: Settings, of_device: str | None, of_post: str | None, address: str | None) -> int:
    """The same from the classes that device and post are in."""
    name = of_device or _class_of(settings.networks, address or "") or of_post or "default"
    return {"lan": settings.accept_length_lan, "satellite": settings.accept_length_satellite}.get(name, settings.accept_length)


def put_device(session: Session, actor: Identity | None, actor_id: int, name: str | None) -> None:
    """Puts a device in a class, or back into its post's (empty), and commits. Raises Problem not_found, invalid_input."""
    device = queries.device(session, actor_id)
    if device is None:
        raise Problem("not_found")
    device.app_user.route_class = checked(name)
    audit(session, actor, "field_key.update", f"actor/{actor_id}", {"route_class": device.app_user.route_class})
    session.commit()


def put_post(session: Session, actor: Identity | None, post_id: int, name: str | None) -> None:
    """Puts the devices of a post in a class, and commits. Raises Problem not_found, invalid_input."""
    post = session.get(Post, post_id)
    if post is None:
        raise Problem("not_found")
    post.route_class = checked(name)
    audit(session, actor, "post.update", f"post/{post.code}", {"route_class": post.route_class})
    session.commit()


@lru_cache(maxsize=1024)
def _class_of(networks: tuple[tuple[str, str], ...], address: str) -> str | None:
    """The class of the narrowest network that holds the address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    held = [(ipaddress.ip_network(network), name) for network, name in networks]
    fitting = [(network.prefixlen, name) for network, name in held if found.version == network.version and found in network]
    return max(fitting)[1] if fitting else None
