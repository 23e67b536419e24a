"""Fills a questionnaire on the screen as a person does: page by page, an answer to each question, until nothing is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, Page

MOST_PAGES = 400
PHOTO = "photo.jpg"


class Walker:
    """Walks through the open questionnaire. `answers`: by the English label's beginning; all else gets what fits."""

    def __init__(self, page: Page, answers: Mapping[str, str] | None = None, photo: bytes | None = None) -> None:
        self.page, self.answers, self.photo = page, dict(answers or {}), photo
        self.seen: list[str] = []

    def to_the_end(self) -> None:
        """Answers every page and stops on the last."""
        for _ in range(MOST_PAGES):
            if self.page.locator("#record-name").count():
                return
            self.answer_page()
            self.turn()
        raise AssertionError(f"no end after {MOST_PAGES} pages: {self.seen[-5:]}")

    def turn(self) -> None:
        """The next page."""
        shown = self.page.locator("footer .saved").inner_text().split("\n")[0]
        self.page.locator("footer button.primary").click()
        self.page.wait_for_function(
            "(before) => document.querySelector('footer .saved')?.innerText.startsWith(before) === false "
            "|| document.querySelector('#record-name') !== null", arg=shown or "\x00",
        )  # fmt: skip

    def finish(self) -> None:
        """Finishes; answers what is still missing and tries again."""
        wrong = ""
        for _ in range(4):
            self.page.get_by_role("button", name="Finish and send").click()
            self.page.wait_for_function(
                "() => document.querySelector('.question.wrong, .repeat') !== null || location.hash.startsWith('#/queue')"
                " || document.querySelector('main > .error') !== null"
            )
            if "#/queue" in self.page.url:
                return
            problem = self.page.locator("main > .error")
            if problem.count():
                raise AssertionError(problem.first.inner_text())
            wrong = " / ".join(each.inner_text() for each in self.page.locator(".question.wrong").all())
            self.answer_page()
            self.to_the_end()
        raise AssertionError(f"still wrong: {wrong}")

    def answer_page(self) -> None:
        """Answers every question of the page that stands open."""
        for question in self.page.locator("section.question").all():
            label = question.locator(".label").first.inner_text().split("\n")[0].rstrip("*").strip()
            self.seen.append(label)
            self._answer(question, label)

    def _wanted(self, label: str) -> str | None:
        return next((value for start, value in self.answers.items() if label.startswith(start)), None)

    def _answer(self, question: Locator, label: str) -> None:
        wanted = self._wanted(label)
        if wanted == "":
            return
        if question.locator("button.picked").count():
            self._pick(question, wanted)
        elif question.locator("input[type=radio]").count():
            option = question.locator(".choice", has_text=wanted).first if wanted else question.locator(".choice").first
            option.click()
        elif question.locator("input[type=checkbox]").count():
            option = question.locator(".choice", has_text=wanted).first if wanted else question.locator(".choice").first
            if not option.locator("input").is_checked():
                option.click()
        elif question.get_by_role("button", name="Today", exact=True).count():
            question.get_by_role("button", name="Today", exact=True).click()
        elif question.get_by_role("button", name="Now", exact=True).count():
            question.get_by_role("button", name="Now", exact=True).click()
        elif question.locator("input[type=file]").count():
            if self.photo is not None and not question.locator("button.remove").count():
                question.locator("input[type=file]").first.set_input_files(
                    {"name": PHOTO, "mimeType": "image/jpeg", "buffer": self.photo}
                )
                question.locator("button.remove").first.wait_for()
        elif question.locator("input[inputmode=numeric], input[inputmode=decimal]").count():
            question.locator("input").first.fill(wanted or "3")
        elif question.locator("input[type=text], textarea").count():
            field: Any = question.locator("input[type=text], textarea").first
            if not question.locator("button").count():
                field.fill(wanted or self._text(label))

    def _pick(self, question: Locator, wanted: str | None) -> None:
        button = question.locator("button.picked").first
        if re.search(r"Choose|Choisir", button.inner_text()) is None:
            return
        button.click()
        dialog = self.page.locator("dialog.picker[open]")
        if wanted:
            dialog.locator("input[type=search]").fill(wanted)
        hit = dialog.locator("button.hit").first
        hit.click()
        if dialog.count():
            dialog.locator(".head button").click()
        dialog.wait_for(state="detached")

    @staticmethod
    def _text(label: str) -> str:
        return f"words for {label[:40].lower()}"
