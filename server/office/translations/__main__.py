"""`python -m server.office.translations`: takes new words of the code into the French catalogue and says what lacks French."""

from __future__ import annotations

import sys

from server.office import translations


def main() -> int:
    """Exit status 1 when words lack a translation."""
    missing = translations.update()
    translations.COMPILED.write_bytes(translations.compile_french())
    for message in missing:
        sys.stderr.write(f"no French yet: {message.id}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
