"""Public links: keys with which whoever has one fills one form, without an account. Shown, made, renamed, revoked, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from server.config import Settings
from server.models import Actor, Assignment, Form, PublicLink
from server.problems import Problem
from server.queries import form_lists
from server.queries import public_links as queries
from server.services import authentication, entries, tokens
from server.services.audits import audit
from server.services.identity import Identity
from server.services.journal import now

ROLE = "pub-link"


def listed(session: Session, settings: Settings, form: Form) -> list[dict[str, Any]]:
    """The links of the form, the newest first; the token is null once a link is revoked."""
    rows = queries.of_form(session, form.id)
    makers = form_lists.actor_names(session, {link.created_by for link, _actor, _form in rows if link.created_by})
    return [_shown(settings, link, actor, makers.get(link.created_by or 0)) for link, actor, _form in rows]


def create(session: Session, settings: Settings, who: Identity, form: Form, name: str, once: bool) -> dict[str, Any]:
    """A new link, committed, with its token."""
    actor = Actor(type="public_link", display_name=entries.text("displayName", name), created_at=now())
    session.add(actor)
    session.flush()
    token = authentication.new_token()
    link = PublicLink(
        actor_id=actor.id, form_id=form.id, once=once, token_sha256=authentication.token_hash(token),
        token_sealed=tokens.seal(settings.secret_key, token), created_by=who.actor_id,
    )
    # The assignment is what opens the form to the link, as it does for app users.
    session.add_all([link, Assignment(actor_id=actor.id, role=ROLE, project_id=form.project_id, form_id=form.id)])
    audit(session, who, "public_link.create", f"actor/{actor.id}", {"form": form.xml_form_id, "name": actor.display_name})
    session.commit()
    return _shown(settings, link, actor, session.get(Actor, who.actor_id))


def change(
    session: Session, settings: Settings, who: Identity, form: Form, actor_id: int, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Renames a link or changes how often it is meant for, and commits. Raises Problem not_found."""
    link, actor, _form = _find(session, form, actor_id)
    if "displayName" in changes:
        actor.display_name = entries.text("displayName", changes["displayName"])
    if "once" in changes:
        link.once = bool(changes["once"])
    actor.updated_at = now()
    audit(session, who, "public_link.update", f"actor/{actor_id}", dict(changes))
    session.commit()
    return _shown(settings, link, actor, session.get(Actor, link.created_by or 0))


def delete(session: Session, who: Identity, form: Form, actor_id: int) -> None:
    """Takes a link off the list, shutting it out, and commits. What came by it stays. Raises Problem not_found."""
    link, actor, _form = _find(session, form, actor_id)
    actor.deleted_at = now()
    _shut(link)
    audit(session, who, "public_link.delete", f"actor/{actor_id}")
    session.commit()


def revoke(session: Session, who: Identity, token: str) -> bool:
    """Shuts the link with this token out and commits; it stays on the list. False when no live link has the token."""
    found = queries.by_token(session, authentication.token_hash(token))
    if found is None or found[0].revoked_at is not None:
        return False
    link, actor, _form = found
    _shut(link)
    actor.updated_at = now()
    audit(session, who, "public_link.session.end", f"actor/{actor.id}")
    session.commit()
    return True


def _find(session: Session, form: Form, actor_id: int) -> queries.Row:
    found = queries.one(session, form.id, actor_id)
    if found is None:
        raise Problem("not_found")
    return found


def _shut(link: PublicLink) -> None:
    link.revoked_at, link.token_sealed = link.revoked_at or now(), None


def _shown(settings: Settings, link: PublicLink, actor: Actor, maker: Actor | None) -> dict[str, Any]:
    token = None if link.revoked_at is not None else tokens.unseal(settings.secret_key, link.token_sealed)
    return {
        "id": actor.id, "type": actor.type, "display_name": actor.display_name, "created_at": actor.created_at,
        "updated_at": actor.updated_at, "deleted_at": actor.deleted_at, "once": link.once, "token": token, "created_by": maker,
    }
