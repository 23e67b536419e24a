// A page that shows the questions of a form one under the other, on the real engine, without the rest of the app. The tests
// hand it a form (window.openForm) and read the answers back as the engine would store them (window.answers).
import { createApp, h, shallowReactive, type Component } from "vue";
import { loadEngine } from "@field/engine/load";
import BarcodeQuestion from "@field/questions/BarcodeQuestion.vue";
import AudioQuestion from "@field/questions/media/AudioQuestion.vue";
import FileQuestion from "@field/questions/media/FileQuestion.vue";
import ImageQuestion from "@field/questions/media/ImageQuestion.vue";
import VideoQuestion from "@field/questions/media/VideoQuestion.vue";
import { maxBodyKey, photosAllowedKey } from "@field/questions/media/limits";
import GeopointQuestion from "@field/questions/place/GeopointQuestion.vue";
import GeoshapeQuestion from "@field/questions/place/GeoshapeQuestion.vue";
import GeotraceQuestion from "@field/questions/place/GeotraceQuestion.vue";
import SelectFromMap from "@field/questions/place/SelectFromMap.vue";
import { speak } from "@field/words";
import "@field/style.css";

const BY_TYPE: Record<string, Component> = { geopoint: GeopointQuestion, geotrace: GeotraceQuestion, geoshape: GeoshapeQuestion, barcode: BarcodeQuestion, string: SelectFromMap };
const BY_MEDIA: Record<string, Component> = { image: ImageQuestion, audio: AudioQuestion, video: VideoQuestion };

let root: any = null;
let photosAllowed = true;

function leaves(node: any): any[] {
  return node.currentState.children ? node.currentState.children.flatMap(leaves) : [node];
}
function component(node: any): Component | undefined {
  return node.nodeType === "upload" ? (BY_MEDIA[node.nodeOptions.media.type] ?? FileQuestion) : (node.nodeType === "select" ? SelectFromMap : BY_TYPE[node.valueType]);
}
function shown(): any[] {
  return leaves(root).filter((node) => node.nodeType !== "model-value" && node.currentState.reference.indexOf("/meta/") < 0);
}

Object.assign(window, {
  speak,
  forbidPhotos: () => (photosAllowed = false),
  async openForm(xml: string, files: Record<string, string>, draft: { xml: string; names: string[] } | null, maxBody: number | null) {
    const { loadForm } = await loadEngine();
    const config = { stateFactory: shallowReactive, instanceAttachments: { fileNameFactory: ({ basename, extension }: any) => `${Date.now()}-${basename}${extension ?? ""}` } } as any;
    const form: any = await loadForm(xml, {
      fetchFormAttachment: async (url: URL) => {
        const name = url.pathname.split("/").pop()!;
        return new Response(files[name], { headers: { "content-type": name.endsWith(".csv") ? "text/csv" : "application/geo+json" } });
      },
    } as any);
    if (form.status === "failure") throw form.error;
    const data = new FormData();
    if (draft) data.set("xml_submission_file", new File([draft.xml], "xml_submission_file", { type: "text/xml" }));
    for (const name of draft?.names ?? []) data.set(name, new File([new Uint8Array([1, 2, 3])], name));
    root = (draft ? await form.restoreInstance({ data: [data] }, config) : form.createInstance(config)).root;
    const app = createApp({
      render: () =>
        h("main", { class: "screen" }, shown().map((node) =>
          h("section", { class: "card", role: "group", "aria-labelledby": `${node.nodeId}-label`, key: node.nodeId }, [
            h("h1", { id: `${node.nodeId}-label` }, node.currentState.label?.asString ?? ""),
            h(component(node)!, { node, opened: null }),
          ]))),
    });
    app.provide(photosAllowedKey, async () => photosAllowed);
    app.provide(maxBodyKey, maxBody);
    app.mount("#app");
    Object.assign(window, { leave: () => app.unmount() });
  },
  /** The answer of a question as it would be stored. */
  answer: (name: string) => leaves(root).find((node) => node.currentState.reference.endsWith(`/${name}`)).instanceState.instanceXML as string,
  async file(name: string) {
    const file = leaves(root).find((node) => node.currentState.reference.endsWith(`/${name}`)).currentState.value as File | null;
    if (!file) return null;
    const bytes = new Uint8Array(await file.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { name: file.name, type: file.type, size: file.size, base64: btoa(text) };
  },
});
document.documentElement.dataset.ready = "yes";
