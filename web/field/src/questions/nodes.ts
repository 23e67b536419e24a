// What the components of places and media need of the engine's nodes; only types.
import type { InputNode, SelectNode, UploadNode } from "@getodk/xforms-engine";

export type QuestionNode<V extends "geopoint" | "geotrace" | "geoshape" | "string" | "barcode"> = InputNode<V>;
export type { SelectNode, UploadNode };
export type Opened = object | null;
