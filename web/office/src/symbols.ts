// How things look on the map: every state has its colour and its shape, so that it reads in print and for the colour-blind.
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import RegularShape from "ol/style/RegularShape";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import type ImageStyle from "ol/style/Image";

const FONT = "system-ui, sans-serif";
const line = new Stroke({ color: "#ffffff", width: 2 });

function shape(points: number, angle: number, colour: string, radius = 9): ImageStyle {
  return new RegularShape({ points, radius, angle, fill: new Fill({ color: colour }), stroke: line });
}

const SHAPES: Record<string, ImageStyle> = {
  good: new CircleStyle({ radius: 7, fill: new Fill({ color: "#1a7f4b" }), stroke: line }),
  limited: shape(3, 0, "#b45f06", 10),
  bad: shape(4, Math.PI / 4, "#b3261e"),
  unknown: new CircleStyle({ radius: 6, fill: new Fill({ color: "#ffffff" }), stroke: new Stroke({ color: "#5b6672", width: 3 }) }),
  plain: new CircleStyle({ radius: 6, fill: new Fill({ color: "#1f5f99" }), stroke: line }),
  kept: shape(5, 0, "#1f5f99", 11),
  a: new CircleStyle({ radius: 9, fill: new Fill({ color: "#1f5f99" }), stroke: line }),
  b: shape(4, 0, "#8a3ffc", 11),
  observation: new CircleStyle({ radius: 5, fill: new Fill({ color: "#5b6672" }), stroke: line }),
};

const clusters = new Map<number, Style>();
const singles = new Map<string, Style>();

/** A bunch of points too near to tell apart, with their number. */
export function clusterStyle(count: number): Style {
  let style = clusters.get(count);
  if (!style) {
    const radius = 11 + Math.min(12, Math.log2(count) * 1.6);
    style = new Style({
      image: new CircleStyle({ radius, fill: new Fill({ color: "rgba(31,63,99,0.88)" }), stroke: line }),
      text: new Text({ text: String(count), font: `600 12px ${FONT}`, fill: new Fill({ color: "#ffffff" }) }),
      zIndex: 5,
    });
    clusters.set(count, style);
  }
  return style;
}

/** One thing, in the shape of its state; with its name when the map is near enough to have room for it. */
export function pointStyle(state: string, name: string, named: boolean): Style {
  const key = `${state}|${named ? name : ""}`;
  let style = singles.get(key);
  if (!style) {
    const text = new Text({
      text: named ? name : "", font: `12px ${FONT}`, offsetY: 18, fill: new Fill({ color: "#1b2733" }),
      stroke: new Stroke({ color: "rgba(255,255,255,0.9)", width: 3 }),
    });
    const image = SHAPES[state] ?? SHAPES.plain;
    style = image ? new Style({ image, text, zIndex: state === "kept" ? 9 : 6 }) : new Style({ text });
    if (singles.size > 4000) singles.clear();
    singles.set(key, style);
  }
  return style;
}

export const accuracyStyle = new Style({
  fill: new Fill({ color: "rgba(91,102,114,0.10)" }),
  stroke: new Stroke({ color: "rgba(91,102,114,0.55)", width: 1, lineDash: [4, 3] }),
});

export const linkStyle = new Style({ stroke: new Stroke({ color: "#1b2733", width: 2, lineDash: [6, 5] }) });

export const outlineStyle = new Style({ fill: new Fill({ color: "#fbfaf6" }), stroke: new Stroke({ color: "#9aa5b1", width: 1.2 }) });

const names = new Map<string, Style>();

/** A country's name, quiet enough to stay behind the points. */
export function countryStyle(name: string, resolution: number): Style[] {
  if (resolution > 12000 || resolution < 300) return [outlineStyle];
  let style = names.get(name);
  if (!style) {
    style = new Style({
      text: new Text({ text: name, font: `600 11px ${FONT}`, fill: new Fill({ color: "#7b8794" }), overflow: false }),
    });
    names.set(name, style);
  }
  return [outlineStyle, style];
}
