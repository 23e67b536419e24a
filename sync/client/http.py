"""The device's side of HTTP: OpenRosa headers, time-outs, and network faults told apart from refusals."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import requests

from sync.client.documents import message
from sync.client.multipart import Body
from sync.client.problems import ServerAway, ServerRefused

USER_AGENT = "fieldpost-device/1"
# ODK Collect's own: seconds to connect, seconds without a byte.
CONNECT_SECONDS, READ_SECONDS = 30, 60
TEMPORARY = frozenset({408, 423, 425, 429})
MAX_ANSWER = 1_000_000
DEFAULT_ACCEPTED = 10_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where reports go: the address, the largest body that the server takes (bytes), and whether it takes files in pieces."""

    url: str
    accepted: int
    in_pieces: bool


class Connection:
    """Talks to one server as one device. `clock` gives seconds since 1970; its time goes out as the Date header.

    timeouts: seconds to connect, and seconds without a byte, after which the way counts as cut.
    """

    def __init__(
        self, server_url: str, device_id: str, clock: Callable[[], float],
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self.server_url = server_url
        self._timeouts = timeouts
        self._device_id = device_id
        self._clock = clock
        self._session = requests.Session()
        # A proxy or password file of the machine must not change where reports go.
        self._session.trust_env = False
        self._session.headers.update({"X-OpenRosa-Version": "1.0", "User-Agent": USER_AGENT})

    def close(self) -> None:
        """Closes open connections."""
        self._session.close()

    def get(self, url: str, etag: str | None = None) -> requests.Response:
        """Downloads; 200 or, with an ETag, 304. Raises ServerRefused, ServerAway."""
        headers = {"If-None-Match": etag} if etag else {}
        response = self._request("GET", url, headers)
        if response.status_code == 304 and etag:
            return response
        if response.status_code != 200:
            raise self.failure(response)
        return response

    def announce(self) -> Target:
        """HEAD before sending: where to POST, how much at once, and whether large files may go in pieces.

        Raises ServerRefused, ServerAway. Only 204 means "send"; a new address is believed on the same host only.
        """
        url = f"{self.server_url}/submission"
        response = self._request("HEAD", url, {})
        if response.status_code != 204:
            raise self.failure(response)
        moved = response.headers.get("Location")
        if moved and urlsplit(urljoin(url, moved)).netloc == urlsplit(url).netloc:
            url = urljoin(url, moved)
        announced = response.headers.get("X-OpenRosa-Accept-Content-Length", "")
        accepted = int(announced) if announced.isascii() and announced.isdigit() else DEFAULT_ACCEPTED
        return Target(url, accepted, "1.0.0" in response.headers.get("Tus-Version", ""))

    def post(self, url: str, body: Body) -> requests.Response:
        """Sends one part and returns whatever the server answers. Raises ServerAway when no answer comes."""
        return self._request("POST", url, {"Content-Type": body.content_type}, body)

    def call(self, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> requests.Response:
        """Any request with a small body; returns whatever the server answers. Raises ServerAway when no answer comes."""
        return self._request(method, url, headers, body or None)

    def _request(
        self, method: str, url: str, headers: dict[str, str], body: Body | bytes | None = None
    ) -> requests.Response:
        date = email.utils.format_datetime(dt.datetime.fromtimestamp(self._clock(), dt.UTC), usegmt=True)
        try:
            response = self._session.request(
                method, url, headers={**headers, "Date": date}, params={"deviceID": self._device_id}, allow_redirects=False,
                data=body, timeout=self._timeouts,
            )
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise ServerAway(f"The server at {urlsplit(url).netloc} cannot be reached: {_cause(error)}") from error
        except requests.RequestException as error:
            raise ServerRefused(f"The address {url} cannot be used: {error}") from error
        return response

    def failure(self, response: requests.Response) -> ServerAway | ServerRefused:
        """What an answer that is no success means for the device."""
        said = message(response.content[:MAX_ANSWER]) or f"HTTP {response.status_code} {response.reason}"
        status = response.status_code
        if status >= 500 or status in TEMPORARY:
            return ServerAway(f"The server cannot take it now: {said}", retry_after(response, self._clock()))
        if status < 400:
            return ServerAway(f"Something between here and the server answers in its place (HTTP {status}).")
        return ServerRefused(f"The server turned this device away: {said}")


def retry_after(response: requests.Response, at: float) -> float | None:
    """The Retry-After header in seconds from `at`, whether it gives seconds or a date; None when there is none."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 86_400))
    try:
        moment = email.utils.parsedate_to_datetime(text) if text else None
    except ValueError:
        moment = None
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return min(max(moment.timestamp() - at, 0.0), 86_400.0)


def _cause(error: Exception) -> str:
    """The innermost reason, which says more than the layers around it."""
    seen: BaseException = error
    while seen.__cause__ or seen.__context__:
        seen = seen.__cause__ or seen.__context__ or seen
    return str(seen) or type(seen).__name__
