"""What a phone shows to the patrol, in English and French. Written for a patrol leader, with the receipt to read out."""

from __future__ import annotations

from flask import request
from werkzeug.datastructures import LanguageAccept

from server.problems import Problem
from server.services.intake import Receipt

LANGUAGES = ["en", "fr"]

_RECEIVED = {
    "en": "Report received. Receipt {number}.",
    "fr": "Compte rendu reçu. Reçu {number}.",
}
_KNOWN = {
    "en": "This report had been received before. Receipt {number}.",
    "fr": "Ce compte rendu avait déjà été reçu. Reçu {number}.",
}
_HELD = {
    "en": "Report received; an officer will look at it because {reason}. Receipt {number}.",
    "fr": "Compte rendu reçu ; un officier va l'examiner car {reason}. Reçu {number}.",
}
_REASONS = {
    "unknown_form": ("this server does not have the form", "ce serveur n'a pas ce formulaire"),
    "unknown_version": ("this server does not have this version of the form", "ce serveur n'a pas cette version du formulaire"),
    "form_closed": ("the form is closed", "le formulaire est clos"),
    "same_id_other_content": (
        "another report with the same number says something else", "un autre compte rendu du même numéro dit autre chose",
    ),
    "edit_id_taken": ("another report has the same number", "un autre compte rendu porte le même numéro"),
    "unknown_deprecated": (
        "the report that it corrects has not arrived yet", "le compte rendu qu'il corrige n'est pas encore arrivé",
    ),
    "stale_edit": ("the report was corrected by somebody else meanwhile", "le compte rendu a été corrigé entre-temps"),
    "submission_deleted": ("the office had deleted this report", "le bureau avait supprimé ce compte rendu"),
    "strictly_confidential": (
        "STRICTLY CONFIDENTIAL information may not be sent here",
        "des informations STRICTEMENT CONFIDENTIELLES n'ont pas leur place ici",
    ),
    "severe_sensitivity": (
        "information this sensitive may not be kept here", "des informations aussi sensibles ne sont pas gardées ici",
    ),
}
_PROBLEMS_FR = {
    "not_authenticated": "Identification refusée. Scannez de nouveau le code QR de votre poste.",
    "not_allowed": "Ce formulaire n'est pas attribué à cet appareil, ou son accès a été retiré. Adressez-vous à l'officier.",
    "not_found": "Introuvable sur ce serveur. Adressez-vous à l'officier.",
    "no_form_version": "Cette version du formulaire n'existe pas sur ce serveur. Téléchargez de nouveau le formulaire.",
    "form_closed": "Le formulaire est clos et ne prend plus de comptes rendus.",
    "xml_conflict": "Un compte rendu du même numéro existe déjà avec un autre contenu.",
    "edit_id_taken": "Un autre compte rendu porte déjà ce numéro.",
    "stale_edit": "La copie corrigée n'est plus à jour.",
    "submission_deleted": "Ce compte rendu a été supprimé au bureau.",
    "unparseable": "Le compte rendu est illisible : {reason}",
    "xml_refused": "Le XML a été refusé : {reason}",
    "multipart_unparseable": "L'envoi est incomplet ou illisible : {reason}. Envoyez de nouveau depuis l'application.",
    "missing_multipart_field": "Il manque la partie {field}. Envoyez de nouveau depuis l'application.",
    "missing_parameter": "Il manque {field}.",
    "too_large": "L'envoi dépasse ce que ce serveur accepte ({limit} octets). Envoyez moins de fichiers ou de plus petits.",
    "disk_full": "Le disque du serveur est plein ; rien n'a été enregistré. Gardez le compte rendu et prévenez l'administrateur.",
    "unwell": "Le serveur est momentanément indisponible. Réessayez plus tard.",
    "internal": "Erreur du serveur, notée sous {reference}. Réessayez.",
    "openrosa_version": "L'application n'annonce pas OpenRosa 1.0.",
    "read_only_account": "Ce compte peut regarder mais ne peut plus rien envoyer.",
}


def language() -> str:
    """"fr" or "en", as the request prefers."""
    return spoken(request.accept_languages)


def spoken(accepted: LanguageAccept) -> str:
    """The first of the languages that are spoken here; "fr-CM" is French."""
    wanted = (tag.partition("-")[0].lower() for tag in accepted.values())
    return next((tag for tag in wanted if tag in LANGUAGES), "en")


def received(language: str, number: str) -> str:
    """What a phone shows for a new report with that receipt."""
    return _RECEIVED[language].format(number=number)


def receipt_text(receipt: Receipt) -> str:
    """What became of the report, with its receipt number."""
    spoken = language()
    if receipt.stored:
        return (_RECEIVED if receipt.created else _KNOWN)[spoken].format(number=receipt.number)
    return _HELD[spoken].format(number=receipt.number, reason=_REASONS[str(receipt.reason)][LANGUAGES.index(spoken)])


def problem_text(problem: Problem) -> str:
    """The refusal and what to do about it."""
    french = _PROBLEMS_FR.get(problem.kind.name) if language() == "fr" else None
    if french is not None:
        return french.format_map({"reason": "?", "field": "?", "limit": "?", "reference": "?"} | problem.details)
    return f"{problem.message} {problem.advice}".strip()
