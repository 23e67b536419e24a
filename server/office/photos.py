"""Sends photos and other files of reports to pages: pictures re-made without EXIF, everything else as a download."""

from __future__ import annotations

from flask import Response, current_app, request
from werkzeug.http import dump_options_header

from server.models import Attachment, Blob, DecryptedFile
from server.problems import Problem
from server.services import clean_photos, thumbnails
from server.services.blobs import BlobStore

# A file from a phone must never act as a page of this server.
CAGE = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}


def send_picture(file: Attachment | DecryptedFile | None, size: str) -> Response:
    """The picture at that size ("thumb" or "full"), kept by the browser (never by proxies) as long as its hash stays.

    "original" is a download of the photo as it was taken, pixel for pixel, without position and EXIF.
    """
    if file is None:
        raise Problem("not_found")
    if size == "original":
        photo = clean_photos.content(current_app.config["SETTINGS"], file.blob_sha256, file.content_type)
        answer = Response(photo.chunks, mimetype=photo.content_type, headers={**CAGE, "Cache-Control": "private, no-store"})
        answer.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": file.name})
        return answer
    path = thumbnails.picture(current_app.config["SETTINGS"], file.blob_sha256, size)
    headers = {**CAGE, "Cache-Control": "private, max-age=86400", "ETag": f'"{file.blob_sha256[:32]}-{size}"'}
    if headers["ETag"] == request.headers.get("If-None-Match"):
        return Response(status=304, headers=headers)
    return Response(path.read_bytes(), mimetype="image/jpeg", headers=headers)


def send_original(file: Attachment | DecryptedFile | None, blob: Blob | None) -> Response:
    """A file that is no picture (sound, film, paper), as a download. Pictures go without EXIF through `send_picture`."""
    if file is None or blob is None:
        raise Problem("not_found")
    if thumbnails.is_photo(file.name, file.content_type):
        return send_picture(file, "full")
    answer = Response(BlobStore(current_app.config["SETTINGS"]).chunks(file.blob_sha256), mimetype="application/octet-stream")
    answer.headers.update(CAGE)
    answer.headers["Content-Disposition"] = dump_options_header("attachment", {"filename": file.name})
    answer.content_length = blob.size
    return answer
