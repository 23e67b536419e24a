"""What can go wrong on a device, told so that whoever holds it knows what to do."""

from __future__ import annotations


class DeviceProblem(Exception):
    """A device cannot do what it was asked; the message says why and what helps."""


class EnrolmentRefused(DeviceProblem):
    """The text is neither a server URL nor a settings QR code."""


class ServerRefused(DeviceProblem):
    """The server turned the device itself away (its key, its address): nothing of the outbox was touched."""


class ServerAway(DeviceProblem):
    """The server cannot be reached or is unwell now; trying again later helps. retry_after: what it asked for, seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SenderBusy(DeviceProblem):
    """Another process sends from this outbox right now."""


class UnknownForm(DeviceProblem):
    """The device has not downloaded such a form."""
