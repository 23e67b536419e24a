// The outline of the world's countries (Natural Earth 1:50m, public domain), shipped with the application, read once a page.
import GeoJSON from "ol/format/GeoJSON";
import type Feature from "ol/Feature";
import type Geometry from "ol/geom/Geometry";
import VectorSource from "ol/source/Vector";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import address from "world-atlas/countries-50m.json?url";

let loading: Promise<VectorSource> | undefined;

async function load(): Promise<VectorSource> {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`the outline of the world answered ${answer.status}`);
  const world = (await answer.json()) as Topology<{ countries: GeometryCollection<{ name: string }> }>;
  const countries = feature(world, world.objects.countries);
  const read = new GeoJSON({ featureProjection: "EPSG:3857" }).readFeatures(countries) as Feature<Geometry>[];
  return new VectorSource({ features: read });
}

/** The countries as polygons with a property `name`. */
export function worldOutline(): Promise<VectorSource> {
  loading ??= load();
  return loading;
}
