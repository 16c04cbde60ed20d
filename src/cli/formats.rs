//! What the files of `import` look like, as its help tells it. Must say what `import/` reads: the tests of the
//! help hold the lists against the readers.

/// Of `callout import`.
pub(super) const IMPORT: &str = r"Examples:
  callout import regions city.geojson --time-zone America/New_York
  callout import experts roster.csv --dry-run
  callout import tickets requests.csv.gz \
    --columns title=category,lat=latitude,lon=longitude,external_id=id
  callout import places zips.csv.gz --server http://127.0.0.1:8080 --token TOKEN
  callout import roads malta.osm.pbf --data DIR

A regions file is GeoJSON: a FeatureCollection of Polygon or MultiPolygon
features, longitude before latitude. Properties of a feature:
  id, name, time_zone, zips
id is needed; a missing name is the id; time_zone is an IANA name, else that of
--time-zone; zips is a list of beginnings of ZIP codes, for tickets without a
place. A region that is there already gets what the file says.

CSV files have a first line that names the columns, in any order; other columns
are ignored, and --columns says when a file calls one of ours by another name.

Columns of an experts file:
  id, name, phone, email, skills, home_lat, home_lon, shift, region
phone, email and region may be missing. skills look like 'tv:2;network', with
levels from 1 (when none is said) to 3; a shift looks like
'mon-fri 08:00-16:00;sat 09:00-13:00', in the region's time zone; an empty
region is found from the home.

Columns of a tickets file:
  external_id, created_at, title, description, product, skills, priority,
  due_at, window_from, window_to, channel, lat, lon, zip, address, duration_s
None of them alone is needed. Times look like 2026-01-31T08:00:00Z; without an
offset they are read in the zone of --time-zone. priority is low, normal, high
or urgent; channel web, phone, app or api; duration_s whole seconds. A row whose
external_id was taken over before makes no second ticket. Such a ticket has no
name or phone number: nobody is written to. Those come by POST /v1/tickets.

Columns of a places file (where a ZIP code lies, for tickets without a place):
  zip, latitude, longitude
All three are needed.

A roads file is an OpenStreetMap extract in PBF form (.osm.pbf). It is prepared
where the data lie, also beside a running server.

Exit codes: 0 done, also when some rows were refused (the report names them);
1 nothing at all was accepted, or the file cannot be read; 2 usage; 3 server not
reachable.
Token roles: admin; of tickets clerk too";

/// Of `callout expert import`.
pub(super) const EXPERTS: &str = r"Examples:
  callout expert import roster.csv --dry-run
  callout expert import roster.csv

Columns of an experts file:
  id, name, phone, email, skills, home_lat, home_lon, shift, region
CSV, with a first line that names them in any order; phone, email and region may
be missing. skills look like 'tv:2;network', with levels from 1 (when none is
said) to 3; a shift looks like 'mon-fri 08:00-16:00;sat 09:00-13:00', in the
region's time zone; an empty region is found from the home. The same as
callout import experts.

Exit codes: 0 done, also when some rows were refused (the report names them);
1 nothing at all was accepted, or the file cannot be read.
Token roles: admin";
