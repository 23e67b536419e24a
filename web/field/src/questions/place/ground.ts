// The outline of the world's countries (Natural Earth 1:50m, public domain), shipped with the app and read once: the ground on
// which places are shown with no network. No map tiles are ever asked for.
import type Feature from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import type Geometry from "ol/geom/Geometry";
import VectorSource from "ol/source/Vector";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import address from "world-atlas/countries-50m.json?url";

let loading: Promise<VectorSource> | null = null;

async function load(): Promise<VectorSource> {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`the outline of the world answered ${answer.status}`);
  const world = (await answer.json()) as Topology<{ countries: GeometryCollection<{ name: string }> }>;
  const read = new GeoJSON({ featureProjection: "EPSG:3857" }).readFeatures(feature(world, world.objects.countries)) as Feature<Geometry>[];
  return new VectorSource({ features: read });
}

/** The countries as polygons. Rejects when they were never fetched and there is no network; the next call tries again. */
export function ground(): Promise<VectorSource> {
  loading ??= load().catch((reason: unknown) => {
    loading = null;
    throw reason;
  });
  return loading;
}
