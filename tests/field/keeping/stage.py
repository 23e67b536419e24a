"""What the tests of keeping and sending share: the built page, a driver, a stand-in server and phones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import Playwright, sync_playwright

from tests.field.keeping.browsers import Phone, build
from tests.field.keeping.stand import Stand, new_key

PhoneMaker = Callable[[], Phone]
FORM = """<h:html xmlns="http://www.w3.org/2002/xforms"
 xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:entities="http://www.opendatakit.org/xforms/entities">
<h:head><h:title>Clinics</h:title><model><instance><data id="clinic" version="1"/></instance>
<bind nodeset="/data/beds" type="int" entities:saveto="beds"/>
<bind nodeset="/data/where/town" type="string" entities:saveto="town"/>
</model></h:head><h:body/></h:html>"""


def record(instance: str, *, name: str = "Clinic Zemio", entity: str = "", beds: str = "12", said: str = "kept secret") -> str:
    """A finished record of the form above."""
    block = entity or '<entity dataset="clinics" id="e-1" create="1"><label>Clinic Zemio</label></entity>'
    return (
        f'<data id="clinic" version="1"><beds>{beds}</beds><where><town>Bossangoa</town></where><note>{said}</note>'
        f"<meta><instanceID>{instance}</instanceID><instanceName>{name}</instanceName>{block}</meta></data>"
    )


@pytest.fixture(scope="module")
def page_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built keeping page."""
    return build(tmp_path_factory.mktemp("keeping"))


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    """Playwright's driver."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def office_key() -> rsa.RSAPrivateKey:
    """The office's key pair for sealing."""
    return new_key()


@pytest.fixture
def stand(page_files: Path, office_key: rsa.RSAPrivateKey) -> Iterator[Stand]:
    """A server that answers as it is told."""
    made = Stand(page_files, office_key).start()
    yield made
    made.stop()


@pytest.fixture
def keeper(stand: Stand, driver: Playwright, tmp_path: Path) -> Iterator[Phone]:
    """A phone with an empty profile that opens the keeping page."""
    made = Phone(driver, tmp_path / "profile", stand.url)
    yield made
    made.close()
