"""OData answers over submissions: which rows, in pages, streamed. Reads batch after batch, never all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import orjson
from sqlalchemy.orm import Session

from server.models import FormVersion
from server.problems import Problem
from server.queries import list_rows, odata_filter
from server.queries import submission_lists as lists
from server.queries.submission_lists import Wanted
from server.services.answer_tables import Instance
from server.services.export_parts import StoredTexts, wording
from server.services.export_rendering import Wording
from server.services.identity import Identity
from server.services.journal import now
from server.services.odata_layout import ROOT, Layout
from server.services.odata_options import Options, select_columns, skip_token
from server.services.odata_rows import Reading
from server.services.report_reading import Encrypted, Source
from server.services.submissions import Place

PIECE = 100_000


def layout(xml_form_id: str, version: FormVersion) -> Layout:
    """The tables of a form version; kept per process."""
    return wording(xml_form_id, version).layout


def wanted(session: Session, who: Identity, place: Place, options: Options) -> Wanted:
    """The submissions that the options ask for. Raises the problems of `odata_filter`."""
    base = place.wanted(who, deleted=options.wants_deleted)
    condition = None
    if options.filter:
        dialect = session.get_bind().dialect.name
        condition = odata_filter.condition(options.filter, lists.FILTER_FIELDS, now(), dialect)
    order = odata_filter.ordering(options.orderby, lists.FILTER_FIELDS) if options.orderby else []
    return replace(base, condition=condition, order=order)


def fingerprint(session: Session, found: Wanted, options: Options) -> str:
    """A text that changes when anything in the list changes, found without reading the list where that is possible."""
    stamp = None if options.filter and "now(" in options.filter else list_rows.list_stamp(session, found)
    return stamp or lists.fingerprint(session, found)


@dataclass(frozen=True)
class Request:
    """One request for a table. service: absolute URL up to ".svc"; path: what follows it; query: the query as sent.

    one: only this submission; parent: only the rows below this row of the repeat around the table.
    """

    service: str
    path: str
    table: str
    query: Mapping[str, str]
    options: Options
    one: str | None = None
    parent: str | None = None


def feed(source: Source, asked: Request, found: Wanted, words: Wording) -> Iterator[bytes]:
    """The JSON of a table, piece by piece. Raises Problem not_found before the first piece for an unknown table or row."""
    if asked.table not in words.layout.tables:
        raise Problem("not_found")
    _check_selected(asked, words.layout)
    session = source.session
    if asked.one is not None:
        place = lists.place_of(session, found, asked.one)
        batches = list(list_rows.by_ids(session, [place], _columns(session).where(*lists.conditions(found)))) if place else []
        if not any(batches):
            raise Problem("not_found")
        return _json(_Page(asked, source, iter(batches), found, words), session, found)
    return _json(_Page(asked, source, _batches(session, asked, found), found, words), session, found)


def _check_selected(asked: Request, tables: Layout) -> None:
    """Raises Problem no_property (400.23) for a $select of what the table does not have."""
    known = {"__id", "__system", *(f"__system/{name}" for name in SYSTEM)} if asked.table == ROOT else {"__id"}
    nodes = {child.name: child for child in tables.node(asked.table).children}
    for path in asked.options.select:
        if path in known or (asked.table != ROOT and path.startswith(f"__{ROOT}") and path.endswith("-id")):
            continue
        steps, here = path.split("/"), nodes
        for step in steps:
            node = here.get(step)
            if node is None:
                raise Problem("no_property", property=path)
            if node.kind == "repeat" and step is not steps[-1]:
                raise Problem("select_refused", property=path)
            here = {child.name: child for child in node.children}


def _columns(session: Session) -> Any:
    return list_rows.export_columns(session.get_bind().dialect.name)


def _batches(session: Session, asked: Request, found: Wanted) -> Iterator[list_rows.Batch]:
    options, columns = asked.options, _columns(session)
    resume = options.token.get("instanceId")
    # One row more than the page holds tells whether there is a next one.
    limit = None if options.top is None or asked.table != ROOT else options.top + 1
    if resume is not None:
        place = lists.place_of(session, found, resume)
        if place is None:
            raise Problem("unexpected_value", field="$skiptoken", value=resume[:50], reason="that submission is not there.")
        # A repeat's page may have ended inside a submission: it is read once more and its first rows are passed over.
        return list_rows.newest_first(session, found, columns, place if asked.table == ROOT else place + 1, limit)
    if options.top == 0 and asked.table == ROOT:
        return iter(())
    if asked.table == ROOT and (found.order or options.skip):
        return list_rows.by_ids(session, lists.page_ids(session, found, limit, options.skip), columns)
    if found.order:
        return list_rows.by_ids(session, lists.page_ids(session, found, None, 0), columns)
    return list_rows.newest_first(session, found, columns, None, limit)


class _Page:
    """Walks over rows and keeps what the end of the answer needs: whether there are more, after which, how many in all."""

    def __init__(
        self, asked: Request, source: Source, batches: Iterator[list_rows.Batch], found: Wanted, words: Wording
    ) -> None:
        self.asked, self.source, self.batches, self.found, self.words = asked, source, batches, found, words
        self.more = False
        self.last: dict[str, str] = {}
        self.total = 0

    def rows(self) -> Iterator[bytes]:
        """The rows of the page as JSON."""
        options = self.asked.options
        if self.asked.table != ROOT:
            return self._repeat_rows()
        plain = not (options.wkt or options.expand or options.select)
        return self._cut(self._stored_rows() if plain else self._root_rows())

    def _cut(self, rows: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
        top = self.asked.options.top
        if self.asked.one is not None and self.asked.options.skip:
            next(rows, None)
        for given, (instance_id, row) in enumerate(rows):
            self.total += 1
            if top is not None and given >= top:
                self.more = True
                return
            self.last = {"instanceId": instance_id}
            yield row

    def _stored_rows(self) -> Iterator[tuple[str, bytes]]:
        """Root rows as they are by default: the answers are mostly stored as text, only what is around them is made."""
        stored = StoredTexts(self.source, self.found, self.words, "odata")
        for batch in self.batches:
            texts, secrets = stored.of(batch)
            for row, text in zip(batch, texts, strict=True):
                head = orjson.dumps({"__id": row[2], "__system": system(row, secrets)})
                yield row[2], b"%s,%s}" % (head[:-1], text) if text else head

    def _root_rows(self) -> Iterator[tuple[str, bytes]]:
        reading = self._reading()
        for row, answers, secrets in self._answers(reading):
            instance_id = row.root_instance_id
            shown = next(reading.rows(ROOT, answers, instance_id))
            whole = select_columns({"__system": system(row, secrets), **shown}, self.asked.options.select)
            yield instance_id, orjson.dumps(whole)

    def _repeat_rows(self) -> Iterator[bytes]:
        """With $count it reads on to the end, but yields no more."""
        asked, options, reading = self.asked, self.asked.options, self._reading()
        to_pass, after, given = options.skip, options.token.get("repeatId"), 0
        for instance_id, row in self._all_repeats(reading):
            self.total += 1
            if after is not None:
                after = None if row["__id"] == after else after
                continue
            if to_pass:
                to_pass -= 1
                continue
            if options.top is not None and given >= options.top:
                self.more = True
                if options.count:
                    continue
                return
            given += 1
            self.last = {"instanceId": instance_id, "repeatId": row["__id"]}
            yield orjson.dumps(select_columns(row, asked.options.select))

    def _all_repeats(self, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
        parent = self.asked.parent
        for row, answers, _secrets in self._answers(reading):
            for each in reading.rows(self.asked.table, answers, row.root_instance_id):
                if parent is None or parent in _parents(each):
                    yield row.root_instance_id, each

    def _reading(self) -> Reading:
        options = self.asked.options
        return Reading(self.words.layout, options.wkt, options.expand) if options.wkt or options.expand else self.words.reading

    def _answers(self, reading: Reading) -> Iterator[tuple[Any, Instance | None, Mapping[int, Encrypted]]]:
        for batch in self.batches:
            plain = self.source.answers(reading.root, [row.current_fact_id for row in batch if not row.encrypted])
            secrets = self.source.encrypted(reading.root, [row.current_fact_id for row in batch if row.encrypted])
            for row in batch:
                yield row, secrets[row.current_fact_id].answers if row.encrypted else next(plain), secrets


def _parents(row: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in row.items() if key.startswith(f"__{ROOT}")]


SYSTEM = (
    "submissionDate", "updatedAt", "deletedAt", "submitterId", "submitterName", "attachmentsPresent", "attachmentsExpected",
    "status", "reviewState", "deviceId", "edits", "formVersion",
)


def system(row: Any, secrets: Mapping[int, Encrypted]) -> dict[str, Any]:
    """The `__system` columns (see SYSTEM) of a row of queries.list_rows.export_columns."""
    (
        _root, current, _instance_id, submitted_at, updated_at, deleted_at, submitter_id, submitter, present, expected, review,
        device, edits, version, encrypted,
    ) = row
    return {
        "submissionDate": submitted_at, "updatedAt": updated_at, "deletedAt": deleted_at,
        "submitterId": None if submitter_id is None else str(submitter_id), "submitterName": submitter,
        "attachmentsPresent": present, "attachmentsExpected": expected,
        "status": secrets[current].status if encrypted else None, "reviewState": review, "deviceId": device, "edits": edits,
        "formVersion": version,
    }


def _json(page: _Page, session: Session, found: Wanted) -> Iterator[bytes]:
    asked = page.asked
    pieces: list[bytes] = [b'{"@odata.context":%s,"value":[' % orjson.dumps(f"{asked.service}/$metadata#{asked.table}")]
    size, first = 0, True
    for row in page.rows():
        pieces.append(row if first else b"," + row)
        first = False
        size += len(row)
        if size > PIECE:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(b"]")
    if page.more and page.last:
        pieces.append(b',"@odata.nextLink":%s' % orjson.dumps(_next_link(asked, page.last)))
    if asked.options.count:
        count = lists.count(session, found) if asked.table == ROOT and asked.one is None else page.total
        pieces.append(b',"@odata.count":%d' % count)
    yield b"".join([*pieces, b"}"])


def _next_link(asked: Request, last: Mapping[str, str]) -> str:
    """A plain absolute URL: the same query, continued after the last row; an ordered list continues by number."""
    query = {name: text for name, text in asked.query.items() if name not in {"$skiptoken", "$skip"}}
    if asked.options.orderby:
        query["$skip"] = str(asked.options.skip + (asked.options.top or 0))
    else:
        query["$skiptoken"] = skip_token(last)
    return f"{asked.service}/{asked.path}?{urlencode(query)}"

