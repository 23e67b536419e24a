export default {
  "nearby.title": "Est-ce l'un de ceux-ci ? Ils sont déjà connus.",
  "nearby.away": "à {metres}",
  "nearby.another": "Non, c'en est un autre",
  "nearby.taken": "{name} est choisi : rien n'est saisi deux fois.",
  "nearby.not-taken": "{name} ne se laisse pas choisir d'ici. Choisissez-le dans sa question.",
  "nearby.another.said": "Il compte comme un autre.",
};
