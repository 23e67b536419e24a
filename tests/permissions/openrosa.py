"""The devices' door: who may get forms and send reports.

One row per route: "METHOD /rule": who of the cast may. Written from rule C.8, not from the code: when the code
disagrees, think about which of the two is wrong.
"""

from __future__ import annotations

from tests.permissions.roles import ANYBODY, FILLERS, ONLY_DEVICES, Who

ROUTES: dict[str, Who] = {
    "GET /v1/projects/<project_id>/forms/<path:form_id>/versions/<version>/manifest": FILLERS,
    "GET /v1/key/<token>/projects/<project_id>/datasets/<path:name>/integrity": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/field": ONLY_DEVICES,
    "POST /v1/key/<token>/projects/<project_id>/sealed": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/formList": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/forms/<path:form_id>.xml": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/forms/<path:form_id>/attachments/<path:name>": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/forms/<path:form_id>/manifest": ONLY_DEVICES,
    "GET /v1/key/<token>/projects/<project_id>/submission": ONLY_DEVICES,
    "POST /v1/key/<token>/projects/<project_id>/submission": ONLY_DEVICES,
    "POST /v1/key/<token>/projects/<project_id>/uploads": ONLY_DEVICES,
    "HEAD /v1/key/<token>/projects/<project_id>/uploads/<upload_id>": ONLY_DEVICES,
    "PATCH /v1/key/<token>/projects/<project_id>/uploads/<upload_id>": ONLY_DEVICES,
    "DELETE /v1/key/<token>/projects/<project_id>/uploads/<upload_id>": ONLY_DEVICES,
    "POST /v1/key/<token>/projects/<project_id>/uploads/<upload_id>": ONLY_DEVICES,
    "POST /v1/projects/<project_id>/uploads": FILLERS,
    "HEAD /v1/projects/<project_id>/uploads/<upload_id>": FILLERS,
    "PATCH /v1/projects/<project_id>/uploads/<upload_id>": FILLERS,
    "DELETE /v1/projects/<project_id>/uploads/<upload_id>": FILLERS,
    "POST /v1/projects/<project_id>/uploads/<upload_id>": FILLERS,
    "GET /v1/projects/<project_id>/datasets/<path:name>/integrity": FILLERS,
    "GET /v1/projects/<project_id>/formList": FILLERS,
    "GET /v1/projects/<project_id>/forms/<path:form_id>.xml": FILLERS,
    "GET /v1/projects/<project_id>/forms/<path:form_id>/attachments/<path:name>": FILLERS,
    "GET /v1/projects/<project_id>/forms/<path:form_id>/manifest": FILLERS,
    "GET /v1/projects/<project_id>/submission": FILLERS,
    "POST /v1/projects/<project_id>/submission": FILLERS,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/datasets/<path:name>/integrity": ANYBODY,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft.xml": ANYBODY,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft/attachments/<path:name>": ANYBODY,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft/formList": ANYBODY,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft/manifest": ANYBODY,
    "GET /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft/submission": ANYBODY,
    "POST /v1/test/<token>/projects/<project_id>/forms/<path:form_id>/draft/submission": ANYBODY,
}
