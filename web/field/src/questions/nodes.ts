// What the components of places and media need of the engine's nodes; only types.
import type { InputNode, SelectNode, UploadNode } from "@getodk/xforms-engine";
import type { Opened } from "../engine/types";

export type QuestionNode<V extends "geopoint" | "geotrace" | "geoshape" | "barcode"> = InputNode<V>;
export type { Opened, SelectNode, UploadNode };
