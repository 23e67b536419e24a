// Which component answers a question. What needs a camera, a map or a bar code reader is loaded when such a question is on screen.
import { defineAsyncComponent, type Component } from "vue";
import { looks, type AnyControlNode } from "../engine/types";
import DateQuestion from "./DateQuestion.vue";
import NoteQuestion from "./NoteQuestion.vue";
import NumberQuestion from "./NumberQuestion.vue";
import RangeQuestion from "./RangeQuestion.vue";
import RankQuestion from "./RankQuestion.vue";
import SelectQuestion from "./SelectQuestion.vue";
import TextQuestion from "./TextQuestion.vue";
import TimeQuestion from "./TimeQuestion.vue";
import TriggerQuestion from "./TriggerQuestion.vue";
import Unsupported from "./Unsupported.vue";

const Geopoint = defineAsyncComponent(() => import("./place/GeopointQuestion.vue"));
const Geotrace = defineAsyncComponent(() => import("./place/GeotraceQuestion.vue"));
const Geoshape = defineAsyncComponent(() => import("./place/GeoshapeQuestion.vue"));
const FromMap = defineAsyncComponent(() => import("./place/SelectFromMap.vue"));
const ImageQuestion = defineAsyncComponent(() => import("./media/ImageQuestion.vue"));
const AudioQuestion = defineAsyncComponent(() => import("./media/AudioQuestion.vue"));
const VideoQuestion = defineAsyncComponent(() => import("./media/VideoQuestion.vue"));
const FileQuestion = defineAsyncComponent(() => import("./media/FileQuestion.vue"));
const BarcodeQuestion = defineAsyncComponent(() => import("./BarcodeQuestion.vue"));

const INPUTS: Record<string, Component> = {
  string: TextQuestion, int: NumberQuestion, decimal: NumberQuestion, date: DateQuestion, dateTime: DateQuestion, time: TimeQuestion,
  geopoint: Geopoint, geotrace: Geotrace, geoshape: Geoshape, barcode: BarcodeQuestion,
};
const UPLOADS: Record<string, Component> = { image: ImageQuestion, audio: AudioQuestion, video: VideoQuestion };

/** The component for a question; one that nothing fits says so on the screen. */
export function pick(node: AnyControlNode): Component {
  switch (node.nodeType) {
    case "input":
      return INPUTS[node.valueType] ?? TextQuestion;
    case "select":
      return looks(node).has("map") ? FromMap : SelectQuestion;
    case "upload":
      return UPLOADS[node.nodeOptions.media.type ?? ""] ?? FileQuestion;
    case "rank":
      return RankQuestion;
    case "range":
      return RangeQuestion;
    case "trigger":
      return TriggerQuestion;
    case "note":
      return NoteQuestion;
    default:
      return Unsupported;
  }
}
