"""OData answers over submissions: which rows, in pages, streamed. Reads submission after submission, never all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from lxml import etree
from sqlalchemy.orm import Session

from forms.xmlsafe import XmlRefused, parse_xml
from server.models import FormVersion
from server.problems import Problem
from server.queries import odata_filter
from server.queries import submission_lists as lists
from server.queries.submission_lists import Listed, Wanted
from server.services import documents
from server.services.forms import definition_of
from server.services.identity import Identity
from server.services.journal import now
from server.services.odata_layout import ROOT, Layout, layout_of
from server.services.odata_options import Options, select_columns, skip_token
from server.services.odata_rows import Reading, rows
from server.services.submissions import Place
from server.services.times import stamp

_layouts: dict[tuple[int, str], Layout] = {}
_MAX_LAYOUTS = 64
PIECE = 60_000


def layout(version: FormVersion) -> Layout:
    """The tables of a form version; kept per process."""
    key = (version.id, version.sha256)
    found = _layouts.get(key)
    if found is None:
        if len(_layouts) >= _MAX_LAYOUTS:
            _layouts.clear()
        found = _layouts[key] = layout_of(definition_of(version))
    return found


def wanted(session: Session, who: Identity, place: Place, options: Options) -> Wanted:
    """The submissions that the options ask for. Raises the problems of `odata_filter`."""
    base = place.wanted(who, deleted=options.wants_deleted)
    condition = None
    if options.filter:
        dialect = session.get_bind().dialect.name
        condition = odata_filter.condition(options.filter, lists.FILTER_FIELDS, now(), dialect)
    order = odata_filter.ordering(options.orderby, lists.FILTER_FIELDS) if options.orderby else []
    return replace(base, condition=condition, order=order)


@dataclass(frozen=True)
class Request:
    """One request for a table. service: absolute URL up to ".svc"; query: the query as sent; one: only this submission.

    parent: only the rows below this row of the repeat around the table.
    """

    service: str
    table: str
    query: Mapping[str, str]
    options: Options
    one: str | None = None
    parent: str | None = None


def feed(session: Session, asked: Request, found: Wanted, tables: Layout) -> Iterator[str]:
    """The JSON of a table, piece by piece. Raises Problem not_found before the first piece for an unknown table or row."""
    if asked.table not in tables.tables:
        raise Problem("not_found")
    single = None
    if asked.one is not None:
        single = lists.one(session, found, asked.one)
        if single is None:
            raise Problem("not_found")
    source = iter([single]) if single is not None else _source(session, asked, found)
    return _json(_Page(asked, source, tables), session, found)


def _source(session: Session, asked: Request, found: Wanted) -> Iterator[Listed]:
    options = asked.options
    resume = options.token.get("instanceId")
    if resume is not None:
        place = lists.place_of(session, found, resume)
        if place is None:
            raise Problem("unexpected_value", field="$skiptoken", value=resume[:50], reason="that submission is not there.")
        # A repeat's page may have ended inside a submission: it is read once more and its first rows are passed over.
        return lists.newest_first(session, found, place if asked.table == ROOT else place + 1)
    if options.top == 0 and asked.table == ROOT:
        return iter(())
    if asked.table == ROOT and (found.order or options.skip):
        limit = None if options.top is None else options.top + 1
        return lists.by_ids(session, lists.page_ids(session, found, limit, options.skip))
    if found.order:
        return lists.by_ids(session, lists.page_ids(session, found, None, 0))
    return lists.newest_first(session, found)


class _Page:
    """Walks over rows and keeps what the end of the answer needs: whether there are more, after which, how many in all."""

    def __init__(self, asked: Request, source: Iterator[Listed], tables: Layout) -> None:
        self.asked, self.source = asked, source
        self.reading = Reading(tables, asked.options.wkt, asked.options.expand)
        self.more = False
        self.last: dict[str, str] = {}
        self.total = 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the page; with $count on a repeat it reads on to the end, but yields no more."""
        asked, top = self.asked, self.asked.options.top
        to_pass = 0 if asked.table == ROOT else asked.options.skip
        after = asked.options.token.get("repeatId") if asked.table != ROOT else None
        counting = asked.options.count and asked.table != ROOT
        given = 0
        for instance_id, row in self._all():
            self.total += 1
            if after is not None:
                after = None if row["__id"] == after else after
                continue
            if to_pass:
                to_pass -= 1
                continue
            if top is not None and given >= top:
                self.more = True
                if counting:
                    continue
                return
            given += 1
            self.last = {"instanceId": instance_id}
            if asked.table != ROOT:
                self.last["repeatId"] = row["__id"]
            yield select_columns(row, asked.options.select)

    def _all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        asked = self.asked
        for listed in self.source:
            instance_id = listed.summary.root_instance_id
            element = answers_of(listed)
            for row in rows(self.reading, asked.table, element, instance_id):
                if asked.parent is not None and asked.parent not in _parents(row):
                    continue
                whole = {"__id": instance_id, "__system": system(listed), **row} if asked.table == ROOT else row
                yield instance_id, whole


def _parents(row: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in row.items() if key.startswith(f"__{ROOT}")]


def answers_of(listed: Listed) -> etree._Element | None:
    """The current version's XML, or None when it cannot be read (encrypted or purged)."""
    if listed.current.encrypted:
        return None
    xml = documents.xml_of(listed.current)
    try:
        return parse_xml(xml) if xml else None
    except XmlRefused as error:  # it was accepted once, so the limits have become stricter since
        raise Problem("internal", reference=listed.summary.receipt) from error


def system(listed: Listed) -> dict[str, Any]:
    """The `__system` columns of a submission."""
    summary = listed.summary
    status = None
    if listed.current.encrypted:
        status = "notDecrypted" if summary.files_present >= summary.files_expected else "missingEncryptedFormData"
    return {
        "submissionDate": stamp(summary.received_at), "updatedAt": stamp(summary.updated_at),
        "deletedAt": stamp(summary.deleted_at),
        "submitterId": None if summary.submitter_id is None else str(summary.submitter_id),
        "submitterName": listed.submitter.display_name if listed.submitter else None,
        "attachmentsPresent": summary.files_present, "attachmentsExpected": summary.files_expected, "status": status,
        "reviewState": summary.review_state, "deviceId": listed.current.device_id, "edits": summary.edits,
        "formVersion": summary.form_version,
    }


def _json(page: _Page, session: Session, found: Wanted) -> Iterator[str]:
    asked = page.asked
    pieces = [f'{{"@odata.context":{json.dumps(f"{asked.service}/$metadata#{asked.table}")},"value":[']
    size, separator = 0, ""
    for row in page.rows():
        text = separator + json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        separator = ","
        pieces.append(text)
        size += len(text)
        if size > PIECE:
            yield "".join(pieces)
            pieces, size = [], 0
    pieces.append("]")
    if page.more and page.last:
        pieces.append(f',"@odata.nextLink":{json.dumps(_next_link(asked, page.last))}')
    if asked.options.count:
        count = lists.count(session, found) if asked.table == ROOT and asked.one is None else page.total
        pieces.append(f',"@odata.count":{count}')
    yield "".join([*pieces, "}"])


def _next_link(asked: Request, last: Mapping[str, str]) -> str:
    """A plain absolute URL: the same query, continued after the last row; an ordered list continues by number."""
    query = {name: text for name, text in asked.query.items() if name not in {"$skiptoken", "$skip"}}
    if asked.options.orderby:
        query["$skip"] = str(asked.options.skip + (asked.options.top or 0))
    else:
        query["$skiptoken"] = skip_token(last)
    return f"{asked.service}/{asked.table}?{urlencode(query)}"
