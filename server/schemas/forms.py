"""Forms, their expected files, and changes of their state."""

from __future__ import annotations

from marshmallow import fields, validate

from server.schemas.actors import ActorAnswer
from server.schemas.base import Answer, Query, Request, Stamp


class FormAnswer(Answer):
    """A form with the version it shows; hash is the MD5 that OpenRosa lists name."""

    projectId = fields.Integer(attribute="project_id")
    id = fields.Integer()
    xmlFormId = fields.String(attribute="xml_form_id")
    name = fields.String()
    version = fields.String()
    hash = fields.String()
    sha = fields.String()
    sha256 = fields.String()
    state = fields.String()
    enketoId = fields.Constant(None)
    enketoOnceId = fields.Constant(None)
    keyId = fields.Integer(attribute="key_id", allow_none=True)
    draftToken = fields.String(attribute="draft_token", allow_none=True)
    webformsEnabled = fields.Constant(False)
    createdAt = Stamp(attribute="created_at")
    updatedAt = Stamp(attribute="updated_at")
    publishedAt = Stamp(attribute="published_at")
    deletedAt = Stamp(attribute="deleted_at")


class FormExtended(FormAnswer):
    """A form with what came in on it."""

    submissions = fields.Integer()
    lastSubmission = Stamp(attribute="last_submission")
    reviewStates = fields.Dict(attribute="review_states")
    createdBy = fields.Nested(ActorAnswer, attribute="created_by", allow_none=True)
    excelContentType = fields.String(attribute="source_type", allow_none=True)


class FormChange(Request):
    """What may change of a form."""

    state = fields.String(validate=validate.OneOf(["open", "closing", "closed"]))


class ExpectedFileAnswer(Answer):
    """A file that a form expects."""

    name = fields.String()
    type = fields.String()
    hash = fields.String(allow_none=True)
    exists = fields.Boolean()
    blobExists = fields.Boolean(attribute="blob_exists")
    datasetExists = fields.Boolean(attribute="dataset_exists")
    updatedAt = Stamp(attribute="updated_at")


class ExpectedFileChange(Request):
    """Whether an entity list of the file's name is served under it."""

    dataset = fields.Boolean(required=True)


class FieldAnswer(Answer):
    """A question, group or repeat; the names of odata=true are those of the OData tables."""

    path = fields.String()
    name = fields.String()
    type = fields.String()
    binary = fields.Boolean(allow_none=True)
    order = fields.Integer()
    selectMultiple = fields.Boolean(allow_none=True)


class DatasetPropertyDiff(Answer):
    """A property that a form writes. isNew: the list did not have it; inForm: this form writes it."""

    name = fields.String()
    isNew = fields.Boolean(attribute="is_new")
    inForm = fields.Boolean(attribute="in_form")


class DatasetDiffAnswer(Answer):
    """An entity list that a form writes."""

    name = fields.String()
    isNew = fields.Boolean(attribute="is_new")
    properties = fields.List(fields.Nested(DatasetPropertyDiff))


class FieldsQuery(Query):
    """How names are written. flatten is taken and means nothing: the list is flat."""

    odata = fields.Boolean()
    flatten = fields.Boolean()


class FormListQuery(Query):
    """Which forms."""

    deleted = fields.Boolean()


class FormUploadQuery(Query):
    """What to do with an uploaded form."""

    ignoreWarnings = fields.Boolean()
    publish = fields.Boolean()
    strict = fields.Boolean(metadata={"description": "refuse a form without meta, as ODK Central does"})


class DraftUploadQuery(Query):
    """What to do with an uploaded draft."""

    ignoreWarnings = fields.Boolean()
    strict = fields.Boolean(metadata={"description": "refuse a form without meta, as ODK Central does"})


class PublishQuery(Query):
    """The name of the version that a draft is published as."""

    version = fields.String()
