// The map on which a place is set or chosen. Loaded only when a question shows it: OpenLayers is heavier than the rest of the app.
import "ol/ol.css";
import Feature from "ol/Feature";
import OlMap from "ol/Map";
import View from "ol/View";
import ScaleLine from "ol/control/ScaleLine";
import { boundingExtent } from "ol/extent";
import type Geometry from "ol/geom/Geometry";
import LineString from "ol/geom/LineString";
import Point from "ol/geom/Point";
import Polygon, { circular } from "ol/geom/Polygon";
import { defaults as usualInteractions } from "ol/interaction/defaults";
import Graticule from "ol/layer/Graticule";
import VectorLayer from "ol/layer/Vector";
import { fromLonLat, toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import Circle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import { ground } from "./ground";

export interface At {
  lat: number;
  lon: number;
}
export interface Mark extends At {
  name?: string;
  /** chosen: filled; plain: hollow; new: not yet taken over, dashed. */
  look: "plain" | "chosen" | "new" | "me";
  /** Metres; drawn as a circle. */
  acc?: number;
}
export interface Drawn {
  marks: Mark[];
  paths: Array<{ places: At[]; closed: boolean }>;
}
export interface PlaceMap {
  draw(drawn: Drawn): void;
  fit(): void;
  zoom(by: number): void;
  goTo(at: At): void;
  centre(): At;
  close(): void;
}

const INK = "#101b22", ACCENT = "#0b6285", NEW = "#a3201d", ME = "#17683a";
const COLOURS = { plain: ACCENT, chosen: ACCENT, new: NEW, me: ME };
const NAMED_BELOW = 400; // metres per pixel: nearer than this there is room for names
const TOUCH = 24; // pixels round a mark that count as on it: half of a 48 px target

function markStyle(mark: Mark, resolution: number): Style {
  const colour = COLOURS[mark.look];
  const named = mark.name && (mark.look === "chosen" || resolution < NAMED_BELOW);
  return new Style({
    zIndex: mark.look === "plain" ? 1 : 2,
    image: new Circle({
      radius: mark.look === "plain" ? 8 : 10,
      fill: new Fill({ color: mark.look === "plain" ? "#fff" : colour }),
      stroke: new Stroke({ color: mark.look === "plain" ? colour : "#fff", width: 3 }),
    }),
    ...(named
      ? { text: new Text({ text: mark.name, offsetY: -20, font: "600 14px system-ui, sans-serif", fill: new Fill({ color: INK }), stroke: new Stroke({ color: "#fff", width: 4 }) }) }
      : {}),
  });
}

const pathStyle = new Style({ stroke: new Stroke({ color: ACCENT, width: 4 }), fill: new Fill({ color: "rgb(11 98 133 / 18%)" }) });
const circleStyle = new Style({ stroke: new Stroke({ color: ACCENT, width: 1.5 }), fill: new Fill({ color: "rgb(11 98 133 / 14%)" }) });
const countryStyle = new Style({ stroke: new Stroke({ color: "#8a989f", width: 1.2 }), fill: new Fill({ color: "#f7f5ec" }) });

const on = (at: At): number[] => fromLonLat([at.lon, at.lat]);

function at(coordinate: number[]): At {
  const [lon, lat] = toLonLat(coordinate);
  return { lat: Math.max(-90, Math.min(90, lat ?? 0)), lon: lon ?? 0 };
}

/**
 * A map inside an element. `tapped`: a tap on the ground; `picked`: a tap on the mark of that index of `marks`; `missing`: the
 * ground could not be read (the rest of the map works without it).
 */
export function openMap(place: HTMLElement, said: { tapped(at: At): void; picked(index: number): void; missing(): void }): PlaceMap {
  const source = new VectorSource<Feature<Geometry>>();
  const view = new View({ center: fromLonLat([20, 6]), zoom: 3, minZoom: 1, maxZoom: 20, enableRotation: false });
  const countries = new VectorLayer({ style: countryStyle });
  const map = new OlMap({
    target: place,
    view,
    controls: [new ScaleLine({ minWidth: 70 })],
    // One finger must be able to scroll the page past the map only outside of it: inside it moves the map.
    interactions: usualInteractions({ altShiftDragRotate: false, pinchRotate: false }),
    layers: [
      countries,
      new Graticule({
        showLabels: true, wrapX: true, strokeStyle: new Stroke({ color: "rgb(58 74 83 / 35%)", width: 1, lineDash: [3, 5] }),
        lonLabelStyle: new Text({ font: "12px system-ui, sans-serif", textBaseline: "bottom", fill: new Fill({ color: INK }), stroke: new Stroke({ color: "#fff", width: 3 }) }),
        latLabelStyle: new Text({ font: "12px system-ui, sans-serif", textAlign: "end", fill: new Fill({ color: INK }), stroke: new Stroke({ color: "#fff", width: 3 }) }),
      }),
      new VectorLayer({ source, style: (feature, resolution) => {
        const mark = feature.get("mark") as Mark | undefined;
        return mark ? markStyle(mark, resolution) : feature.get("circle") ? circleStyle : pathStyle;
      } }),
    ],
  });
  ground().then((outline) => countries.setSource(outline)).catch(said.missing);

  let drawn: Drawn = { marks: [], paths: [] };
  map.on("singleclick", (event) => {
    const near = drawn.marks
      .map((mark, index) => ({ index, look: mark.look, pixel: map.getPixelFromCoordinate(on(mark)) }))
      .filter(({ look, pixel }) => look !== "me" && look !== "new" && pixel)
      .map((each) => ({ ...each, far: Math.hypot(each.pixel[0]! - event.pixel[0]!, each.pixel[1]! - event.pixel[1]!) }))
      .sort((a, b) => a.far - b.far)[0];
    if (near && near.far <= TOUCH) said.picked(near.index);
    else said.tapped(at(event.coordinate));
  });

  return {
    draw(next) {
      drawn = next;
      source.clear();
      for (const path of next.paths) {
        if (path.places.length < 2) continue;
        const line = path.places.map(on);
        source.addFeature(new Feature<Geometry>(path.closed && line.length > 2 ? new Polygon([[...line, line[0]!]]) : new LineString(line)));
      }
      for (const mark of next.marks) {
        if (mark.acc) {
          const round = new Feature<Geometry>(circular([mark.lon, mark.lat], mark.acc, 48).transform("EPSG:4326", "EPSG:3857"));
          round.set("circle", true);
          source.addFeature(round);
        }
        const feature = new Feature<Geometry>(new Point(on(mark)));
        feature.set("mark", mark);
        source.addFeature(feature);
      }
    },
    fit() {
      const all = [...drawn.marks, ...drawn.paths.flatMap((path) => path.places)];
      if (all.length === 0) view.setCenter(fromLonLat([20, 6])), view.setZoom(3);
      else view.fit(boundingExtent(all.map(on)), { padding: [40, 40, 40, 40], maxZoom: 16 });
    },
    zoom(by) {
      view.setZoom((view.getZoom() ?? 3) + by);
    },
    goTo(where) {
      view.setCenter(on(where));
      if ((view.getZoom() ?? 0) < 12) view.setZoom(14);
    },
    centre: () => at(view.getCenter() ?? [0, 0]),
    close() {
      map.setTarget(undefined);
      map.dispose();
    },
  };
}
