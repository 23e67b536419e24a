"""Files that partners and staff take: CSV, GeoJSON, GeoPackage, streamed."""
