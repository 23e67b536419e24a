// Things of a list close to a position that was taken.
export default {
  "nearby.title": "Is it one of these? They are already known.",
  "nearby.away": "{metres} away",
  "nearby.another": "No, it is another one",
  "nearby.taken": "{name} is chosen: nothing is entered twice.",
  "nearby.not-taken": "{name} could not be chosen from here. Choose it in its question.",
  "nearby.another.said": "It counts as another one.",
};
