"""Writers of files that leave the server. They stream, know no database and decide nothing about who may have what."""
