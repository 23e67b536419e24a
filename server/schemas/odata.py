"""What tables and exports take behind the question mark."""

from __future__ import annotations

from marshmallow import fields

from server.schemas.base import Query


class FilterQuery(Query):
    """Which rows, in which order, by the fields of __system."""

    filter = fields.String(data_key="$filter")
    orderby = fields.String(data_key="$orderby")


class ODataQuery(FilterQuery):
    """OData 4.0; other options are 501.1."""

    top = fields.Integer(data_key="$top", metadata={"minimum": 0})
    skip = fields.Integer(data_key="$skip", metadata={"minimum": 0})
    count = fields.Boolean(data_key="$count")
    select = fields.String(data_key="$select")
    expand = fields.String(data_key="$expand", metadata={"enum": ["*"]})
    wkt = fields.Boolean(data_key="$wkt")
    skiptoken = fields.String(data_key="$skiptoken")
    format = fields.String(data_key="$format", metadata={"enum": ["json"]})


class ExportQuery(FilterQuery):
    """The shape of CSV."""

    groupPaths = fields.Boolean()
    splitSelectMultiples = fields.Boolean()
    deletedFields = fields.Boolean()
    attachments = fields.Boolean()


class PlacesQuery(FilterQuery):
    """Which place of a report, and how many reports."""

    fieldpath = fields.String()
    limit = fields.Integer(metadata={"minimum": 0})
