// The fill screen with its real store and vault, but without enrolment and server: a test puts a questionnaire and its lists
// straight into the store (window.keep) and opens it (window.fill).
import { createApp, h } from "vue";
import FillScreen from "@field/fill/FillScreen.vue";
import { put, putFile } from "@field/store/database";
import { drafts } from "@field/store/drafts";
import { forms, formKey, type StoredForm } from "@field/store/forms";
import { vault } from "@field/vault/vault";
import { speak } from "@field/words";
import "@field/style.css";

let app: ReturnType<typeof createApp> | null = null;

Object.assign(window, {
  speak,
  drafts: () => drafts.list(),
  async keep(formId: string, title: string, xml: string, files: Record<string, string>, lists: string[]) {
    await vault.load();
    if (vault.state.value === "none") await vault.create("green lorry 58");
    const names: Record<string, string> = {};
    for (const [name, text] of Object.entries(files)) {
      names[name] = `hash-of-${name}`;
      await putFile("form-file", names[name], new Blob([text]));
    }
    const key = formKey(formId, "1");
    const form: StoredForm = { key, formId, version: "1", title, hash: "md5:1", xml, files: names, lists, current: true, languages: [], unsupported: [] };
    await forms.becomeCurrent(form);
    await put("facts", "latest", { maxBody: 100_000_000 });
    return key;
  },
  fill(formKey: string | null, draftId: string | null) {
    app?.unmount();
    document.querySelector("#app")!.replaceChildren();
    const told: string[] = [];
    Object.assign(window, { told });
    app = createApp({
      render: () =>
        h(FillScreen as never, {
          formKey: formKey ?? undefined, draftId: draftId ?? undefined, onLeft: () => told.push("left"),
          onSaved: (id: string) => told.push(`saved ${id}`), onFinished: (id: string) => told.push(`finished ${id}`),
        }),
    });
    app.mount("#app");
  },
  leave: () => app?.unmount(),
});
document.documentElement.dataset.ready = "yes";
