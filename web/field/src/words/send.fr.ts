export default {
  "send.no-network": "Pas de liaison avec le bureau. Nouvel essai de lui-même.",
  "send.too-slow": "Le bureau n'a pas répondu à temps. Nouvel essai de lui-même.",
  "send.shut-out": "Le bureau a exclu cet appareil.",
  "send.gone": "Le rapport scellé n'est plus sur cet appareil.",
  "send.full": "L'appareil est plein.",
  "send.locked": "L'application est verrouillée.",
};
