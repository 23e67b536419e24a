// Military grid reference of a WGS 84 position, computed here (transverse Mercator series, NGA's letter tables): a page
// shows the grid under the pointer without asking anybody. Covers 80 S to 84 N; beyond that there is no UTM zone.

const A = 6378137;
const E2 = 0.00669438;
const K0 = 0.9996;
const BANDS = "CDEFGHJKLMNPQRSTUVWX";
const COLUMNS = ["ABCDEFGH", "JKLMNPQR", "STUVWXYZ"];
const ROWS = "ABCDEFGHJKLMNPQRSTUV";

function zoneOf(lat: number, lon: number): number {
  const zone = Math.min(60, Math.floor((lon + 180) / 6) + 1);
  if (lat >= 56 && lat < 64 && lon >= 3 && lon < 12) return 32;
  if (lat < 72 || lon < 0 || lon >= 42) return zone;
  return lon < 9 ? 31 : lon < 21 ? 33 : lon < 33 ? 35 : 37;
}

function utm(lat: number, lon: number, zone: number): { easting: number; northing: number } {
  const radians = Math.PI / 180;
  const phi = lat * radians;
  const second = E2 / (1 - E2);
  const n = A / Math.sqrt(1 - E2 * Math.sin(phi) ** 2);
  const t = Math.tan(phi) ** 2;
  const c = second * Math.cos(phi) ** 2;
  const a = Math.cos(phi) * (lon - (zone * 6 - 183)) * radians;
  const m =
    A *
    ((1 - E2 / 4 - (3 * E2 ** 2) / 64 - (5 * E2 ** 3) / 256) * phi -
      ((3 * E2) / 8 + (3 * E2 ** 2) / 32 + (45 * E2 ** 3) / 1024) * Math.sin(2 * phi) +
      ((15 * E2 ** 2) / 256 + (45 * E2 ** 3) / 1024) * Math.sin(4 * phi) -
      ((35 * E2 ** 3) / 3072) * Math.sin(6 * phi));
  const easting = K0 * n * (a + ((1 - t + c) * a ** 3) / 6 + ((5 - 18 * t + t ** 2 + 72 * c - 58 * second) * a ** 5) / 120) + 500000;
  const northing =
    K0 *
    (m +
      n *
        Math.tan(phi) *
        (a ** 2 / 2 + ((5 - t + 9 * c + 4 * c ** 2) * a ** 4) / 24 + ((61 - 58 * t + t ** 2 + 600 * c - 330 * second) * a ** 6) / 720));
  return { easting, northing: lat < 0 ? northing + 10000000 : northing };
}

/** Such as "34N BN 12345 67890" (metres, cut not rounded); empty outside the grid. */
export function mgrs(lat: number, lon: number): string {
  if (!(lat >= -80 && lat < 84)) return "";
  const east = ((((lon + 180) % 360) + 360) % 360) - 180;
  const zone = zoneOf(lat, east);
  const { easting, northing } = utm(lat, east, zone);
  const band = BANDS[Math.min(19, Math.floor((lat + 80) / 8))];
  const column = COLUMNS[(zone - 1) % 3]?.[Math.floor(easting / 100000) - 1];
  const row = ROWS[(Math.floor(northing / 100000) + (zone % 2 === 0 ? 5 : 0)) % 20];
  const digits = (metres: number): string => String(Math.floor(metres) % 100000).padStart(5, "0");
  return `${zone}${band} ${column}${row} ${digits(easting)} ${digits(northing)}`;
}
