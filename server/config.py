"""Settings are a table: name, type, default, help. They come from FIELDPOST_* variables; an unknown name is refused."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PREFIX = "FIELDPOST_"
EVERY_ADDRESS = ("0.0.0.0/0", "::/0")
# An account inside an address, with its password: never repeated in a message.
_ACCOUNT = re.compile(r"//[^/\s]*@")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*")


class SettingRefused(Exception):
    """A setting that cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True)
class Setting:
    """One row of the table of settings; `read` turns the text of the environment into the value."""

    name: str
    read: Callable[[str], Any]
    default: str
    help: str


def _size(text: str) -> int:
    units = {"k": 10**3, "m": 10**6, "g": 10**9}
    text = text.strip().lower().removesuffix("b")
    factor = units.get(text[-1:], 1)
    return int(float(text[:-1] if factor > 1 else text) * factor)


def _flag(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("say true or false")


def _proxy(text: str) -> tuple[str, ...]:
    """The networks whose forwarded headers are believed, as CIDR texts; `true` is every address."""
    try:
        return EVERY_ADDRESS if _flag(text) else ()
    except ValueError:
        return tuple(str(ipaddress.ip_network(each.strip(), strict=False)) for each in text.split(",") if each.strip())


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("name a zone of the IANA list, such as Africa/Bangui") from error


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("say a whole number from 1")
    return number


def _database(text: str) -> str:
    if text.startswith("postgresql://"):
        return "postgresql+psycopg://" + text.removeprefix("postgresql://")
    if text and not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("use sqlite:///PATH, postgresql://... or postgresql+psycopg://...")
    return text


def _mail(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"smtp", "smtp+starttls", "smtps"} or not parts.hostname or parts.username):
        raise ValueError("use smtp://HOST:PORT, smtp+starttls://HOST:PORT or smtps://HOST:PORT, without an account")
    if parts.port == 0:
        raise ValueError("a port is a number from 1")
    return text


def _secret_file(text: str) -> str:
    """The first line of a file; "" without one."""
    if not text:
        return ""
    try:
        return Path(text).read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except OSError as error:
        raise ValueError(f"the file cannot be read ({error.strerror})") from error


def _networks(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of a network in CIDR notation and a class of link."""
    found = []
    for pair in filter(None, (each.strip() for each in text.split(","))):
        network, _, name = (each.strip() for each in pair.partition("="))
        if name not in {"lan", "default", "satellite"}:
            raise ValueError(f"say lan, default or satellite after {network}=")
        found.append((str(ipaddress.ip_network(network, strict=False)), name))
    return tuple(found)


def _names(text: str) -> tuple[str, ...]:
    """Host names and addresses, each fit for a certificate."""
    found = tuple(each.strip().lower() for each in text.split(",") if each.strip())
    for name in found:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if len(name) > 253 or not _HOST.fullmatch(name):
                raise ValueError(f"{name!r} is neither a host name nor an address") from None
    return found


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError("a port is a number up to 65535")
    return number


SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", Path, "./data", "Directory of the database, the files and the secret key."),
    Setting("DATABASE_URL", _database, "", "SQLAlchemy URL; empty: SQLite in the data directory."),
    Setting("BLOB_URL", str, "", "Where files lie (fsspec URL, such as s3://bucket/prefix); empty: blobs/ in the data directory."),
    Setting("SECRET_KEY", str, "", "Key for cookies and sealed tokens; empty: made on first start and kept in the data directory, mode 0600."),
    Setting("BASE_URL", str, "", "Address that devices use, for QR codes, such as http://192.168.1.10:8080; empty: the address of the request."),
    Setting("MAX_BODY", _size, "1G", "Largest body of a request, in bytes (k, M, G allowed); a larger one is answered 413 at once."),
    Setting("ACCEPT_LENGTH", _size, "10M", "Size of one POST that devices are told to keep to (X-OpenRosa-Accept-Content-Length)."),
    Setting("ACCEPT_LENGTH_LAN", _size, "50M", "The same for devices on a cable or a local network (class lan)."),
    Setting("ACCEPT_LENGTH_SATELLITE", _size, "2M", "The same for devices on a thin or costly link (class satellite)."),
    Setting("NETWORKS", _networks, "", "Classes of links by network, such as 192.168.0.0/16=lan, 10.8.0.0/16=satellite; posts and devices are put in a class on their pages."),
    Setting("TIME_ZONE", _zone, "UTC", "Mission time, an IANA name; the set-up page can change it."),
    Setting("TRUSTED_PROXY", _proxy, "false", "Addresses or networks of the proxy in front, separated by commas (true: whoever connects): its X-Forwarded-For/-Proto/-Host are believed."),
    Setting("DIGEST", _flag, "true", "Whether devices may log in with e-mail and password by Digest; false: nothing is kept for it and it is not offered."),
    Setting("WEB_PROCESSES", _count, "2", "Web processes of `fieldpost serve`."),
    Setting("WEB_THREADS", _count, "16", "Threads of each web process."),
    Setting("MAIL_URL", _mail, "", "Mail server for links to set a new password and for reminders of returns: smtp://, smtp+starttls:// or smtps:// with host and port; empty: no mail is sent."),
    Setting("MAIL_USER", str, "", "Account on the mail server; empty: none is asked for."),
    Setting("MAIL_PASSWORD_FILE", _secret_file, "", "File that holds the password of that account."),
    Setting("MAIL_FROM", str, "", "Address that the mails come from; needed with MAIL_URL, as is BASE_URL."),
    Setting("LISTEN", str, "", "Set by `fieldpost serve` for its web processes: the address it listens on; with 0.0.0.0 QR codes carry the LAN address."),
    Setting("TLS_NAMES", _names, "", "Further names and addresses of this server, separated by commas, for the certificate of `fieldpost serve --tls`."),
    Setting("TLS_PORT", _port, "0", "Set by `fieldpost serve --tls` for its web processes: the port of its https; 0: none."),
    Setting("LOG_LEVEL", str, "INFO", "DEBUG, INFO, WARNING or ERROR."),
)


@dataclass(frozen=True)
class Settings:
    """The settings in force. database_url and blob_url are never empty."""

    data_dir: Path
    database_url: str
    blob_url: str
    secret_key: str
    base_url: str
    max_body: int
    accept_length: int
    time_zone: ZoneInfo
    trusted_proxy: tuple[str, ...]
    web_processes: int
    web_threads: int
    log_level: str
    listen: str = ""
    digest: bool = True
    accept_length_lan: int = 50_000_000
    accept_length_satellite: int = 2_000_000
    networks: tuple[tuple[str, str], ...] = ()
    mail_url: str = ""
    mail_user: str = ""
    mail_password: str = field(default="", repr=False)
    mail_from: str = ""
    tls_names: tuple[str, ...] = ()
    tls_port: int = 0


def _secret_key(data_dir: Path) -> str:
    path = data_dir / "secret.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(48)
        file.write(key)
    return key


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads FIELDPOST_* from `environ` (default os.environ), makes the data directory and the secret key when absent.

    Raises SettingRefused for an unknown name or a value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    known = {PREFIX + setting.name for setting in SETTINGS}
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingRefused(f"unknown setting {', '.join(unknown)}; the settings are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        text = environ.get(PREFIX + setting.name, "") or setting.default
        try:
            values[setting.name.lower()] = setting.read(text)
        except ValueError as error:
            shown = _ACCOUNT.sub("//***@", text)
            raise SettingRefused(f"{PREFIX}{setting.name}={shown!r} cannot be used: {error}. {setting.help}") from error
    values["mail_password"] = values.pop("mail_password_file")
    missing = [name for name in ("mail_from", "base_url") if not values[name]] if values["mail_url"] else []
    if missing:
        raise SettingRefused(f"{PREFIX}MAIL_URL needs {' and '.join(PREFIX + name.upper() for name in missing)} as well")
    parts = urlsplit(values["mail_url"])
    if values["mail_user"] and parts.scheme == "smtp" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise SettingRefused(f"{PREFIX}MAIL_USER would send its password in clear; use smtp+starttls:// or smtps://")
    data_dir = values["data_dir"] = values["data_dir"].resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    values["database_url"] = values["database_url"] or f"sqlite:///{data_dir / 'fieldpost.sqlite3'}"
    values["blob_url"] = values["blob_url"] or str(data_dir / "blobs")
    values["secret_key"] = values["secret_key"] or _secret_key(data_dir)
    return Settings(**values)
