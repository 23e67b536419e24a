// The map island. <div data-map data-source="points.geojson"> or data-points='{GeoJSON}' or data-lat/data-lon: outline of
// the world shipped with the application, graticule, points, pointer's MGRS and degrees. It never asks anybody outside.
import "ol/ol.css";
import Feature from "ol/Feature";
import OlMap from "ol/Map";
import Overlay from "ol/Overlay";
import View from "ol/View";
import { defaults as defaultControls } from "ol/control/defaults";
import ScaleLine from "ol/control/ScaleLine";
import { boundingExtent, createEmpty, extend, getCenter, isEmpty } from "ol/extent";
import type { Extent } from "ol/extent";
import type { FeatureLike } from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import type Geometry from "ol/geom/Geometry";
import LineString from "ol/geom/LineString";
import Point from "ol/geom/Point";
import { circular } from "ol/geom/Polygon";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import type BaseLayer from "ol/layer/Base";
import Graticule from "ol/layer/Graticule";
import VectorLayer from "ol/layer/Vector";
import { fromLonLat, toLonLat } from "ol/proj";
import Cluster from "ol/source/Cluster";
import VectorSource from "ol/source/Vector";
import Stroke from "ol/style/Stroke";
import { mgrs } from "../../shared/mgrs";
import { popup } from "./popup";
import { accuracyStyle, clusterStyle, countryStyle, linkStyle, pointStyle } from "./symbols";
import { worldOutline } from "./world";

const NAMED_BELOW = 40; // metres per pixel: nearer than this there is room for names
const format = new GeoJSON({ featureProjection: "EPSG:3857" });

async function features(place: HTMLElement): Promise<Feature<Geometry>[]> {
  const { source, points, lat, lon, accuracy, title } = place.dataset;
  if (points) return format.readFeatures(JSON.parse(points)) as Feature<Geometry>[];
  if (source) {
    const answer = await fetch(source, { headers: { Accept: "application/geo+json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${source} answered ${answer.status}`);
    return format.readFeatures(await answer.json()) as Feature<Geometry>[];
  }
  if (!lat || !lon) return [];
  const point = new Feature<Geometry>(new Point(fromLonLat([Number(lon), Number(lat)])));
  point.setProperties({ title: title ?? "", state: "kept", accuracy_m: accuracy ? Number(accuracy) : null });
  return [point];
}

function accuracyCircles(all: Feature<Geometry>[]): Feature<Geometry>[] {
  const circles: Feature<Geometry>[] = [];
  for (const feature of all) {
    const radius = Number(feature.get("accuracy_m") ?? 0);
    const geometry = feature.getGeometry();
    if (radius > 0 && geometry instanceof Point) {
      circles.push(new Feature(circular(toLonLat(geometry.getCoordinates()), radius, 48).transform("EPSG:4326", "EPSG:3857")));
    }
  }
  return circles;
}

function members(feature: FeatureLike): Feature<Geometry>[] {
  return (feature.get("features") as Feature<Geometry>[] | undefined) ?? [feature as Feature<Geometry>];
}

function pointLayer(points: VectorSource, clustered: boolean): VectorLayer<VectorSource> {
  const source = clustered ? new Cluster({ source: points as VectorSource<Feature<Geometry>>, distance: 34, minDistance: 12 }) : points;
  return new VectorLayer({
    source: source as VectorSource,
    declutter: false,
    style: (feature, resolution) => {
      const inside = members(feature);
      if (inside.length > 1) return clusterStyle(inside.length);
      const one = inside[0];
      return one ? pointStyle(String(one.get("state") ?? "plain"), String(one.get("title") ?? ""), clustered && resolution < NAMED_BELOW) : [];
    },
  });
}

function extentOf(sources: VectorSource[]): Extent {
  const extent = createEmpty();
  for (const source of sources) if (source.getFeatures().length) extend(extent, source.getExtent() ?? createEmpty());
  return extent;
}

function fit(view: View, extent: Extent): void {
  if (isEmpty(extent)) view.setCenter(fromLonLat([15, 10])), view.setZoom(2.2);
  else view.fit(extent, { padding: [44, 44, 52, 44], maxZoom: 16 });
}

function connect(points: Feature<Geometry>[]): Feature<Geometry>[] {
  const ends = ["a", "b"].map((state) => points.find((point) => point.get("state") === state)?.getGeometry());
  const [from, to] = ends;
  return from instanceof Point && to instanceof Point ? [new Feature<Geometry>(new LineString([from.getCoordinates(), to.getCoordinates()]))] : [];
}

function readout(map: OlMap, place: HTMLElement): void {
  const box = document.createElement("div");
  box.className = "map-readout";
  place.append(box);
  const show = (lon: number, lat: number): void => {
    box.textContent = `${mgrs(lat, lon)}   ${lat.toFixed(5)}, ${lon.toFixed(5)}`;
  };
  const centre = (): void => {
    const [lon, lat] = toLonLat(map.getView().getCenter() ?? [0, 0]);
    show(lon ?? 0, lat ?? 0);
  };
  map.on("pointermove", (event) => {
    const [lon, lat] = toLonLat(event.coordinate);
    show(lon ?? 0, lat ?? 0);
  });
  map.on("moveend", centre);
}

/** Keyboard: arrows and +/- move the map (OpenLayers), n and p go from point to point, Enter opens the one shown. */
function keyboard(map: OlMap, place: HTMLElement, points: VectorSource, open: (one: Feature<Geometry>) => void): void {
  let at = -1;
  place.addEventListener("keydown", (event) => {
    const all = points.getFeatures();
    if (!all.length || !["n", "p", "Enter"].includes(event.key)) return;
    event.preventDefault();
    const current = all[at];
    if (event.key === "Enter") {
      const link = current?.get("href") as string | undefined;
      if (link) window.location.assign(link);
      return;
    }
    at = (at + (event.key === "n" ? 1 : all.length - 1) + (at < 0 && event.key === "p" ? 1 : 0)) % all.length;
    const one = all[at];
    if (!one) return;
    map.getView().setCenter(getCenter(one.getGeometry()?.getExtent() ?? boundingExtent([])));
    open(one);
  });
}

function interact(map: OlMap, place: HTMLElement, points: VectorSource): void {
  const element = document.createElement("div");
  element.className = "map-popup";
  element.setAttribute("role", "status");
  const overlay = new Overlay({ element, offset: [0, -14], positioning: "bottom-center", stopEvent: true, autoPan: { margin: 12 } });
  map.addOverlay(overlay);
  const open = (one: Feature<Geometry>): void => {
    popup(element, one);
    overlay.setPosition(getCenter(one.getGeometry()?.getExtent() ?? createEmpty()));
  };
  map.on("singleclick", (event) => {
    const found = map.forEachFeatureAtPixel(event.pixel, (feature) => feature, { layerFilter: (layer) => layer.get("points") === true, hitTolerance: 6 });
    const inside = found ? members(found) : [];
    const one = inside[0];
    if (!one) return overlay.setPosition(undefined);
    if (inside.length === 1) return open(one);
    const extent = createEmpty();
    for (const member of inside) extend(extent, member.getGeometry()?.getExtent() ?? createEmpty());
    const stacked = extent[0] === extent[2] && extent[1] === extent[3];
    if (stacked || (map.getView().getZoom() ?? 0) >= 19) open(one);
    else map.getView().fit(extent, { padding: [60, 60, 60, 60], maxZoom: 19, duration: 150 });
  });
  map.on("pointermove", (event) => {
    place.style.cursor = map.hasFeatureAtPixel(event.pixel, { layerFilter: (layer) => layer.get("points") === true }) ? "pointer" : "";
  });
  keyboard(map, place, points, open);
}

function layers(countries: VectorSource, all: Feature<Geometry>[], circles: VectorSource, points: VectorLayer<VectorSource>): BaseLayer[] {
  return [
    new VectorLayer({ source: countries, declutter: true, style: (feature, resolution) => countryStyle(String(feature.get("name") ?? ""), resolution) }),
    new Graticule({ strokeStyle: new Stroke({ color: "rgba(91,102,114,0.28)", width: 1, lineDash: [2, 4] }), showLabels: true, wrapX: true }),
    new VectorLayer({ source: circles, style: accuracyStyle }),
    new VectorLayer({ source: new VectorSource({ features: connect(all) }), style: linkStyle }),
    points,
  ];
}

/** Turns the element into a map. Raises when its data cannot be fetched; the caller says so on the page. */
export async function showMap(place: HTMLElement): Promise<void> {
  const [all, countries] = await Promise.all([features(place), worldOutline()]);
  if (!place.isConnected) return;
  const points = new VectorSource({ features: all });
  const circles = new VectorSource({ features: accuracyCircles(all) });
  const clustered = place.dataset.cluster !== "no" && all.length > 1;
  const layer = pointLayer(points, clustered);
  layer.set("points", true);
  const canvas = document.createElement("div");
  canvas.className = "map-canvas";
  place.replaceChildren(canvas);
  place.tabIndex = 0;
  const map = new OlMap({
    target: canvas,
    keyboardEventTarget: place,
    controls: defaultControls({ attribution: false, rotate: false, zoomOptions: { zoomInTipLabel: place.dataset.zoomIn ?? "Zoom in", zoomOutTipLabel: place.dataset.zoomOut ?? "Zoom out" } }).extend([new ScaleLine()]),
    interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false, mouseWheelZoom: place.dataset.wheel !== "no" }),
    layers: layers(countries, all, circles, layer),
    view: new View({ minZoom: 1, maxZoom: 20 }),
  });
  fit(map.getView(), extentOf([points, circles]));
  readout(map, place);
  interact(map, place, points);
  place.dataset.mapReady = "yes";
  place.dataset.mapCount = String(all.length);
  new ResizeObserver(() => map.updateSize()).observe(canvas);
  document.body.addEventListener("htmx:beforeCleanupElement", (event) => {
    if (event.target instanceof Node && event.target.contains(place)) map.setTarget(undefined);
  });
}
