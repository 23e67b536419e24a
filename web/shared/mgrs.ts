// Military grid reference of a WGS 84 position and back, computed here (transverse Mercator series, NGA's letter tables): a page
// shows the grid under the pointer and reads a typed one without asking anybody. Covers 80 S to 84 N; beyond that there is no
// UTM zone. Used by the officers' map and by the field app; it needs nothing from either.

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

/** Degrees of a place in a UTM zone; `northing` counted from the equator, negative south of it. */
function fromUtm(easting: number, northing: number, zone: number): { lat: number; lon: number } {
  const second = E2 / (1 - E2);
  const m = northing / K0;
  const mu = m / (A * (1 - E2 / 4 - (3 * E2 ** 2) / 64 - (5 * E2 ** 3) / 256));
  const e1 = (1 - Math.sqrt(1 - E2)) / (1 + Math.sqrt(1 - E2));
  const foot =
    mu +
    ((3 * e1) / 2 - (27 * e1 ** 3) / 32) * Math.sin(2 * mu) +
    ((21 * e1 ** 2) / 16 - (55 * e1 ** 4) / 32) * Math.sin(4 * mu) +
    ((151 * e1 ** 3) / 96) * Math.sin(6 * mu) +
    ((1097 * e1 ** 4) / 512) * Math.sin(8 * mu);
  const c = second * Math.cos(foot) ** 2;
  const t = Math.tan(foot) ** 2;
  const root = 1 - E2 * Math.sin(foot) ** 2;
  const n = A / Math.sqrt(root);
  const r = (A * (1 - E2)) / root ** 1.5;
  const d = (easting - 500000) / (n * K0);
  const phi =
    foot -
    ((n * Math.tan(foot)) / r) *
      (d ** 2 / 2 -
        ((5 + 3 * t + 10 * c - 4 * c ** 2 - 9 * second) * d ** 4) / 24 +
        ((61 + 90 * t + 298 * c + 45 * t ** 2 - 252 * second - 3 * c ** 2) * d ** 6) / 720);
  const turn =
    (d - ((1 + 2 * t + c) * d ** 3) / 6 + ((5 - 2 * c + 28 * t - 3 * c ** 2 + 8 * second + 24 * t ** 2) * d ** 5) / 120) / Math.cos(foot);
  return { lat: (phi * 180) / Math.PI, lon: zone * 6 - 183 + (turn * 180) / Math.PI };
}

/**
 * The place a typed grid reference names: the middle of its square, as the server reads it, and the side of the square in
 * metres (1 for ten digits). Spaces and small letters are allowed. Null when it is no reference or names no square.
 */
export function readMgrs(text: string): { lat: number; lon: number; side: number } | null {
  const parts = /^(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])(\d{0,10})$/.exec(text.replace(/\s+/g, "").toUpperCase());
  if (!parts) return null;
  const [, number, band, column, row, digits] = parts as unknown as [string, string, string, string, string, string];
  const zone = Number(number);
  const at = COLUMNS[(zone - 1) % 3]?.indexOf(column) ?? -1;
  if (zone < 1 || zone > 60 || at < 0 || digits.length % 2 !== 0) return null;
  const half = digits.length / 2;
  const side = 10 ** (5 - half);
  const easting = (at + 1) * 100000 + (Number(digits.slice(0, half) || 0) + 0.5) * side;
  const within = ((ROWS.indexOf(row) - (zone % 2 === 0 ? 5 : 0) + 20) % 20) * 100000 + (Number(digits.slice(half) || 0) + 0.5) * side;
  // Row letters repeat every 2,000 km: the right one is the one that lies in the band.
  const south = BANDS.indexOf(band) * 8 - 80;
  const north = band === "X" ? 84 : south + 8;
  for (let northing = within - 10000000; northing < 9400000; northing += 2000000) {
    if (northing < -8900000) continue;
    const { lat, lon } = fromUtm(easting, northing, zone);
    // The square may lie across the edge of its band; its middle is then half a side outside at most.
    const slack = side / 200000 + 1e-6;
    if (lat >= south - slack && lat < north + slack) return { lat, lon, side };
  }
  return null;
}
