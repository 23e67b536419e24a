"""The door to form conversion: an XLSForm or XForm goes in, a publishable XForm or every finding comes out.

Importing this costs nothing; pyxform loads only where a conversion runs. A server uses ``convert_in_child``, so
that a hostile file can exhaust a child process and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from forms.findings import Converted, Finding, FormRefused, ValidatorMissing, error

__all__ = [
    "Converted",
    "Finding",
    "FormRefused",
    "ValidatorMissing",
    "convert",
    "convert_in_child",
    "java_available",
    "odk_validate",
]

CPU_SECONDS: Final = 20
MEMORY_BYTES: Final = 500 * 1024 * 1024
WALL_SECONDS: Final = 40
VALIDATE_SECONDS: Final = 60
# Not 1 and 2: those are Python's own for a traceback and for wrong arguments, with no JSON to read.
_EXIT_OK, _EXIT_REFUSED, _EXIT_NO_VALIDATOR = 0, 10, 11


def convert(
    data: bytes, filename: str, fallback_form_id: str | None = None, validate: bool = False, lenient: bool = False
) -> Converted:
    """Convert an XLSForm (.xlsx, .xls, .csv, .md) or check a ready XForm (.xml), in this process.

    ``fallback_form_id`` names a form whose settings sheet does not; ``validate`` runs ODK Validate as well. ``lenient``
    makes warnings of the faults that leave a form publishable, such as a function that only some clients know.
    Raises FormRefused with every finding, and ValidatorMissing when ``validate`` is asked for without Java.
    """
    from forms.conversion import convert_here  # pyxform costs 40 MB; importers of this module shall not pay.

    return convert_here(data, filename, fallback_form_id, validate, lenient=lenient)


def odk_validate(xml: bytes, timeout_s: float = VALIDATE_SECONDS) -> tuple[Finding, ...]:
    """Return what ODK Validate says of an XForm. Raises ValidatorMissing without Java."""
    from forms.formcheck.validator import odk_validate as run

    return run(xml, timeout_s)


def java_available() -> bool:
    """Tell whether ODK Validate can run here."""
    from forms.formcheck.validator import java_available as available

    return available()


def convert_in_child(
    data: bytes, filename: str, fallback_form_id: str | None = None, validate: bool = False, lenient: bool = False
) -> Converted:
    """Do what ``convert`` does in a child process that may use 20 s of processor time and 500 MB.

    Raises FormRefused, also when the child runs out of either, and ValidatorMissing.
    """
    name = _argument(PurePath(filename).name) or "form"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "form"
        source.write_bytes(data)
        command = [sys.executable, "-m", "forms.xlsform", str(source), "--limited", f"--name={name}"]
        command += [f"--fallback-form-id={_argument(fallback_form_id)}"] if fallback_form_id else []
        command += ["--validate"] if validate else []
        command += ["--lenient"] if lenient else []
        code, output = _run(command, WALL_SECONDS + (VALIDATE_SECONDS if validate else 0))
    return _answer(code, output)


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert one file and print JSON: the form, or the findings. Exit code 0, 10 refused, 11 validator missing."""
    parser = argparse.ArgumentParser(prog="python -m forms.xlsform", description="Convert and check a form.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--validate", action="store_true", help="run ODK Validate (needs Java) as well")
    parser.add_argument("--lenient", action="store_true", help="warn of faults that leave the form publishable")
    parser.add_argument("--fallback-form-id", help="form id to use where the settings sheet gives none")
    parser.add_argument("--name", help="file name to show and to judge the kind of file by")
    parser.add_argument("--limited", action="store_true", help="run with little processor time and memory")
    options = parser.parse_args(arguments)
    code, answer = _convert_to_json(options)
    json.dump(answer, sys.stdout)
    sys.stdout.write("\n")
    return code


def _convert_to_json(options: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    from forms.conversion import convert_here  # As in `convert`; and loaded before the memory is limited.

    if options.limited:
        _limit_self()
    try:
        data = options.file.read_bytes()
        name = options.name or options.file.name
        form = convert_here(
            data, name, options.fallback_form_id, options.validate, before_java=_lift_limits, lenient=options.lenient
        )
    except FormRefused as refusal:
        return _EXIT_REFUSED, {"findings": [finding.as_dict() for finding in refusal.findings]}
    except ValidatorMissing as missing:
        return _EXIT_NO_VALIDATOR, {"validator_missing": str(missing)}
    except MemoryError:
        return _EXIT_REFUSED, {"findings": [_too_heavy("memory").as_dict()]}
    except OSError as problem:
        unreadable = error("unreadable", f"The file cannot be read: {problem}", "Check its name and permissions.")
        return _EXIT_REFUSED, {"findings": [unreadable.as_dict()]}
    identity = {"form_id": form.form_id, "version": form.version, "title": form.title}
    # A ready XForm may be in any encoding and is handed on byte for byte.
    xml = form.xml.decode("utf-8", "surrogateescape")
    return _EXIT_OK, {**identity, "xml": xml, "findings": [f.as_dict() for f in form.findings]}


def _argument(text: str) -> str:
    """Make text from outside fit for a command line: no control characters, at most 300 characters."""
    return "".join(character for character in text if character.isprintable())[:300]


def _run(command: list[str], wall_seconds: float) -> tuple[int, bytes]:
    """Run the child in a session of its own, so that a time-out ends Java with it."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, arguments are made safe above
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_child_environment(),
        start_new_session=sys.platform != "win32",
    )
    try:
        output, _ = process.communicate(timeout=wall_seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        process.communicate()
        raise FormRefused([_too_heavy("time")]) from None
    return process.returncode, output


def _child_environment() -> dict[str, str]:
    """Give the child what Python and Java need and no more: it reads hostile files and needs no secrets."""
    needed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "JAVA_HOME", "SYSTEMROOT", "VIRTUAL_ENV")
    package_root = str(Path(__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in needed if name in os.environ}
    return {**kept, "PYTHONPATH": package_root, "PYTHONUTF8": "1"}


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _answer(code: int, output: bytes) -> Converted:
    if code not in (_EXIT_OK, _EXIT_REFUSED, _EXIT_NO_VALIDATOR):
        raise FormRefused([_too_heavy("time") if code == _killed_by_cpu_limit() else _broke_off()])
    answer = json.loads(output)
    if code == _EXIT_NO_VALIDATOR:
        raise ValidatorMissing(answer["validator_missing"])
    findings = tuple(Finding.from_dict(values) for values in answer["findings"])
    if code == _EXIT_REFUSED:
        raise FormRefused(findings)
    xml = answer["xml"].encode("utf-8", "surrogateescape")
    return Converted(xml, answer["form_id"], answer["version"], answer["title"], findings)


def _killed_by_cpu_limit() -> int | None:
    return None if sys.platform == "win32" else -signal.SIGXCPU


def _too_heavy(resource_name: str) -> Finding:
    message = f"Converting the form took too much {resource_name}."
    advice = "Make it smaller: put long choice lists into CSV files, split very long forms."
    return error(f"too-much-{resource_name}", message, advice)


def _broke_off() -> Finding:
    advice = "Make the form smaller, or save it again in a spreadsheet program; the file may be damaged."
    return error("conversion-broke-off", "The conversion broke off for lack of memory or because of the file.", advice)


def _limit_self() -> None:
    """Lower this process's soft limits. Windows has none; there the parent's time-out is the only one."""
    if sys.platform != "win32":
        import resource

        for kind, soft in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY_BYTES)):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _lift_limits() -> None:
    """Raise the soft limits again: a JVM reserves more address space than the conversion may use."""
    if sys.platform != "win32":
        import resource

        for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
