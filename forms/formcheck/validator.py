"""Runs ODK Validate, the engine of ODK Collect, on an XForm and reads its answer.

The jar lies inside pyxform's wheel. Java runs as a process of its own with a small heap and a time limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from forms.findings import Finding, Place, ValidatorMissing, error, warning

# 256 MB is enough for forms of 5,000 rows; the JVM's own memory comes on top, so no limit on its address space.
_JVM: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
_ADVICE: Final = "Correct the expression or the question that is named, and upload the form again."
_NOISE = re.compile(r"^\s*(at |\.\.\. \d+ more|The following files failed|Result: |>> |Caused by: )|^\s*$|^Validating: ")
_CLASS = re.compile(r"^(?:[a-z]+\.)+[A-Za-z.]*(?:Exception|Error): ?")
_NODE = re.compile(r"(/[^\W\d][\w.\-]*(?:/[^\W\d][\w.\-]*)+)")


def odk_validate(xml: bytes, timeout_s: float = 60) -> tuple[Finding, ...]:
    """Return what ODK Validate says of a form; empty when it passes. The node named stands in ``column``.

    Raises ValidatorMissing when Java or the jar is not installed.
    """
    java, jar = shutil.which("java"), _jar()
    if java is None:
        raise ValidatorMissing("ODK Validate needs Java 8 or newer; the command java was not found. Install a Java runtime.")
    if jar is None:
        raise ValidatorMissing("ODK Validate's jar is missing from the installed pyxform package. Install pyxform again.")
    with tempfile.TemporaryDirectory() as folder:
        form = Path(folder) / "form.xml"
        form.write_bytes(xml)
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command with a file of our own naming
                [java, *_JVM, "-jar", str(jar), str(form)], capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            message = f"ODK Validate did not finish within {timeout_s:g} seconds."
            return (error("validate-timeout", message, "Simplify the form: shorter lists, fewer nested expressions."),)
    output = done.stderr.decode("utf-8", "replace")
    return tuple(_findings(output, failed=done.returncode != 0))


def java_available() -> bool:
    """Tell whether ``odk_validate`` can run here."""
    return shutil.which("java") is not None and _jar() is not None


def _jar() -> Path | None:
    spec = find_spec("pyxform")
    if spec is None or spec.origin is None:
        return None
    jar = Path(spec.origin).parent / "validators" / "odk_validate" / "bin" / "ODK_Validate.jar"
    return jar if jar.is_file() else None


def _findings(output: str, failed: bool) -> Iterator[Finding]:
    message = _message(output)
    node = _NODE.search(message)
    place = Place(None, None, node.group(1) if node else None)
    if "java.lang.OutOfMemoryError" in output or "java.lang.StackOverflowError" in output:
        advice = "Shorten its expressions and lists; phones have less memory still."
        yield error("validate-memory", "The form needs more memory than ODK Validate may use.", advice)
    elif failed:
        yield error("odk-validate", message or "ODK Validate refused the form without a reason.", _ADVICE, place)
    elif message:
        yield warning("odk-validate", message, "Look at the question that is named.", place)


def _message(output: str) -> str:
    """Return the first complaint in words: stack trace, class names and what repeats are left out."""
    head = output.split("Caused by:", maxsplit=1)[0]
    lines = [_CLASS.sub("", line).strip() for line in head.splitlines() if not _NOISE.match(line)]
    kept = [line for line in lines if line and not line.endswith("form.xml")]
    return " ".join(dict.fromkeys(kept))
