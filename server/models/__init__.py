"""All tables. Importing this package is enough to have the whole metadata."""

from server.models.accounts import (
    Actor,
    ActorProperty,
    ActorValue,
    AppUser,
    Assignment,
    Audit,
    DigestSecret,
    DigestUse,
    LoginAttempt,
    LoginSession,
    PasswordReset,
    PublicLink,
    User,
)
from server.models.dictionaries import XmlDictionary
from server.models.duplicates import ReportFace, ReportPair
from server.models.encryption import DecryptedFile, Decryption, EncryptionKey
from server.models.facts import Block, Event, Fact, PendingFact, Seal
from server.models.form_downloads import FormDownload
from server.models.forms import Dataset, DatasetProperty, Form, FormAttachment, FormVersion, Project
from server.models.importing import ImportBatch, ImportRow
from server.models.mission import Area, AreaVersion, CodeItem, FormDuty, MissionSetting, Post, ReturnPlan, Sector, Unit
from server.models.registers import (
    BlockingKey,
    CandidatePair,
    Entity,
    EventTarget,
    Observation,
    Record,
    Release,
    ReviewTask,
)
from server.models.submissions import Attachment, Blob, ExportPart, ListStamp, Submission, SubmissionSummary
from server.models.uploads import ResumableUpload

__all__ = [
    "Actor",
    "ActorProperty",
    "ActorValue",
    "AppUser",
    "Area",
    "AreaVersion",
    "Assignment",
    "Attachment",
    "Audit",
    "Blob",
    "Block",
    "BlockingKey",
    "CandidatePair",
    "CodeItem",
    "Dataset",
    "DatasetProperty",
    "DecryptedFile",
    "Decryption",
    "DigestSecret",
    "DigestUse",
    "EncryptionKey",
    "Entity",
    "Event",
    "EventTarget",
    "ExportPart",
    "Fact",
    "Form",
    "FormAttachment",
    "FormDownload",
    "FormDuty",
    "FormVersion",
    "ImportBatch",
    "ImportRow",
    "ListStamp",
    "LoginAttempt",
    "LoginSession",
    "MissionSetting",
    "Observation",
    "PasswordReset",
    "PendingFact",
    "Post",
    "Project",
    "PublicLink",
    "Record",
    "Release",
    "ReportFace",
    "ReportPair",
    "ResumableUpload",
    "ReturnPlan",
    "ReviewTask",
    "Seal",
    "Sector",
    "Submission",
    "SubmissionSummary",
    "Unit",
    "User",
    "XmlDictionary",
]
