"""The one catalogue of problems. The integer part of a code is its HTTP status; Central's numbers for Central's cases.

Each door renders a Problem in its own way (JSON, OpenRosaResponse, page); nothing else turns errors into answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """code such as 409.3; message is a str.format template over the details; advice says what the reader can do."""

    code: float
    name: str
    message: str
    advice: str = ""


CATALOGUE: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(400.1, "unparseable", "Could not parse the given data: {reason}", "Send it again as the format demands."),
        Kind(400.2, "missing_parameter", "Required parameter {field} missing.", "Send it as well."),
        Kind(400.3, "missing_parameters", "Required parameters missing. Expected ({expected}), got ({got}).", "Send them as well."),
        Kind(400.5, "unparseable_odata", "The OData filter expression you provided could not be parsed: {reason}", "Look it up in the API guide."),
        Kind(400.7, "missing_multipart_field", "Required multipart POST field {field} missing.", "Send the report again from the app."),
        Kind(400.8, "unexpected_value", "Unexpected {field} value {value}; {reason}", "Mend the value."),
        Kind(400.11, "invalid_type", "Invalid input data type: expected {expected}, got {got}.", "Mend the value."),
        Kind(400.12, "undecryptable", "Could not perform decryption. Double check your passphrase and your data and try again.", "Check the passphrase; the key's hint may help."),
        Kind(400.15, "form_refused", "The form cannot be published: {count} finding(s).", "Mend each finding in the sheet and publish again."),
        Kind(400.16, "form_warnings", "The form has {count} warning(s).", "Mend them, or publish with warnings ignored."),
        Kind(400.17, "field_type_changed", "The type of the question {path} changed from {old} to {new}.", "Give the question a new name."),
        Kind(400.19, "missing_deprecated_id", "The edited report names no deprecatedID.", "Edit the report from its current version."),
        Kind(400.21, "passphrase_too_short", "The password or passphrase provided does not meet the required length.", "Take at least {shortest} characters."),
        Kind(400.25, "entity_form_invalid", "The entity definition within the form is invalid. {reason}", "Mend each finding in the form and publish again."),
        Kind(400.23, "no_property", "Could not find a property named '{property}'", "Name a property of the table, as its $metadata does."),
        Kind(400.24, "select_refused", "The given OData select property '{property}' uses features not supported by this server.", "Select the repeat as a whole, or read its own table."),
        Kind(400.28, "invalid_entity", "The entity is invalid. {reason}", "Mend the entity and send it again."),
        Kind(400.29, "pending_submissions", "There are {count} pending submissions", "Say with convert=true or false whether they make entities."),
        Kind(400.31, "unexpected_attributes", "Expected parameters: ({expected}). Got ({actual}).", "Send the expected ones only."),
        Kind(400.32, "no_conflict", "The Entity doesn't have any conflict", "There is nothing to settle."),
        Kind(400.39, "multipart_unparseable", "The multipart body could not be read: {reason}", "Send the report again from the app."),
        Kind(400.91, "csrf_failed", "The page was too old to be sent.", "Load the page again and repeat the step."),
        Kind(400.92, "xml_refused", "The XML was refused: {reason}", "Send plain XML without DTD or entities."),
        Kind(400.95, "envelope_damaged", "The sealed report cannot be opened: {reason}", "Send it again, or take it to the office as a file."),
        Kind(400.96, "envelope_unknown_key", "The sealed report was sealed for another server (key {key}).", "Take it to the server on which the device was set up."),
        Kind(400.94, "openrosa_version", "The request does not say X-OpenRosa-Version: 1.0.", "Send it from ODK Collect or another OpenRosa client."),
        Kind(401.2, "not_authenticated", "Could not authenticate with the provided credentials.", "Log in again."),
        Kind(403.1, "not_allowed", "The authentication you provided does not have rights to perform that action.", "Ask the administrator for the right."),
        Kind(403.2, "entity_action", "The submission attempts an entity {action}, but the form does not permit that action.", "Publish a form that declares it."),
        Kind(403.91, "read_only_account", "This account may look but no longer change anything.", "Ask the administrator, or use the account of the incoming unit."),
        Kind(403.92, "password_change_due", "The password was given by somebody else and must be changed first.", "Choose your own password."),
        Kind(403.93, "branch_refused", "An account of branch {branch} cannot have the role {role}: intelligence and CIMIC stay apart.", "Give it the role partner, which reads what is released."),
        Kind(404.1, "not_found", "Could not find the resource you were looking for.", "Check the address."),
        Kind(404.2, "no_api_version", "Expected an API version (eg /v1) at the start of the request URL.", "Begin the address with /v1."),
        Kind(404.3, "wrong_api_version", "Unexpected an API version (accepts: 1) (got: {got}).", "Begin the address with /v1."),
        Kind(404.6, "no_form_version", "The form version specified in this submission '{version}' does not exist.", "Get the form again from the server."),
        Kind(404.91, "upload_without_report", "No report {instance_id} from this sender is here.", "Send the report itself first, then its large files."),
        Kind(404.7, "no_dataset", "The dataset ({dataset}) specified in the submission does not exist.", "Check the list that the form names."),
        Kind(404.8, "no_entity", "The entity with UUID ({uuid}) specified in the submission does not exist in the dataset ({dataset}).", "Wait for the report that makes it, or apply the update anyway."),
        Kind(404.9, "no_entity_version", "Base version ({base}) does not exist for entity UUID ({uuid}) in dataset ({dataset}).", "Look at the report and apply it anyway if it is right."),
        Kind(404.11, "entity_deleted", "The entity with UUID ({uuid}) has been deleted.", "Restore the entity and enter the change again."),
        Kind(405.1, "method_not_allowed", "This address does not take {method}.", "See the API guide."),
        Kind(406.1, "not_acceptable", "Requested format not acceptable; this resource is offered as: {allowable}.", "Ask for an offered format."),
        Kind(409.1, "xml_conflict", "A submission already exists with this ID, but with different XML.", "Keep the report; tell the officer its number."),
        Kind(409.2, "form_closed", "The form is closed and takes no more reports.", "Ask the officer."),
        Kind(409.3, "uniqueness", "A resource already exists with {fields} value(s) of {values}.", "Choose another value."),
        Kind(409.4, "already_active", "Could not activate feature ({feature}) as it was already activated", "Nothing needs to be done."),
        Kind(409.6, "version_reused", "The version '{version}' of the form '{form}' was published before with other content.", "Give the form a new version."),
        Kind(409.7, "no_published_version", "The draft cannot be deleted, because the form has not been published.", "Delete the whole form, or replace the draft."),
        Kind(409.8, "edit_id_taken", "The edited report uses an instanceID that another report has.", "Edit it again from the app."),
        Kind(409.9, "stale_edit", "The copy you were editing ({expected}) is out of date.", "Fetch the current version and edit that."),
        Kind(409.15, "entity_version", "Current version of the Entity is '{current}' and you provided '{base}'. Please correct the version number or pass '?force=true' in the URL to forcefully update the Entity.", "Fetch it again, or force the change."),
        Kind(409.16, "dataset_name_case", "A dataset named '{current}' exists and you provided '{provided}' with the same name but different capitalization.", "Use the existing name."),
        Kind(409.17, "property_name_case", "This form attempts to create new Entity properties that match with existing ones except for capitalization: {names}.", "Use the existing names."),
        Kind(409.18, "submission_deleted", "This submission has been deleted. You may not resubmit it.", "Ask the officer."),
        Kind(409.19, "uuid_deleted", "The following UUID(s) cannot be used because they are associated with deleted Entities: ({entityUuids}).", "Restore those entities, or take new UUIDs."),
        Kind(409.91, "state_conflict", "That step is not possible now: {reason}", "Load the page again to see the present state."),
        Kind(409.92, "upload_offset", "The upload stands at byte {offset}, not {got}.", "Ask with HEAD and go on from there."),
        Kind(410.91, "upload_gone", "The upload was given up or has expired.", "Begin it again."),
        Kind(412.91, "tus_version", "The request does not say Tus-Resumable: 1.0.0.", "Send it from a client of tus 1.0.0."),
        Kind(409.95, "encrypted_file_missing", "The encrypted answers have not arrived yet.", "Wait until the phone has sent all its files, then unlock again."),
        Kind(409.96, "held_back", "The report is marked so that it must not be processed here; it stays locked.", "Hand it to the right channel."),
        Kind(409.97, "no_private_key", "The private key for this is not on this server.", "Add it with `fieldpost key import`, or decrypt where the key is."),
        Kind(413.1, "too_large", "The upload is larger than this server takes ({limit} bytes).", "Send fewer or smaller files."),
        Kind(415.1, "unsupported_type", "Files of the type {type} cannot be read here.", "Send one of: {allowable}."),
        Kind(422.91, "invalid_input", "{reason}", "Mend the field and send again."),
        Kind(422.92, "areas_refused", "The areas cannot be taken: {count} fault(s).", "Mend each row and send the file again; nothing was stored."),
        Kind(422.93, "backup_refused", "The backup cannot be restored: {reason}.", "Take another backup file; nothing was changed."),
        Kind(422.94, "list_unreadable", "The file cannot be read as a list (row {row}): {reason}", "Save it again as CSV UTF-8, XLSX, GeoJSON or GeoPackage."),
        Kind(422.95, "list_too_large", "The list is larger than can be taken: {what}, at most {limit}.", "Split it, or take out what is not needed."),
        Kind(422.96, "list_column", "No column is chosen for {field}.", "Choose the column, or leave that field out."),
        Kind(422.97, "cell_missing", "Row {row}, column {column}: nothing is written, and it is needed.", "Fill the cell, or leave the row out."),
        Kind(422.98, "cell_wrong", "Row {row}, column {column}: '{value}' is not understood as {expected}.", "Mend the cell; until then this value is left out."),
        Kind(422.99, "cell_repeated", "Row {row}, column {column}: '{value}' stands in row {first} already.", "Give each row its own; until then this row is left out."),
        Kind(429.1, "too_many_attempts", "Too many failed log-ins. Wait {seconds} seconds.", "Wait, or ask the administrator for a new password."),
        Kind(460.91, "checksum_mismatch", "The bytes do not have the checksum they were announced with.", "Send them again."),
        Kind(429.2, "too_many_passphrases", "Too many wrong passphrases. Wait {seconds} seconds.", "Wait; the key's hint may help."),
        Kind(500.1, "internal", "Something went wrong on the server. It was logged as {reference}.", "Try again; if it stays, give the administrator that reference."),
        Kind(501.1, "not_implemented", "The requested feature {feature} is not supported by this server.", "See the API guide."),
        Kind(501.2, "forms_mismatch", "The forms named are not exactly the forms of the project.", "Name each form of the project once."),
        Kind(501.5, "odata_field", "The field {field} cannot be used in the query.", "Use a field the API guide names."),
        Kind(503.1, "unwell", "The server is not well: {reason}.", "Ask the administrator to look at /health."),
        Kind(500.91, "sealing_key_lost", "The server's key for sealed reports was made under another FIELDPOST_SECRET_KEY.", "Start the server with the secret key that it had; reports on phones are safe until then."),
        Kind(507.1, "disk_full", "The server's disk is full; nothing was stored.", "Keep the report and tell the administrator."),
    )
}


class Problem(Exception):
    """A refusal with a code of the catalogue. `details` fill the message and are shown to API clients."""

    def __init__(self, name: str, **details: Any) -> None:
        self.kind = CATALOGUE[name]
        self.details = details
        super().__init__(self.message)

    @property
    def status(self) -> int:
        return int(self.kind.code)

    @property
    def message(self) -> str:
        return self.fill(self.kind.message)

    @property
    def advice(self) -> str:
        return self.fill(self.kind.advice)

    def fill(self, template: str) -> str:
        """A (translated) template of the catalogue with this problem's details put in."""
        return template.format_map(_Lenient(self.details))

    def as_dict(self) -> dict[str, Any]:
        """Central's JSON shape: message, code, details (only when there are any)."""
        body: dict[str, Any] = {"message": self.message, "code": self.kind.code}
        if self.details:
            body["details"] = {key: value for key, value in self.details.items()}
        return body


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"
