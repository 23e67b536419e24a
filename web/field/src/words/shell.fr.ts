export default { "shell.title": "Fieldpost" };
